"""Lay the figures of fault campaigns side by side: results.json to table.md and table.csv."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLUMNS = ("promise", "extent", "trials", "broken", "known faults met", "seconds")


def main() -> None:
    """Write the tables."""
    results = json.loads((HERE / "results.json").read_text())
    machine = results.pop("machine", {})
    rows = [_row(name, figures) for name, figures in sorted(results.items(), key=_order)]
    (HERE / "table.md").write_text("\n".join([*_markdown(rows), "", *_told(machine)]) + "\n")
    with (HERE / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def _order(item: tuple[str, dict[str, Any]]) -> tuple[bool, bool, str]:
    name, figures = item
    return figures["extent"] != "soak", "planted" in name, name


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    known = ", ".join(f"{fault}: {number}" for fault, number in sorted(figures["known"].items()))
    promise = name.removeprefix("test_").replace("_", " ")
    return [promise, figures["extent"], str(figures["trials"]), str(figures["wrong"]), known, str(figures["seconds"])]


def _markdown(rows: Iterable[list[str]]) -> list[str]:
    head = ["| " + " | ".join(COLUMNS) + " |", "| --- | --- | ---: | ---: | --- | ---: |"]
    return head + ["| " + " | ".join(row) + " |" for row in rows]


def _told(machine: dict[str, str]) -> list[str]:
    return ["Ran on: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."] if machine else []


if __name__ == "__main__":
    main()
