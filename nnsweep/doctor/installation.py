"""The installation: Python, the packages that nnsweep asks for, its configurations, and what Hydra finds of it."""

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from nnsweep.doctor.finding import Finding
from nnsweep.jobs import conf_tree

FOR_DEVELOPERS = ("dev", "bench")
"""Extras that nobody misses who only uses nnsweep."""
WANTED_PLUGINS = ("GridSweeper", "StackedLauncher")
"""The classes that Hydra must find."""
_INSTALL = "install nnsweep again: pip install -c constraints.txt ."


def python() -> Iterator[Finding]:
    """Compare Python with what nnsweep asks for."""
    wanted = SpecifierSet(metadata.metadata("nnsweep")["Requires-Python"] or "")
    fits = platform.python_version() in wanted
    says = f"{platform.python_version()} ({sys.prefix})"
    yield (
        Finding("Python", "ok", says)
        if fits
        else Finding("Python", "problem", f"{says}, which is not {wanted}", "make an environment with a newer one")
    )


def packages() -> Iterator[Finding]:
    """Compare the packages that are there with what nnsweep asks for."""
    wanted = [one for one in _requirements() if one.marker is None or one.marker.evaluate({"extra": ""})]
    problems = [problem for one in wanted if (problem := _lacking(one))]
    for problem in problems:
        yield Finding("packages", "problem", problem, _INSTALL)
    if not problems:
        yield Finding("packages", "ok", f"all {len(wanted)} that are needed are there, in versions that fit")


def extras() -> Iterator[Finding]:
    """Tell which optional parts are installed."""
    for extra in metadata.metadata("nnsweep").get_all("Provides-Extra") or []:
        if extra in FOR_DEVELOPERS:
            continue
        wanted = [one for one in _requirements() if one.marker and one.marker.evaluate({"extra": extra})]
        lacking = [problem for one in wanted if not _needed_anyway(one) and (problem := _lacking(one))]
        says = f"not installed ({', '.join(lacking)}): pip install 'nnsweep[{extra}]'" if lacking else "installed"
        yield Finding(f"optional: {extra}", "ok", says)


def configurations() -> Iterator[Finding]:
    """Read every file of the configuration tree."""
    folder = Path(conf_tree.conf_dir())
    broken = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            conf_tree.read_yaml(path)
        except Exception as error:
            broken.append(f"{path.relative_to(folder)} ({' '.join(str(error).split())})")
    groups = {
        group: names for group, names in conf_tree.list_groups([folder]).items() if not group.startswith("hydra/")
    }
    if broken:
        yield Finding("configurations", "problem", f"cannot be read: {', '.join(broken)}", _INSTALL)
    else:
        says = f"{len(groups)} groups with {sum(map(len, groups.values()))} choices in {folder}"
        yield Finding("configurations", "ok", says)


def plugins() -> Iterator[Finding]:
    """See whether Hydra finds the sweeper and the launcher."""
    from nnsweep.jobs.arguments import list_plugins

    names = list_plugins()
    lacking = [name for name in WANTED_PLUGINS if name not in names]
    if lacking:
        yield Finding("plugins", "problem", f"Hydra does not find {' and '.join(lacking)}", _INSTALL)
    else:
        launchers = sorted(name for name in names if name.endswith("Launcher"))
        yield Finding("plugins", "ok", f"Hydra finds nnsweep's sweeper, and {', '.join(launchers)}")


def _requirements() -> list[Requirement]:
    return [Requirement(text) for text in metadata.requires("nnsweep") or []]


def _needed_anyway(one: Requirement) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": ""})


def _lacking(one: Requirement) -> str | None:
    """Say what is wrong with a package; None if it is there in a version that fits."""
    try:
        version = metadata.version(one.name)
    except metadata.PackageNotFoundError:
        return f"{one.name} is missing"
    fits = one.specifier.contains(version, prereleases=True)
    return None if fits else f"{one.name} is {version}, and must be {one.specifier}"
