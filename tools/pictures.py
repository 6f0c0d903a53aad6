"""Make the pictures of docs/gallery.md again: run the page from top to bottom in an empty folder.

A picture of the page is the next PNG file that the block above it has written, or what `SCREENS` makes: a photograph of
a page in a real browser (chromium and chromedriver), or a terminal. Two cores that have nothing else to do need about
five minutes. The sweeps have fixed seeds; durations, dates and identifiers differ from one time to the next.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # which `python -P` and importing it from elsewhere leave out

from screens import MLFLOW, Browser, draw_terminal, serve_mlflow, type_command, write_markdown, write_notebook

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "pictures"
PARTS = re.compile(r"^```(sh|python)\n(.*?)^```$|!\[[^]]*\]\(pictures/([\w.-]+)\)", re.DOTALL | re.MULTILINE)
"""What a page is read for: its blocks of two kinds, and its pictures."""


def read_parts(page: Path) -> list[tuple[str, str, str]]:
    """Read a page as its blocks, each a kind and a text, and its pictures, each a name."""
    return PARTS.findall(page.read_text(encoding="utf-8"))


class Gallery:
    """A page that is being run, with the pictures that its last block has written and that have no place yet.

    Parameters
    ----------
    folder : Path
        Where its commands run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.waiting, self.seen = folder, list[Path](), dict[Path, int]()
        self.cells: list[str] = []
        self.server: subprocess.Popen[bytes] | None = None

    def run(self, kind: str, text: str) -> None:
        """Run a block, and find out which pictures it has written."""
        if kind == "python":
            self.cells.append(text)
            self.notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, self.cells)])
            NotebookClient(self.notebook, resources={"metadata": {"path": str(self.folder)}}).execute()
        elif text.startswith("nnsweep ui"):
            self.server = serve_mlflow(self.folder)
        else:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            settings = {"cwd": self.folder, "env": os.environ | {"PATH": path}, "stdout": subprocess.DEVNULL}
            subprocess.run(["bash", "-euc", text], check=True, **settings)
        self.look()

    def look(self) -> None:
        """Find the pictures that are new or have changed since the last look."""
        times = {path: path.stat().st_mtime_ns for path in self.folder.glob("pictures/*.png")}
        self.waiting = sorted((path for path in times if times[path] != self.seen.get(path)), key=times.__getitem__)
        self.seen = times

    def make(self, name: str, browser: Browser) -> None:
        """Put a picture into docs/pictures."""
        target = PICTURES / name
        if name in SCREENS:
            SCREENS[name](self, browser, target)
        elif self.waiting:
            shutil.copy(self.waiting.pop(0), target)
        else:
            raise SystemExit(f"pictures: error: {name}: the block above it writes no further picture")
        if target.suffix == ".png":
            reduce_colours(target)


def photograph_report(width: int, height: int, *, is_dark: bool = False) -> Callable[[Gallery, Browser, Path], None]:
    """Give what photographs the report that the page has written."""

    def photograph(gallery: Gallery, browser: Browser, target: Path) -> None:
        browser.photograph((gallery.folder / "report.html").as_uri(), target, width, height, is_dark=is_dark)

    return photograph


def photograph_mlflow(view: str, height: int, *awaited: str) -> Callable[[Gallery, Browser, Path], None]:
    """Give what photographs a view of the first sweep of the page in MLflow."""

    def photograph(gallery: Gallery, browser: Browser, target: Path) -> None:
        said = type_command("python -m nnsweep -m arch=shallow,wide,deep", gallery.folder)
        link = re.search(r"charts +(\S+)", said)[1].replace("127.0.0.1:5000", MLFLOW)
        browser.photograph(link.replace("=CHART", f"={view}"), target, 1300, height, awaited=awaited)

    return photograph


def photograph_notebook(gallery: Gallery, browser: Browser, target: Path) -> None:
    """Photograph the last cell with its output."""
    page = write_notebook(gallery.notebook, gallery.folder)
    browser.photograph(page.as_uri(), target, 1000, None)


def photograph_card(gallery: Gallery, browser: Browser, target: Path) -> None:
    """Photograph the beginning of the card beside the model that the page has saved."""
    page = write_markdown(gallery.folder / "model.card.md")
    browser.photograph(page.as_uri(), target, 810, 720)


def draw_first_sweep(gallery: Gallery, browser: Browser, target: Path) -> None:
    """Draw a terminal in which the first sweep of README has been run, in an empty folder."""
    command = "python -m nnsweep -m arch=shallow,wide,deep"
    with tempfile.TemporaryDirectory() as folder:
        draw_terminal(command, type_command(command, Path(folder)), target)


SCREENS: dict[str, Callable[[Gallery, Browser, Path], None]] = {
    "report.png": photograph_report(1400, 900),
    "report-dark.png": photograph_report(1400, 900, is_dark=True),
    "report-phone.png": photograph_report(390, 844),
    "mlflow-runs.png": photograph_mlflow("TABLE", 620, "3 matching runs", "best_val_accuracy"),
    "mlflow-charts.png": photograph_mlflow("CHART", 1200, "3 matching runs", "Curves"),
    "notebook.png": photograph_notebook,
    "card.png": photograph_card,
    "terminal.svg": draw_first_sweep,
}
"""The pictures that no command writes."""


def reduce_colours(path: Path) -> None:
    """Write a picture with a palette of 256 colours, which is a third as large."""
    with Image.open(path) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> int:
    """Run the page; return the exit status."""
    began = time.monotonic()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        gallery = Gallery(Path(folder))
        try:
            for kind, text, name in read_parts(GALLERY):
                if kind:
                    print(text.strip(), flush=True)
                    gallery.run(kind, text)
                else:
                    gallery.make(name, browser)
                    print(f"  {name}: {(PICTURES / name).stat().st_size / 1000:.0f} kB", flush=True)
        finally:
            if gallery.server:
                gallery.server.terminate()
                gallery.server.wait()
    print(f"all in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
