"""The site can be built, strictly: every link leads somewhere, nothing is fetched, and a browser is content with it.

Addresses elsewhere cannot be tried where there is no network: they are looked at here, and fetched by a soak test.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.pages import ROOT
from tests.prose import read_prose

if not (ROOT / "mkdocs.yml").is_file():
    pytest.skip("this is not a checkout: there is no site to build", allow_module_level=True)

HOSTS = {"hydra.cc", "www.openml.org"}
"""Whom pages may link to: each can vanish, and is asked of by a soak test only."""
SOURCES = [path for pattern in ("*.md", "experiments/**/*.md") for path in sorted(ROOT.glob(pattern))]
"""What is read in the repository, too; the links of docs/ are those of the site."""
_LINK = re.compile(r'(?<!\\)\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"')
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)
AXE = Path(os.environ.get("AXE_CORE", str(resources.files("axe_core_python") / "axe.min.js")))
LOOKED_AT = ("index", "tutorial/first-answer", "reference/measures", "gallery")


class Page(HTMLParser):
    """What a page of the site refers to, and what can be referred to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.fetched, self.places = set[str](), set[str](), set[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.places.add(value)
            if value and (name == "src" or (name == "href" and tag == "link" and ("rel", "canonical") not in attrs)):
                self.fetched.add(value)
            elif value and name == "href":
                self.links.add(value)


read_page = cache(Page)


@pytest.fixture(scope="module")
def site() -> Path:
    """Build the site."""
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    told = subprocess.run([sys.executable, ROOT / "tools" / "site.py"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return ROOT / "build" / "site"


def test_it_has_a_page_for_each_source(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert [str(page) for page in pages if not (site / page).is_file()] == []


def test_every_link_of_the_site_leads_to_a_place(site):
    astray = []
    for path in site.rglob("*.html"):
        if path.name == "404.html":  # a server shows it at any depth, so its links begin at the root
            continue
        for link in read_page(path).links | read_page(path).fetched:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in read_page(target).places):
                astray.append(f"{path.relative_to(site)}: {link}")
    assert astray == []


def test_no_page_of_the_site_fetches_from_elsewhere(site):
    pages = {path: read_page(path).fetched for path in site.rglob("*.html")}
    outer = [
        (path, link) for path, links in pages.items() for link in links if urlsplit(link).scheme not in ("", "data")
    ]
    assert outer == []
    sheets = [path for path in site.rglob("*") if path.suffix in (".css", ".svg")]
    fetching = re.compile(r"""url\(["']?https?:|@import|<image[^>]+http|xlink:href=["']http""")
    assert [path for path in sheets if fetching.search(path.read_text(encoding="utf-8"))] == []


def test_every_link_of_other_pages_leads_to_a_place():
    astray = []
    for source in SOURCES:
        for link in list_links(source):
            parts = urlsplit(link)
            target = Path(os.path.normpath(source.parent / parts.path)) if parts.path else source
            is_made = target.parent == ROOT / "docs" / "reference"  # when the site is built
            is_there = target.exists() and (not parts.fragment or parts.fragment in list_places(target))
            astray += [] if parts.scheme or is_there or is_made else [f"{source.relative_to(ROOT)}: {link}"]
    assert astray == []


def list_links(source: Path) -> list[str]:
    """Name what a page in Markdown refers to."""
    return ["".join(link) for link in _LINK.findall(read_prose(source.read_text(encoding="utf-8")))]


def list_places(source: Path) -> set[str]:
    """Name the headings of a page as GitHub does."""
    heads = re.findall(r"^#+ (.+?)#*$", source.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


def list_addresses() -> list[str]:
    """Name the addresses elsewhere that pages link to."""
    pages = [*SOURCES, *(ROOT / "docs").rglob("*.md")]
    return sorted({link for page in pages for link in list_links(page) if urlsplit(link).scheme})


def test_pages_link_to_few_hosts_and_safely():
    addresses = [urlsplit(address) for address in list_addresses()]
    assert {parts.scheme for parts in addresses} <= {"https"}
    assert {parts.netloc for parts in addresses} <= HOSTS


@pytest.mark.soak
def test_addresses_elsewhere_answer():
    for address in list_addresses():
        asked = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert answer.status == 200, address


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are absent: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


def show(browser, page: Path, width: int = 1400, scheme: str = "light") -> None:
    """Open a page from its folder in a window, once its scripts have run."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())


def test_a_page_opened_from_a_folder_can_be_searched(site, browser):
    from selenium.webdriver.support.ui import WebDriverWait

    show(browser, site / "index.html")
    browser.get_log("browser"), browser.get_log("performance")
    entry = browser.find_element("css selector", ".md-search__input")
    entry.click()
    entry.send_keys("learning rate")
    found = "return [...document.querySelectorAll('.md-search-result__link')].map(link => link.href)"
    links = WebDriverWait(browser, 60).until(lambda _: browser.execute_script(found))
    assert all((site / Path(unquote(urlsplit(link).path)).relative_to(site)).is_file() for link in links)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert {urlsplit(address).scheme for address in asked} <= {"file", "data"}


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_axe_core_finds_no_violation(site, browser, name, width, scheme):
    show(browser, site / f"{name}.html", width, scheme)
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    violations = browser.execute_async_script(
        "axe.run({resultTypes: ['violations']}).then(found => arguments[0](found.violations.map(one => "
        "[one.id, one.help, one.nodes.map(node => node.html)])))"
    )
    assert violations == []


def test_every_page_fits_a_phone(site, browser):
    width = "return document.documentElement.scrollWidth"
    wide = []
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*search*.js"]})  # each page would read the whole index
    for page in sorted(site.rglob("*.html")):
        show(browser, page, 390)
        wide += [str(page.relative_to(site))] if browser.execute_script(width) != 390 else []
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    assert wide == []
