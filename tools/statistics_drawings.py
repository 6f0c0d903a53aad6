"""The pictures that explain the statistics, from the numbers of the studies; what is simulated has a seed beside it."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from drawing import Drawing, scale

STUDIES = Path(__file__).resolve().parents[1] / "experiments"


def read_rows(name: str) -> Iterator[dict[str, str]]:
    """Read a table of a study."""
    with (STUDIES / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


VALIDATION = (14, 98, 135, 129, 130, 136, 138, 129, 138, 137, 135, 137, 140, 140, 138, 138, 138, 138, 139, 139, 139)
TEST = (39, 247, 340, 336, 331, 338, 344, 328, 338, 334, 335, 341, 342, 349, 347, 350, 348, 350, 350, 352, 351)
"""Right answers of 144 and of 360: digits, arch=deep, schedule=constant, learning rate 0.05, seed=2, epochs 0 to 20."""


GUESSING = 37 / 360
"""The share of the commonest class among the test examples of digits."""


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


def draw_rates(title: str, rows: Sequence[tuple[str, float, float]], names: tuple[str, str], about: str) -> Drawing:
    """Draw how often intervals of 95 % hold: those of a usual method, and nnsweep's."""
    bottom = 48 + 28 * len(rows)
    drawing = Drawing(bottom + 52, title)
    across = scale(0.84, 1, 150, 456)
    for x, words, colour in ((150, names[0], "red"), (310, names[1], "blue")):
        drawing.dot(x, 20, colour, 5)
        drawing.text(x + 12, 25, words, "soft")
    drawing.line((across(0.95), 38), (across(0.95), bottom), colour="soft", dash="4 4")
    for number, (name, usual, ours) in enumerate(rows):
        y = 56 + 28 * number
        drawing.text(138, y + 5, name, "end")
        drawing.line((150, y), (456, y), width=1)
        drawing.dot(across(usual), y, "red", 5)
        drawing.dot(across(ours), y, "blue", 5)
    for level in (0.85, 0.9, 0.95, 1):
        drawing.text(min(across(level), 442), bottom + 18, f"{level:.0%}", "soft mid")
    drawing.text(240, bottom + 40, about, "soft mid")
    return drawing


def draw_coverage() -> Drawing:
    """Draw how often the interval of a mean near 1 holds it."""
    noise = [row for row in read_rows("statistics/intervals.csv") if row["noise"] == "beta(19, 1)"]
    rates = {(row["n"], row["method"]): float(row["coverage"]) for row in noise}
    rows = [(f"{n} seeds", rates[n, "Student"], rates[n, "logit"]) for n in ("2", "3", "5", "10", "20")]
    about = "how often the interval holds the mean, accuracies near 0.95 with a tail"
    return draw_rates("Coverage of two intervals.", rows, ("the usual t", "on log odds"), about)


def draw_means() -> Drawing:
    """Draw how often the intervals of all differences of a setting hold at once."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in read_rows("statistics/marginal_means.csv"):
        if row["others"] == "5":
            found.setdefault((row["noise"], row["procedure"]), []).append(float(row["covered"]))
    rates = {key: float(np.mean(values)) for key, values in found.items()}
    noises = {
        "normal": "equal variances",
        "unequal": "unequal",
        "skewed": "skewed",
        "last level collapses": "one fails",
    }
    rows = [(name, rates[noise, "Tukey-Kramer"], rates[noise, "Welch, Bonferroni"]) for noise, name in noises.items()]
    about = "how often all differences of a setting hold at once"
    return draw_rates("Coverage of two procedures.", rows, ("Tukey-Kramer", "Welch, Bonferroni"), about)


def draw_failures() -> Drawing:
    """Draw the runs of two networks, of which one sometimes diverges."""
    drawing = Drawing(186, "Seven of ten runs of 5 layers of 64 reach 0.943, three diverge; the mean of all is 0.691.")
    across = scale(0, 1, 84, 440)
    for number, depth in enumerate(("1", "5")):
        rows = [row for row in read_rows("depth_width/digits.csv") if (row["depth"], row["width"]) == (depth, "64")]
        values = [float(row["test_accuracy"] or GUESSING) for row in rows]
        y, mean = 58 + 56 * number, float(np.mean(values))
        drawing.text(74, y + 5, f"{depth} \N{MULTIPLICATION SIGN} 64", "end")
        drawing.line((84, y), (440, y), width=1)
        for place, value in enumerate(sorted(values)):
            is_failed = value == GUESSING
            drawing.dot(across(value), y - 5 * place if is_failed else y, "red" if is_failed else "blue", 4, 0.7)
        drawing.line((across(mean), y - 12), (across(mean), y + 12), colour="ink", width=2.5)
        drawing.text(across(mean), y - 18, f"mean {mean:.3f}", "soft mid")
    drawing.text(across(GUESSING) + 12, 114 - 16, "3 diverged", "soft", "red")
    for level in (0, 0.25, 0.5, 0.75, 1):
        drawing.text(across(level), 148, f"{level:.2f}", "soft mid")
    drawing.text(240, 172, "test accuracy on digits; a failure counts as guessing, 0.103", "soft mid")
    return drawing


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "epochs": draw_epochs,
    "units": draw_units,
    "verdicts": draw_verdicts,
    "luck": draw_luck,
    "looks": draw_looks,
    "shares": draw_shares,
    "seeds": draw_seeds,
    "coverage": draw_coverage,
    "means": draw_means,
    "failures": draw_failures,
}
