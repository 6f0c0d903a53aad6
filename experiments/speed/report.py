"""What was measured, as tables and a picture."""

import csv
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from works import WORKS, Comparison

Results = dict[str, Any]


class Row(NamedTuple):
    """A comparison, measured; seconds are medians.

    Attributes
    ----------
    limit : float or None
        Seconds that the arithmetic takes at the processor's measured matrix rate.
    times_limit : float or None
        How many times as long as that we take.
    """

    work: str
    comparison: str
    ours: float
    theirs: float
    fastest: str
    ratio: float
    target: float
    reached: bool
    limit: float | None
    times_limit: float | None


def write(results: Results, folder: Path) -> None:
    """Write ``table.md``, ``table.csv`` and ``picture.png`` and ``.svg`` of what has been measured so far."""
    rates = _best_rates(results)
    rows = [_row(name, one, results[name], rates) for name in _measured(results) for one in WORKS[name].comparisons]
    sections = [_head(results, rates), _ratios(rows), _contenders(results)]
    if "e" in results:
        sections.append(_growth(results["e"]))
    (folder / "table.md").write_text("\n".join(sections))
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([Row._fields, *rows])
    _picture(rows, results, folder)


def _measured(results: Results) -> list[str]:
    return [name for name in WORKS if name in results]


def _best_rates(results: Results) -> dict[str, float]:
    """Take the highest matrix rate that was measured beside any work: what disturbs it only lowers it."""
    return {
        dtype: max((result["matrix_rate"][dtype] for result in results.values()), default=0.0)
        for dtype in ("float32", "float64")
    }


def _middle(result: Results, contender: str, value: str) -> float:
    return median(run[value] for run in result["runs"][contender])


def _row(name: str, comparison: Comparison, result: Results, rates: dict[str, float]) -> Row:
    ours, theirs, fastest = _values(name, comparison, result)
    limit = None
    if comparison.dtype is not None:
        limit = result["operations"] / (rates[comparison.dtype] * comparison.cores)
    within = comparison.at_most is None or ours <= comparison.at_most
    return Row(
        work=name,
        comparison=comparison.text,
        ours=ours,
        theirs=theirs,
        fastest=fastest,
        ratio=theirs / ours,
        target=comparison.target,
        reached=theirs / ours >= comparison.target and within,
        limit=limit,
        times_limit=None if limit is None else ours / limit,
    )


def _values(name: str, comparison: Comparison, result: Results) -> tuple[float, float, str]:
    """Give our value, theirs, and the name of theirs that it is taken from."""
    if comparison.value == "seconds_per_job":
        jobs = {one.name: one.jobs for one in WORKS[name].contenders}
        few, many = comparison.theirs
        further = _middle(result, many, "seconds") - _middle(result, few, "seconds")
        ours = _middle(result, comparison.ours, "seconds") / jobs[comparison.ours]
        return ours, further / (jobs[many] - jobs[few]), many
    medians = {peer: _middle(result, peer, comparison.value) for peer in comparison.theirs}
    fastest = min(medians, key=medians.__getitem__)
    return _middle(result, comparison.ours, comparison.value), medians[fastest], fastest


def _head(results: Results, rates: dict[str, float]) -> str:
    """Name machine and versions, once if all works have the same."""
    groups: dict[str, list[str]] = {}
    for name in _measured(results):
        machine = ", ".join(f"{key} {value}" for key, value in results[name]["machine"].items())
        groups.setdefault(machine, []).append(f"({name})")
    lines = [f"{' '.join(names)} on: {machine}.\n" for machine, names in groups.items()]
    best = ", ".join(f"{rate / 1e9:.0f} Gflop/s in {dtype}" for dtype, rate in rates.items())
    return "\n".join([*lines, f"A large matrix product on one core: {best}.\n"])


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---", "---", *("---:" for _ in head[2:])), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _ratios(rows: list[Row]) -> str:
    head = (
        "work", "comparison", "fastest of theirs", "ours, s", "theirs, s", "ratio", "target", "reached", "limit, s",
        "ours / limit",
    )  # fmt: skip
    lines = [
        (
            row.work,
            row.comparison,
            row.fastest,
            *map(_number, (row.ours, row.theirs, row.ratio, row.target)),
            "yes" if row.reached else "no",
            *map(_number, (row.limit, row.times_limit)),
        )
        for row in rows
    ]
    return _markdown(head, lines)


def _contenders(results: Results) -> str:
    """Tabulate every contender's medians, with the range of its wall seconds."""
    head = (
        "work", "contender", "runs", "seconds", "from", "to", "processor s", "peak MB", "training s", "compile s",
        "test accuracy",
    )  # fmt: skip
    lines = []
    for name in _measured(results):
        for contender, runs in results[name]["runs"].items():
            walls = [run["seconds"] for run in runs]
            numbers = [key for key in runs[0] if key != "accuracies"]
            values = {key: median(run[key] for run in runs) for key in numbers}
            keys = ("cpu_seconds", "memory_mb", "training_seconds", "compile_seconds")
            lines.append((
                name,
                contender,
                str(len(runs)),
                *map(_number, (values["seconds"], min(walls), max(walls), *map(values.get, keys))),
                f"{values['accuracy']:.4f}",
            ))  # fmt: skip
    return _markdown(head, lines)


def _growths(result: Results) -> list[tuple[int, float, float]]:
    """Give number of jobs, seconds per job and megabytes, from few jobs to many."""
    contenders = WORKS["e"].contenders
    return [
        (one.jobs, _middle(result, one.name, "seconds") / one.jobs, _middle(result, one.name, "memory_mb"))
        for one in contenders
        if one.name in result["runs"]
    ]


def _growth(result: Results) -> str:
    growths = _growths(result)
    before = [float("inf"), *(per_job for _, per_job, _ in growths)]
    lines = [
        (
            "e",
            str(jobs),
            f"{per_job * jobs:.1f}",
            f"{per_job * 1000:.1f}",
            "yes" if per_job < last else "no",
            f"{mb:.0f}",
        )
        for (jobs, per_job, mb), last in zip(growths, before, strict=False)
    ]
    return _markdown(("work", "jobs", "seconds", "ms a job", "less than before", "peak MB"), lines)


def _picture(rows: list[Row], results: Results, folder: Path) -> None:
    figure, (bars, curves) = plt.subplots(1, 2, figsize=(11, 4.5), width_ratios=(3, 2), layout="constrained")
    _bars(bars, rows)
    if "e" in results:
        _curves(curves, _growths(results["e"]))
    else:
        curves.set_visible(False)
    figure.savefig(folder / "picture.png", dpi=150)
    with plt.rc_context({"svg.hashsalt": "speed"}):  # the same picture is the same file
        figure.savefig(folder / "picture.svg", metadata={"Date": None})
    plt.close(figure)


def _bars(axes: Axes, rows: list[Row]) -> None:
    places = range(len(rows))
    colours = ["#2a7f62" if row.reached else "#c46a3a" for row in rows]
    axes.barh(places, [row.ratio - 1 for row in rows], left=1, color=colours)
    axes.plot([row.target for row in rows], places, "k|", markersize=14, markeredgewidth=2, label="target")
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(places, [f"({row.work}) {row.comparison}:  {row.ratio:.2g}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as the peer")
    axes.legend(loc="lower right", markerscale=0.6)


def _curves(axes: Axes, growths: list[tuple[int, float, float]]) -> None:
    jobs = [one[0] for one in growths]
    axes.plot(jobs, [one[1] * 1000 for one in growths], "o-", color="#2a7f62")
    axes.set_xscale("log")
    axes.set_xticks(jobs, map(str, jobs))
    axes.minorticks_off()
    axes.set_ylim(0, 1.1 * max(one[1] * 1000 for one in growths))
    axes.set_xlabel("jobs in the sweep")
    axes.set_ylabel("ms a job", color="#2a7f62")
    memory = axes.twinx()
    memory.plot(jobs, [one[2] for one in growths], "s--", color="#5b6c9e")
    memory.set_ylim(0, 1.2 * max(one[2] for one in growths))
    memory.set_ylabel("peak memory, MB", color="#5b6c9e")
