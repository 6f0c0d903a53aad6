"""The report as a reader sees it: in a real browser, at the widths of a desk and of a phone."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnsweep.api.report import write_report
from nnsweep.results.frame import frame
from nnsweep.results.report.report import findings
from nnsweep.results.report.study import Origin, Study
from nnsweep.tracking.record import RunRecord

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)
WIDTHS = [1400, 390]
HEIGHTS = {1400: 900, 390: 844}
AXE = Path(os.environ.get("AXE_CORE", str(resources.files("axe_core_python") / "axe.min.js")))
"""The checker of accessibility; its environment variable names a newer one."""
at_a_desk = pytest.mark.parametrize("opened", WIDTHS[:1], indirect=True)

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="chromium and chromedriver are absent: apt-get install chromium chromium-driver"
)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(300)  # axe-core looks at thousands of marks
    yield driver
    driver.quit()


def study(n: int, *, n_seeds: int = 3, failing: bool = False) -> Study:
    """Make up a study of some configurations; if it is failing, with gaps, failures and hostile reasons."""
    records, histories = [], {}
    generator = np.random.default_rng(n)
    for number in range(n):
        depth, width, rate = 1 + number % 4, 2 ** (2 + number // 4 % 5), 10.0 ** -(number // 20 % 10)
        if failing and number % 7 == 3:
            continue
        for seed in range(n_seeds):
            failed = failing and (number + seed) % 5 == 0
            accuracy = float(0.8 + 0.02 * depth + 0.001 * width - 0.02 * (number // 20) + 0.01 * generator.normal())
            metrics = {"n_parameters": float(64 * width + depth * width**2), "depth": float(depth)}
            metrics |= {"width": float(width), "duration_seconds": 0.01 * width * depth}
            measured = {"test_accuracy": accuracy, "best_val_accuracy": accuracy, "max_test_accuracy": accuracy + 0.01}
            run_id = f"{number:03}{seed:02}"
            records.append(
                RunRecord(
                    run_id=run_id,
                    name=f"{'-'.join([str(width)] * depth)}-relu-s{seed}",
                    state="diverged" if failed else "finished",
                    reason="<script>document.title = 'reached'</script>" if failed else "",
                    settings={
                        "hidden_layer_sizes": "-".join([str(width)] * depth),
                        "activation": "<b onclick=alert(1)>relu</b>" if failing else "relu",
                        "optimizer.learning_rate": rate,
                        "data": "digits",
                        "seed": seed,
                    },
                    metrics=metrics if failed else metrics | measured,
                    sweep="20260101-120000-abcd",
                    job=len(records),
                )
            )
            epochs = np.arange(21)
            curve = accuracy * (1 - np.exp(-epochs / 3))
            histories[run_id] = pd.DataFrame(
                {"epoch": epochs, "learning_rate": rate, "train_cost": np.exp(-epochs / 8)}
                | {"val_accuracy": curve, "test_accuracy": curve}
            )
    origin = Origin(experiment="sizes", commands=("nnsweep report sizes --output " + "very-" * 40 + "long.html",))
    return Study(runs=frame(records), histories=histories, origin=origin)


CASES = {"one": (1, 1, False), "nine": (9, 3, False), "many": (100, 3, True)}


@pytest.fixture(scope="module", params=CASES)
def page(request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    n, n_seeds, failing = CASES[request.param]
    path = tmp_path_factory.mktemp(request.param) / "report.html"
    found = findings(study(n, n_seeds=n_seeds, failing=failing), "Which depth & width? <script>alert(1)</script>")
    write_report(found, path)
    return path


@pytest.fixture(params=WIDTHS)
def opened(request, browser, page) -> Callable:
    size = {"width": request.param, "height": HEIGHTS[request.param], "deviceScaleFactor": 1}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"mobile": request.param < 500})
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page.as_uri())
    return browser


def test_page_loads_nothing_logs_nothing_and_fits_its_window(opened, page):
    assert opened.get_log("browser") == []
    asked = [entry["message"] for entry in opened.get_log("performance") if 'requestWillBeSent"' in entry["message"]]
    assert [text for text in asked if page.name not in text and '"url":"data:' not in text] == []
    assert opened.execute_script("return document.documentElement.scrollWidth") in WIDTHS  # a phone widens its window
    assert opened.title == "Which depth & width? <script>alert(1)</script>"


def measure(browser, selector: str) -> dict[str, float]:
    """Give where an element is in the window."""
    return browser.execute_script(
        "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector
    )


def emulate_scheme(browser, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture
def dark(opened) -> Iterator:
    emulate_scheme(opened, "dark")
    yield opened
    emulate_scheme(opened, "light")


def test_the_answer_is_there_to_be_read(opened):
    said = opened.find_element("css selector", "#overview .answer").text
    assert "test accuracy" in said
    box = measure(opened, "#overview .answer")
    assert box["left"] >= 0
    assert box["right"] <= opened.execute_script("return window.innerWidth")


def test_the_first_screen_holds_the_whole_overview(opened):
    size = opened.execute_script("return [innerWidth, innerHeight]")
    assert measure(opened, "h1")["top"] >= 0
    if size[0] == WIDTHS[0]:
        parts = ("h1", ".answer", "#overview figure", ".numbers", ".next pre")
        assert max(measure(opened, part)["bottom"] for part in parts) <= size[1]
    else:
        assert measure(opened, ".answer")["bottom"] <= size[1] / 2
        assert measure(opened, "#overview figure")["top"] <= size[1] / 2


def test_no_picture_is_wider_than_the_screen(opened):
    widths = [svg.size["width"] for svg in opened.find_elements("css selector", "figure svg[role=img]")]
    assert 0 < max(widths) <= opened.execute_script("return innerWidth")


def test_dark_pages_have_dark_pictures(dark):
    read = "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])"
    ground = dark.execute_script(read, "body", "background-color")
    assert ground == "rgb(24, 24, 26)"
    assert dark.execute_script(read, "figure svg > g path", "fill") == ground
    assert dark.execute_script(read, "figure svg text", "fill") == "rgb(232, 232, 234)"


@pytest.mark.parametrize(("opened", "scheme"), [(1400, "light"), (390, "dark")], indirect=["opened"])
def test_axe_core_finds_no_violation(opened, scheme):
    emulate_scheme(opened, scheme)
    opened.execute_script(AXE.read_text(encoding="utf-8"))
    violations = opened.execute_async_script(
        "axe.run({resultTypes: ['violations']}).then(found => arguments[0](found.violations.map(one => "
        "[one.id, one.help, one.nodes.map(node => node.html)])))"
    )
    emulate_scheme(opened, "light")
    assert violations == []


@at_a_desk
def test_the_tab_key_leads_from_the_links_to_the_tables(opened):
    reached = []
    for _ in range(40):
        opened.switch_to.active_element.send_keys("\ue004")
        reached.append(opened.execute_script("return document.activeElement.closest('nav, section')?.tagName"))
    kinds = [kind for place, kind in enumerate(reached) if kind and kind != (reached[place - 1] if place else None)]
    assert kinds[:2] == ["NAV", "SECTION"]


def test_a_printed_page_has_all_rows_and_no_links(dark, page, tmp_path):
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is absent: apt-get install poppler-utils")
    printed = dark.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    (tmp_path / "page.pdf").write_bytes(base64.b64decode(printed["data"]))
    subprocess.run(["pdftotext", "-layout", "page.pdf"], cwd=tmp_path, check=True)
    text = " ".join((tmp_path / "page.txt").read_text(encoding="utf-8").split())
    names = dark.execute_script(
        "return [...document.querySelectorAll('tbody th')].map(cell => cell.firstChild.textContent)"
    )
    assert names
    assert {name for name in names if name not in text} == set()
    assert "What to do next" in text
    assert "Sections" not in text


@at_a_desk
def test_a_click_on_a_heading_sorts_by_number_and_back(opened, page):
    if page.parent.name.startswith("one"):
        name, column = "selection", "selected epoch"
    else:
        name, column = "configurations", "test accuracy"
    (table,) = opened.find_elements("css selector", f"#{name} table")
    buttons = {button.text: button for button in table.find_elements("css selector", "thead button")}
    button = buttons[column]
    values = "return [...arguments[0].tBodies[0].rows].map(row => row.cells[1].dataset.value ?? null)"
    before = opened.execute_script(values, table)
    opened.execute_script("arguments[0].click()", button)
    rising = opened.execute_script(values, table)
    known = [float(value) for value in rising if value is not None]
    assert known == sorted(known)
    assert rising[len(known) :] == [None] * (len(rising) - len(known))
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    opened.execute_script("arguments[0].click()", button)
    falling = opened.execute_script(values, table)
    assert [float(value) for value in falling if value is not None] == known[::-1]
    assert sorted(map(str, before)) == sorted(map(str, falling))


@at_a_desk
def test_every_picture_is_drawn_and_has_a_name(opened):
    pictures = [svg for svg in opened.find_elements("css selector", "figure svg[role=img]") if svg.is_displayed()]
    assert pictures
    assert all(picture.accessible_name.endswith(".") for picture in pictures)
    assert all(picture.size["width"] > 100 and picture.size["height"] > 50 for picture in pictures)
    assert opened.execute_script(
        "return [...document.querySelectorAll('figure svg use')].every(use => "
        "document.getElementById(use.getAttribute('xlink:href').slice(1)))"
    )


@at_a_desk
def test_hostile_text_is_shown_and_does_nothing(opened, page):
    reasons = [element.text for element in opened.find_elements("css selector", "#failures table")]
    is_there = any("<script>document.title = 'reached'</script>" in text for text in reasons)
    assert is_there == page.parent.name.startswith("many")
    assert opened.title != "reached"
    assert not opened.find_elements("css selector", "[onclick]")
