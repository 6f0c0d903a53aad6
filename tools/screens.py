"""Screens for the pictures of the docs: pages in a real browser, cells of a notebook, and a terminal."""

import html
import io
import os
import pty
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import nbformat
from markdown import markdown
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

MLFLOW = "127.0.0.1:5077"
COLUMNS = 92
"""Of the terminal: the longest command that a sweep ends with fits."""
UP = "\x1b[1A\x1b[2K"
"""Clears the line above."""
FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
PANELS = "[data-component-id$='chat_panel.close'], [data-component-id$='shared_view.dismiss']"
"""What closes what lies over MLflow's pages."""
QUIET = "<style>.modebar, [data-assistant-ui] { display: none !important }</style>"
CELL = """<!doctype html><meta charset="utf-8"><style>
body { font: 14px system-ui, sans-serif; margin: 16px; background: #fff; color: #212121 }
.in, .out { display: grid; grid-template-columns: 70px 1fr; margin: 8px 0 }
.in pre { margin: 0; padding: 8px; background: #f5f5f5; border: 1px solid #e0e0e0; font-size: 14px }
.n { font-family: monospace; color: #616161; padding-top: 9px }
table { border-collapse: collapse; font-size: 13px } th, td { padding: 5px 8px }
thead { border-bottom: 1px solid #bdbdbd } tbody tr:nth-child(odd) { background: #f5f5f5 }
.out > div { overflow: hidden; max-height: 640px }
"""


MARKDOWN = """<!doctype html><meta charset="utf-8"><style>
body { font: 15px system-ui, sans-serif; line-height: 1.4; max-width: 760px; margin: 24px; background: #fff }
h1 { margin-top: 0 } table { border-collapse: collapse } th, td { padding: 4px 10px; border: 1px solid #bdbdbd }
</style>"""


class Browser:
    """A chromium that takes photographs of pages."""

    def __enter__(self) -> Self:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in FLAGS.split():
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        return self

    def __exit__(self, *_: Any) -> None:
        self.driver.quit()

    def photograph(
        self,
        address: str,
        target: Path,
        width: int,
        height: int | None,
        *,
        is_dark: bool = False,
        awaited: tuple[str, ...] = (),
    ) -> None:
        """Write what the window shows, once it says what is awaited; without a height, the whole page."""
        from selenium.webdriver.support.ui import WebDriverWait

        driver = self.driver
        features = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.resize(width, height or 800)
        driver.get("about:blank")
        driver.get(address)
        read = "return document.body.innerText"
        WebDriverWait(driver, 90).until(lambda _: all(word in driver.execute_script(read) for word in awaited))
        for button in driver.find_elements("css selector", PANELS):
            button.click()
        driver.execute_script("document.head.insertAdjacentHTML('beforeend', arguments[0])", QUIET)
        time.sleep(5 if awaited else 0.5)  # until charts have been drawn
        if height is None:
            self.resize(width, driver.execute_script("return document.documentElement.scrollHeight"))
        driver.save_screenshot(str(target))

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def serve_mlflow(folder: Path) -> subprocess.Popen[bytes]:
    """Start MLflow's user interface on the store in a folder; give its process once it answers."""
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "nnsweep", "ui", "--port", MLFLOW.partition(":")[2]]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://{MLFLOW}/health", timeout=5).close()
            return process
        except OSError:
            time.sleep(0.5)
    process.terminate()
    raise SystemExit(f"pictures: error: MLflow does not answer on {MLFLOW}")


def type_command(command: str, folder: Path) -> str:
    """Run a command of Python's in a terminal of `COLUMNS`; give all that it writes, with the terminal's codes."""
    words = [sys.executable, *command.split()[1:]]
    written = bytearray()

    def read(descriptor: int) -> bytes:
        written.extend(piece := os.read(descriptor, 65536))
        return piece

    environment = {"COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm-256color"}
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        os.execve(words[0], words, os.environ | environment)
    try:
        while read(terminal):
            pass
    except OSError:  # Linux's word for a terminal that nobody writes to any more
        pass
    finally:
        os.close(terminal)
    if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit(f"pictures: error: {command}: exit code {status}")
    return written.decode()


def draw_terminal(command: str, written: str, target: Path) -> None:
    """Draw a terminal as SVG, as it stands at the end of a command; links, which are long, are left out."""
    lines: list[str] = []
    for line in re.sub(r"\x1b\[\?25[lh]", "", written.replace("\r\n", "\n")).split("\n"):
        if UP in line:
            lines.pop()
        lines.append(line.split("\r")[-1].replace(UP, "").replace("\x1b[2K", ""))  # written over what was there
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    for line in "\n".join(line for line in lines if "://" not in line).strip("\n").split("\n"):
        console.print(Text.from_ansi(line), no_wrap=True, overflow="crop")
    page = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # from a web site
    page = re.sub(r"<!-- .*? -->", "", page).replace("Fira Code", "ui-monospace, DejaVu Sans Mono, Menlo, Consolas")
    target.write_text(console.export_svg(title="nnsweep", code_format=page, unique_id="terminal"), encoding="utf-8")


def write_notebook(notebook: nbformat.NotebookNode, folder: Path) -> Path:
    """Write a notebook's last cell and what it shows as a page that looks like Jupyter's."""
    cell = notebook.cells[-1]
    shown = [output["data"] for output in cell.outputs if "data" in output]
    made = "".join(data.get("text/html") or f"<pre>{html.escape(data['text/plain'])}</pre>" for data in shown)
    source = highlight(cell.source, PythonLexer(), HtmlFormatter())
    style = HtmlFormatter().get_style_defs(".highlight")
    number = cell.execution_count
    page = folder / "notebook.html"
    page.write_text(
        f'{CELL}{style}</style><div class="in"><span class="n">[{number}]:</span>{source}</div>'
        f'<div class="out"><span class="n">[{number}]:</span><div>{made}</div></div>',
        encoding="utf-8",
    )
    return page


def write_markdown(source: Path) -> Path:
    """Write a Markdown file, without what is between its first lines of dashes, as a page."""
    body = source.read_text(encoding="utf-8").partition("\n---\n")[2]
    page = source.with_suffix(".html")
    page.write_text(MARKDOWN + markdown(body, extensions=["tables"]), encoding="utf-8")
    return page
