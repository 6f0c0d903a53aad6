"""Build the site: put its pages together in build/pages, then have MkDocs write them to build/site.

The pages are those of docs/, the studies of experiments/, CONTRIBUTING.md and CHANGELOG.md, with all files that they
link to. A link is written as it is right in the repository; since the site has docs/ as its root, it is written anew
here. A link that leads nowhere is an error.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from reference import WRITERS, write_reference

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build" / "pages"
DOCS = Path("docs")
BEGINNINGS = ("docs/**/*.md", "experiments/**/README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/site/*")
"""Which pages there are, whoever links to them, and what makes them look as they do."""
MOVED = {Path("CONTRIBUTING.md"): Path("contributing.md"), Path("CHANGELOG.md"): Path("changelog.md")}
"""Where pages lie in the site if it is not where they lie below docs/."""
UNSEARCHED = "---\nsearch: {exclude: true}\n---\n\n"
"""What keeps a study's reports, which say the same in many places, out of the search."""
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r'(?<=\]\()[^)\s#]+(?=[)#])|(?<=src=")[^"]+|(?<=href=")[^"#]+')


class LinkError(Exception):
    """A page links to a file that is not there, or that is not in the site."""


def place_in_site(source: Path) -> Path:
    """Say where a file of the repository lies in the site; both paths are relative to their roots."""
    if source in MOVED:
        return MOVED[source]
    return source.relative_to(DOCS) if source.is_relative_to(DOCS) else source


def rewrite_links(text: str, source: Path) -> tuple[str, set[Path]]:
    """Write the links of a page as the site needs them.

    Parameters
    ----------
    text : str
        The page in Markdown.
    source : Path
        Where it lies in the repository.

    Returns
    -------
    str
        The page with its new links.
    set of Path
        The files of the repository that it links to.

    Raises
    ------
    LinkError
        If one of them is not there.
    """
    linked: set[Path] = set()

    def write_anew(match: re.Match[str]) -> str:
        link = match[0]
        if re.match(r"[a-z]+:", link):
            return link
        target = Path(os.path.normpath(source.parent / link))
        if is_generated(target):
            return os.path.relpath(place_in_site(target), place_in_site(source).parent)
        if not (ROOT / target).is_file() or target.parts[0] not in ("docs", "experiments", *map(str, MOVED)):
            raise LinkError(f"{source}: {link} is no file of the site")
        linked.add(target)
        return os.path.relpath(place_in_site(target), place_in_site(source).parent)

    parts = [part if part.startswith("```") else _LINK.sub(write_anew, part) for part in _FENCE.split(text)]
    return "".join(parts), linked


def is_generated(target: Path) -> bool:
    """Tell whether a page of the site is made of the code."""
    return target.is_relative_to(DOCS) and target.relative_to(DOCS).as_posix() in WRITERS


def write_pages(folder: Path) -> None:
    """Write all pages of the site, and the files that they link to, into an empty folder."""
    write_reference(folder)
    waiting = [path.relative_to(ROOT) for pattern in BEGINNINGS for path in sorted(ROOT.glob(pattern))]
    seen = {*waiting}
    while waiting:
        source = waiting.pop()
        target = folder / place_in_site(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".md":
            shutil.copy(ROOT / source, target)
            continue
        text, linked = rewrite_links((ROOT / source).read_text(encoding="utf-8"), source)
        is_report = source.parts[0] == "experiments" and source.name != "README.md"
        target.write_text(UNSEARCHED * is_report + text, encoding="utf-8")
        waiting += sorted(linked - seen)
        seen |= linked


def main() -> int:
    """Build the site; return the exit status."""
    shutil.rmtree(PAGES, ignore_errors=True)
    try:
        write_pages(PAGES)
    except LinkError as error:
        print(f"site: error: {error}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    quiet = {"NO_MKDOCS_2_WARNING": "1"}  # the theme's word about its successor
    return subprocess.run(command, cwd=ROOT, env=os.environ | quiet, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
