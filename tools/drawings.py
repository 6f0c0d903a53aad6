"""Draw the pictures of the explanations: `python tools/drawings.py` writes docs/pictures/*.svg.

Here are those that explain the program; `statistics_drawings.py` has the others, and `drawing.py` the pen.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import statistics_drawings
from drawing import Drawing

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
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
    **statistics_drawings.DRAWINGS,
    "rooms": draw_rooms,
    "sweep": draw_sweep,
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
