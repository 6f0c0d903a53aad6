"""Run us and the peers on the same work, in turn, several times; write medians, ratios and a picture.

    SCIKIT_LEARN_DATA=FOLDER_WITH_20NEWSGROUPS python experiments/speed/measure.py a b c d e --repetitions 3
    python experiments/speed/measure.py --report     # tables and picture again, from results.json

Works that are not named keep the results that they have.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import arithmetic
import machine
import process
import report
from works import WORKS, Work

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"


def measure(work: Work, repetitions: int, folder: Path) -> dict[str, Any]:
    """Run all contenders of a work in a folder, one after another, as often as asked."""
    runs: dict[str, list[dict[str, Any]]] = {contender.name: [] for contender in work.contenders}
    folder.mkdir()
    store = process.ready_store(folder)
    for _ in range(repetitions):
        for contender in work.contenders:
            runs[contender.name].append(process.measure_contender(contender, store))
            print(f"{runs[contender.name][-1]['seconds']:9.2f} s  {contender.name}", flush=True)
    return {
        "runs": runs,
        "machine": machine.description(),
        "matrix_rate": {dtype: machine.matrix_rate(dtype) for dtype in ("float32", "float64")},
        "operations": None if work.training is None else arithmetic.operations(work.training),
    }


def main(names: list[str], repetitions: int) -> None:
    """Measure the named works and write everything down after each."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    # all folders stay until the end: for minutes after many were removed, ext4 makes new ones ten times slower
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            print(f"({name}) {WORKS[name].text}", flush=True)
            results[name] = measure(WORKS[name], repetitions, Path(folder) / name)
            draft = RESULTS.with_suffix(".draft")
            draft.write_text(json.dumps(results, indent=1) + "\n")
            os.replace(draft, RESULTS)
    report.write(results, HERE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", choices=(*WORKS, []), metavar="WORK", help=f"any of {', '.join(WORKS)}")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--report", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    main([] if arguments.report else arguments.works or list(WORKS), arguments.repetitions)
