"""Draw the pictures of the explanations: `python tools/drawings.py` writes docs/pictures/*.svg.

They are 480 units wide, so that a phone shows them whole, and follow the reader's choice of light or dark. Numbers
are read from the studies; what is simulated here has its seed beside it.
"""

import csv
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
STUDIES = ROOT / "experiments"
WIDTH = 480
_STYLE = """
svg{--paper:#fff;--ink:#1f2430;--soft:#5b6475;--line:#c9cfda;--tint:#eef1f7;--blue:#2563eb;--red:#c2410c;--green:#15803d}
@media(prefers-color-scheme:dark){svg{--paper:#1e2129;--ink:#e6e9f0;--soft:#a3adbf;--line:#4a5263;--tint:#2a2f3b;
--blue:#7aa7ff;--red:#ff9a5c;--green:#5fd38d}}
text{font:14px system-ui,sans-serif;fill:var(--ink)}.soft{fill:var(--soft);font-size:12.5px}.bold{font-weight:600}
.code{font-family:ui-monospace,monospace;font-size:13px}.end{text-anchor:end}.mid{text-anchor:middle}
""".replace("\n", "")


class Drawing:
    """A picture that grows by what is drawn on it.

    Parameters
    ----------
    height : float
        In units; it is `WIDTH` units wide.
    title : str
        What is read out to those who cannot see it.
    """

    def __init__(self, height: float, title: str) -> None:
        size = f'viewBox="0 0 {WIDTH} {height}" width="{1.2 * WIDTH:.0f}" height="{1.2 * height:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        arrow = '<path d="M0 0L8 4L0 8z" style="fill:var(--soft)"/>'
        tip = '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        styles = f"<style>{_STYLE}</style><defs>{tip}{arrow}</marker></defs>"
        self._parts = [head, f"<title>{escape(title)}</title>", styles]
        self.box(0, 0, WIDTH, height, fill="paper", edge=None, radius=8)

    def text(self, x: float, y: float, words: str, kind: str = "", colour: str = "") -> None:
        """Write words with their left end, or with the kind's end or middle, at a place."""
        style = f' style="fill:var(--{colour})"' if colour else ""
        self._parts.append(f'<text x="{x:.4g}" y="{y:.4g}" class="{kind}"{style}>{escape(words)}</text>')

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "tint",
        edge: str | None = "line",
        radius: float = 5,
    ) -> None:
        """Draw a box from its upper left corner."""
        stroke = f";stroke:var(--{edge})" if edge else ""
        shape = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" rx="{radius}"'
        self._parts.append(f'<rect {shape} style="fill:var(--{fill}){stroke}"/>')

    def line(
        self,
        *points: tuple[float, float],
        colour: str = "line",
        width: float = 1.5,
        dash: str = "",
        is_arrow: bool = False,
    ) -> None:
        """Draw a line through some points."""
        path = "L".join(f"{x:.4g} {y:.4g}" for x, y in points)
        style = f"fill:none;stroke:var(--{colour});stroke-width:{width}" + (f";stroke-dasharray:{dash}" if dash else "")
        marker = ' marker-end="url(#a)"' if is_arrow else ""
        self._parts.append(f'<path d="M{path}" style="{style}"{marker}/>')

    def dot(self, x: float, y: float, colour: str = "blue", radius: float = 4, opacity: float = 1) -> None:
        """Draw a dot around a place."""
        style = f"fill:var(--{colour})" + (f";opacity:{opacity}" if opacity < 1 else "")
        self._parts.append(f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{radius}" style="{style}"/>')

    def __str__(self) -> str:
        return "".join([*self._parts, "</svg>\n"])


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Map low to high onto start to end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def read_rows(name: str) -> Iterator[dict[str, str]]:
    """Read a table of a study."""
    with (STUDIES / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


ROOMS = {  # where each stands: column from 0 to 3, row from 0, and what is in it
    "cli": (1, 0, "commands"),
    "api": (1, 1, "what Python calls"),
    "jobs": (1, 2, "grid, plan, workers"),
    "estimator": (0, 3, "scikit-learn"),
    "results": (2, 3, "statistics, reports"),
    "tracking": (1, 4, "the store, MLflow"),
    "model": (1, 5, "files that leave"),
    "data": (1, 6, "readers, split"),
    "mlp": (1, 7, "network, trainer"),
}
ARROWS = {  # a room may import what its arrow leads to, and all that lies behind that
    "cli": ["api"],
    "api": ["jobs"],
    "jobs": ["results", "tracking"],
    "tracking": ["model"],
    "model": ["data"],
    "data": ["mlp"],
    "estimator": ["data"],
}
LEADS_NO_FURTHER = {"results": ["tracking", "mlp"], "estimator": ["jobs"]}
"""Arrows that lead to one room only, not to what lies behind it."""


def draw_rooms() -> Drawing:
    """Draw who may import whom."""
    drawing = Drawing(584, "The rooms of the package. Each arrow means: may import. None goes back.")
    columns, width, height = (16, 170, 324), 140, 46
    spots: dict[str, tuple[float, float]] = {
        room: (columns[column], 14 + row * 67) for room, (column, row, _) in ROOMS.items()
    }
    for arrows, dash in ((ARROWS, ""), (LEADS_NO_FURTHER, "5 4")):
        for room, others in arrows.items():
            for other in others:
                (x, y), (x2, y2) = spots[room], spots[other]
                if x == x2:
                    points = [(x + width / 2, y + height), (x2 + width / 2, y2)]
                elif y2 < y:  # up, to the side
                    points = [(x + width / 2, y), (x + width / 2, y2 + height / 2), (x2, y2 + height / 2)]
                elif room == "jobs":
                    points = [(x + width, y + height / 2), (x2 + width / 2, y + height / 2), (x2 + width / 2, y2)]
                else:
                    shift = 26 if other == "mlp" else -26 if room == "results" else 0
                    side = x2 + width if x > x2 else x2
                    points = [(x + width / 2 + shift, y + height), (x + width / 2 + shift, y2 + height / 2)]
                    points.append((side, y2 + height / 2))
                drawing.line(*points, colour="soft", dash=dash, is_arrow=True)
    for room, (x, y) in spots.items():
        drawing.box(x, y, width, height)
        drawing.text(x + width / 2, y + 20, room, "bold mid")
        drawing.text(x + width / 2, y + 37, ROOMS[room][2], "soft mid")
    drawing.text(374, 322, "records", "soft end")
    drawing.text(412, 480, "measures", "soft end")
    for y, dash, words in ((544, "", "may import this, and all behind it"), (566, "5 4", "may import this alone")):
        drawing.line((96, y), (136, y), colour="soft", dash=dash, is_arrow=True)
        drawing.text(146, y + 4, words, "soft")
    return drawing


def draw_sweep() -> Drawing:
    """Draw a sweep's way from the command to the report."""
    steps = (
        ("command", "arch=shallow,wide seed=0,1", "cli"),
        ("compose", "each point of the grid becomes a job", "jobs/compose.py"),
        ("check", "all problems at once, nothing has run", "jobs/checking.py"),
        ("plan", "reuse, run or wait, and why", "jobs/plan.py"),
        ("stacks", "jobs that can be one computation", "jobs/stacks.py"),
        ("workers", "train; they open no store", "jobs/worker.py"),
        ("recorder", "the only writer", "jobs/recorder.py"),
    )
    drawing = Drawing(584, "A sweep's way: command, compose, check, plan, stacks, workers, recorder, records, report.")
    for number, (name, about, place) in enumerate(steps):
        y = 12 + number * 64
        drawing.box(40, y, 400, 44)
        drawing.text(54, y + 19, name, "bold")
        drawing.text(426, y + 19, place, "code soft end")
        drawing.text(54, y + 36, about, "soft")
        if number:
            drawing.line((240, y - 20), (240, y), colour="soft", is_arrow=True)
    ends = (("journal", "one sync a stack"), ("job folder", "what people read"), ("store", "MLflow"))
    for x, (name, about) in zip((16, 172, 328), ends, strict=True):
        drawing.line((240, 440), (240, 452), (x + 68, 452), (x + 68, 466), colour="soft", is_arrow=True)
        drawing.box(x, 466, 136, 44, fill="paper", edge="blue")
        drawing.text(x + 68, 485, name, "bold mid")
        drawing.text(x + 68, 502, about, "soft mid")
    drawing.line((396, 510), (396, 532), colour="soft", is_arrow=True)
    drawing.box(140, 532, 324, 40, fill="paper", edge="green")
    drawing.text(302, 557, "table, pictures, report, model", "mid")
    return drawing


VALIDATION = (14, 98, 135, 129, 130, 136, 138, 129, 138, 137, 135, 137, 140, 140, 138, 138, 138, 138, 139, 139, 139)
TEST = (39, 247, 340, 336, 331, 338, 344, 328, 338, 334, 335, 341, 342, 349, 347, 350, 348, 350, 350, 352, 351)
"""Right answers of 144 and of 360: digits, arch=deep, schedule=constant, learning rate 0.05, seed=2, epochs 0 to 20."""


def draw_epochs() -> Drawing:
    """Draw how validation chooses the epoch."""
    drawing = Drawing(290, "Validation and test accuracy over epochs. The epoch is where validation is best.")
    across, up = scale(2, 20, 52, 456), scale(0.89, 0.99, 236, 24)
    for level in (0.9, 0.92, 0.94, 0.96, 0.98):
        drawing.line((52, up(level)), (456, up(level)), width=1)
        drawing.text(44, up(level) + 4, f"{level:.2f}", "soft end")
    for counts, total, colour in ((VALIDATION, 144, "green"), (TEST, 360, "blue")):
        points = [(across(epoch), up(counts[epoch] / total)) for epoch in range(2, 21)]
        drawing.line(*points, colour=colour, width=2)
    drawing.line((across(12), 24), (across(12), 236), colour="soft", dash="4 4")
    drawing.dot(across(12), up(140 / 144), "green", 5)
    drawing.dot(across(12), up(342 / 360), "blue", 5)
    drawing.dot(across(19), up(352 / 360), "red", 5)
    drawing.text(across(12) - 8, 44, "best validation", "soft end", "green")
    drawing.text(across(12) + 8, up(0.950) + 18, "test_accuracy 0.950", "soft", "blue")
    drawing.text(456, 20, "max_test_accuracy 0.978", "soft end", "red")
    for epoch in (4, 8, 12, 16, 20):
        drawing.text(across(epoch), 254, str(epoch), "soft mid")
    drawing.text(254, 276, "epoch", "soft mid")
    return drawing


def draw_units() -> Drawing:
    """Draw what one interval says of other seeds, and of other examples as well."""
    rows = (("other seeds", 0.968, 0.976, "blue"), ("other seeds and test examples", 0.951, 0.984, "red"))
    drawing = Drawing(170, "The interval for other seeds is a quarter as wide as that for other test examples, too.")
    across = scale(0.945, 0.99, 24, 456)
    for number, (name, low, high, colour) in enumerate(rows):
        y = 44 + number * 52
        drawing.text(24, y - 14, f"{name}: {low:.3f} to {high:.3f}")
        drawing.line((across(low), y), (across(high), y), colour=colour, width=5)
        drawing.dot(across(0.972), y, colour, 6)
    for level in (0.95, 0.96, 0.97, 0.98, 0.99):
        drawing.line((across(level), 118), (across(level), 124), colour="soft")
        drawing.text(min(across(level), 448), 142, f"{level:.2f}", "soft mid")
    drawing.text(240, 162, "test accuracy of one layer of 128 on digits, ten seeds, 360 examples", "soft mid")
    return drawing


def read_comparison() -> dict[str, tuple[float, float, float, str]]:
    """Read how far each configuration of the study on digits is from the best: difference, interval, verdict."""
    text = (STUDIES / "depth_width" / "digits.md").read_text(encoding="utf-8")
    table = text.partition("\n## Comparison with the best\n")[2].partition("\n## ")[0].replace("\N{MINUS SIGN}", "-")
    rows = [[cell.strip(" *") for cell in line.split("|")[1:5]] for line in table.splitlines() if line.startswith("|")]
    found = {}
    for name, mean, interval, verdict in rows[2:]:
        low, high = interval.split(" to ")
        found[name] = (float(mean), float(low), float(high), verdict)
    return found


def draw_verdicts() -> Drawing:
    """Draw the three verdicts as intervals around the margin."""
    found = read_comparison()
    names = ["128", "64", "128-128", "64-64", "64-64-64", "16", "16-16", "16-16-16", "32-32-32-32"]
    colours = {"as good": "green", "unsettled": "soft", "clearly worse": "red"}
    drawing = Drawing(64 + 30 * len(names) + 44, "Each configuration minus the best of the others, and its verdict.")
    across = scale(-0.062, 0.016, 110, 376)
    bottom = 40 + 30 * len(names)
    drawing.box(across(-0.01), 28, across(0.01) - across(-0.01), bottom - 28, edge=None, radius=0)
    drawing.text(across(0), 20, "margin", "soft mid")
    drawing.line((across(0), 28), (across(0), bottom), colour="soft")
    for number, name in enumerate(names):
        mean, low, high, verdict = found[name]
        y, colour = 50 + 30 * number, colours[verdict]
        drawing.text(102, y + 5, name, "code end")
        drawing.line((max(across(low), 110), y), (across(high), y), colour=colour, width=3)
        drawing.dot(across(mean), y, colour)
        drawing.text(388, y + 5, verdict, "soft", colour)
    for level in (-0.06, -0.04, -0.02, 0):
        drawing.text(across(level), bottom + 18, f"{level:.2f}".replace("-", "\N{MINUS SIGN}"), "soft mid")
    drawing.text(240, bottom + 40, "test accuracy minus the best of the others (digits, ten seeds)", "soft mid")
    return drawing


def draw_luck() -> Drawing:
    """Draw twenty configurations that are equally good, and what the best of them does on new seeds."""
    random = np.random.default_rng(136)
    results = random.normal(0.95, 0.01, (20, 5))
    best = int(results.mean(axis=1).argmax())
    again = random.normal(0.95, 0.01, 5)
    drawing = Drawing(290, "Twenty equal configurations: the best of them looks better than it is, new seeds show it.")
    across, up = scale(0, 19, 66, 380), scale(0.92, 0.98, 236, 24)
    for level in (0.93, 0.95, 0.97):
        drawing.line((48, up(level)), (464, up(level)), width=1)
        drawing.text(42, up(level) + 4, f"{level:.2f}", "soft end")
    for number, values in enumerate(results):
        colour = "red" if number == best else "soft"
        for value in values:
            drawing.dot(across(number), up(value), colour, 2.5, 0.55)
        y, half = up(values.mean()), 7
        drawing.line((across(number) - half, y), (across(number) + half, y), colour=colour, width=3)
    drawing.box(410, 24, 54, 212, edge=None)
    for value in again:
        drawing.dot(437, up(value), "blue", 3, 0.7)
    drawing.line((423, up(again.mean())), (451, up(again.mean())), colour="blue", width=3)
    drawing.text(across(best), 18, f"best: {results[best].mean():.3f}", "soft mid", "red")
    drawing.text(437, 18, f"{again.mean():.3f}", "soft mid", "blue")
    drawing.text(223, 256, "twenty equal configurations, five seeds each", "soft mid")
    drawing.text(464, 256, "new seeds", "soft end", "blue")
    drawing.text(240, 278, "true mean of every one: 0.950", "soft mid")
    return drawing


def draw_looks() -> Drawing:
    """Draw how often testing again and again errs."""
    rates: dict[str, list[float]] = {}
    for row in read_rows("statistics/looks.csv"):
        if row["measured"] == "error" and row["k"] == "2" and int(row["n"]) == 5 * int(row["looks"]):
            rates.setdefault(row["rule"], []).append(float(row["rate"]))
    drawing = Drawing(
        270, "Testing at 5 % after every batch of seeds errs in 20 % of studies; spending the error, in 5 %."
    )
    across, up = scale(1, 10, 60, 360), scale(0, 0.22, 216, 20)
    for level in (0, 0.05, 0.1, 0.15, 0.2):
        drawing.line((52, up(level)), (366, up(level)), width=1)
        drawing.text(44, up(level) + 4, f"{level:.0%}", "soft end")
    for rule, colour, words in (("today", "red", "5 % each time"), ("spent", "blue", "spent")):
        points = [(across(look + 1), up(rate)) for look, rate in enumerate(rates[rule])]
        drawing.line(*points, colour=colour, width=2.5)
        drawing.text(372, points[-1][1] + 16, words, "soft", colour)
        drawing.text(372, points[-1][1], f"{rates[rule][-1]:.1%}", "bold", colour)
    for look in (1, 4, 7, 10):
        drawing.text(across(look), 236, str(look), "soft mid")
    drawing.text(210, 258, "looks, each after five more seeds", "soft mid")
    return drawing


def draw_bars(title: str, rows: Sequence[tuple[str, float, str, str]], about: str) -> Drawing:
    """Draw labelled bars: name, value, what is written beside it, colour."""
    drawing = Drawing(40 + 32 * len(rows) + 24, title)
    across = scale(0, max(value for _, value, _, _ in rows), 0, 210)
    for number, (name, value, words, colour) in enumerate(rows):
        y = 20 + 32 * number
        drawing.text(172, y + 15, name, "end")
        drawing.box(182, y, max(across(value), 1), 20, fill=colour, edge=None, radius=2)
        drawing.text(190 + across(value), y + 15, words, "soft")
    drawing.text(240, 40 + 32 * len(rows) + 8, about, "soft mid")
    return drawing


def draw_shares() -> Drawing:
    """Draw what explains the differences between the runs of the study on digits."""
    text = (STUDIES / "depth_width" / "digits.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (depth|width|depth . width|seeds \(residual\)) \| ([\d.]+) %", text, re.MULTILINE)
    colours = ["blue"] * (len(rows) - 1) + ["soft"]
    bars = [
        (name.split(" (")[0], float(share), f"{share} %", colour)
        for (name, share), colour in zip(rows, colours, strict=True)
    ]
    about = "share of the variance of test accuracy, digits, 250 runs"
    return draw_bars("What explains the differences between runs.", bars, about)


def draw_seeds() -> Drawing:
    """Draw how often two kinds of advice on further seeds come true where nothing differs."""
    rows = [row for row in read_rows("statistics/more_seeds.csv") if row["n_seeds"] == "5" and row["k"] == "5"]
    equal = next(row for row in rows if row["truth"] == "all equal")
    lead = next(row for row in rows if row["truth"] == "one leads by 0.5 sd")
    bars = []
    for words, row in (("all equal", equal), ("lead of 0.5 sd", lead)):
        number, holds = float(row["one_number_came_true"]), float(row["range_holds"])
        bars += [(f"{words}: number", number, f"{number:.0%}", "red")]
        bars += [(f"{words}: range", holds, f"{holds:.0%}", "blue")]
    about = "how often the advice is right; five configurations, five seeds"
    return draw_bars("How often advice on further seeds is right.", bars, about)


def draw_stack() -> Drawing:
    """Draw how networks become one array."""
    drawing = Drawing(300, "Six jobs with equal layers become one array of weights with a leading axis of six.")
    for number in range(6):
        y = 18 + number * 38
        drawing.box(16, y, 150, 30)
        drawing.text(28, y + 20, f"64-64  seed={number}", "code")
        drawing.line((166, y + 15), (206, 128), colour="line")
    for number in reversed(range(6)):
        drawing.box(214 + 12 * number, 66 + 10 * number, 120, 74, fill="paper", edge="blue", radius=2)
    drawing.text(274, 108, "W[0]", "code mid")
    drawing.text(290, 216, "W: (6, 64, 64)", "code mid")
    drawing.line((398, 128), (416, 128), colour="soft", is_arrow=True)
    drawing.text(422, 124, "one")
    drawing.text(422, 142, "matmul")
    drawing.text(16, 270, "The same data, layers, activation and batches.", "soft")
    drawing.text(16, 288, "Seeds, rates, schedules, momenta and first weights may differ.", "soft")
    return drawing


def draw_key() -> Drawing:
    """Draw what is in a job's key, and what is not."""
    inside = (
        "layers, activation, init",
        "optimizer, schedule, loss",
        "epochs, batch, dropout, ...",
        "seed",
        "digest of the data",
        "numerics version",
    )
    outside = (
        "where the data lie",
        "store, experiment, names",
        "workers, memory, launcher",
        "pictures, models",
        "retries, checkpoints",
        "version of nnsweep",
    )
    drawing = Drawing(270, "In the key: settings that can change a result, data digest, numerics version.")
    for x, title, colour, lines in ((14, "in the key", "blue", inside), (246, "not in the key", "soft", outside)):
        drawing.box(x, 14, 220, 196, fill="paper", edge=colour)
        drawing.text(x + 110, 38, title, "bold mid", colour)
        for number, words in enumerate(lines):
            drawing.text(x + 14, 66 + 25 * number, words)
    drawing.line((124, 210), (124, 232), colour="soft", is_arrow=True)
    drawing.text(124, 252, "SHA-256: equal keys are trained once", "soft mid")
    return drawing


def draw_crash() -> Drawing:
    """Draw where a result is at each moment, and what a crash then costs."""
    steps = (
        ("epochs", "in a worker", "this stack since its checkpoint", "red"),
        ("result", "on its way", "this stack: it is trained again", "red"),
        ("journal", "synced to disk", "nothing", "green"),
        ("job folder", "files for people", "nothing: restored from the journal", "green"),
        ("store", "rows of MLflow", "nothing: sent by the next command", "green"),
    )
    drawing = Drawing(30 + 56 * len(steps) + 6, "Where a result is at each moment, and what a crash then costs.")
    drawing.text(16, 24, "where the result is", "soft")
    drawing.text(212, 24, "what a kill or a power cut costs then", "soft")
    for number, (name, about, cost, colour) in enumerate(steps):
        y = 36 + 56 * number
        drawing.box(16, y, 180, 42)
        drawing.text(28, y + 18, name, "bold")
        drawing.text(28, y + 35, about, "soft")
        drawing.text(212, y + 26, cost, "", colour)
        if number:
            drawing.line((106, y - 14), (106, y), colour="soft", is_arrow=True)
    return drawing


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "rooms": draw_rooms,
    "sweep": draw_sweep,
    "epochs": draw_epochs,
    "units": draw_units,
    "verdicts": draw_verdicts,
    "luck": draw_luck,
    "looks": draw_looks,
    "shares": draw_shares,
    "seeds": draw_seeds,
    "stack": draw_stack,
    "key": draw_key,
    "crash": draw_crash,
}


def main() -> int:
    """Write all pictures; return the exit status."""
    PICTURES.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        (PICTURES / f"{name}.svg").write_text(str(draw()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
