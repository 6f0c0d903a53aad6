"""The end of a sweep: its table in the terminal, and its summary run in the store.

The summary run holds the table, the curves side by side and what failed; it has no metric that a job's run
has, so that it never stands among the jobs in a chart.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from nnsweep.messages import visible
from nnsweep.results.formats import write
from nnsweep.results.frame import frame, varying
from nnsweep.results.ranking import ranked, selection
from nnsweep.results.terminal import table
from nnsweep.tracking import run as runs
from nnsweep.tracking.client import masked
from nnsweep.tracking.links import chart_link, compare_link
from nnsweep.tracking.reading import histories
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, optimize, resolved_uri

COMPARED = 10
DRAWN = 30
"""How many jobs' curves a picture holds; beyond that none can be told from the others."""


def show(records: Sequence[RunRecord], store: Store, sweep: str) -> None:
    """Print the table, and where to look further.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    store : Store
        Where the runs are.
    sweep : str
        The sweep's id.
    """
    console = Console(highlight=False)
    console.print(table(frame(records), width=console.width))
    where = "" if store.uri == resolved_uri(None, Path.cwd()) else f" --uri {masked(store.uri)}"
    ui = store.uri if store.uri.startswith("http") else f"nnsweep ui{where}"
    lines = [
        "",
        _counted(records),
        "",
        f"Browse the curves:  {masked(ui)}",
        f"  charts   {masked(chart_link(store, sweep))}",
        f"  compare  {masked(compare_link(store, _best_ids(records)[:COMPARED]))}",
        f"Export the table:   nnsweep export {store.experiment} --sweep {sweep} --output table.csv{where}",
    ]
    console.print(Text("\n".join(map(visible, lines))), soft_wrap=True)


def record(records: Sequence[RunRecord], store: Store, folder: Path, *, picture: bool = True) -> None:
    """Leave the summary run in the store, and its files in the sweep's folder.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    store : Store
        Where the runs are.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    picture : bool
        Whether a picture of the curves is drawn.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    tags = {
        "nnsweep.kind": "sweep",
        "nnsweep.sweep": folder.name,
        "nnsweep.n_jobs": str(len(records)),
        "nnsweep.n_finished": str(_n_finished(records)),
        "mlflow.note.content": _described(records),
        "mlflow.source.name": "nnsweep",
    }
    state = "finished" if _n_finished(records) == len(records) else "failed"
    summary = RunRecord(run_id="", name=f"sweep {folder.name}", state=state)
    summary = replace(summary, run_id=runs.start(store, summary.name, tags))
    pictures = _picture(records, store, folder) if picture else []
    runs.log_files(store, summary.run_id, [*_tables(records, folder), *pictures])
    runs.end(store, summary)
    optimize(store)


def _tables(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    everything = frame(records)
    shown = varying(ranked(everything))
    paths = [folder / f"table.{suffix}" for suffix in ("csv", "md", "html")]
    for path in paths:
        write(shown, path, caption=selection(everything))
    return paths


def _picture(records: Sequence[RunRecord], store: Store, folder: Path) -> list[Path]:
    wanted = set(_best_ids(records)[:DRAWN])
    drawn = [record for record in records if record.run_id in wanted]
    curves = histories(store, drawn)
    named: dict[str, pd.DataFrame] = {}
    for job in drawn:
        if len(curves.get(job.run_id, ())):
            name = job.name if job.name not in named else f"{job.name} #{job.job}"
            named[name] = curves[job.run_id]
    if not named:
        return []
    from nnsweep.results.curves import learning_curves  # matplotlib takes a while to import
    from nnsweep.results.figure import save

    path = folder / "learning_curves.png"
    title = f"sweep {folder.name}" + (f": the best {DRAWN} of {len(records)} jobs" if len(records) > DRAWN else "")
    save(learning_curves(named, title=title), path)
    return [path]


def _counted(records: Sequence[RunRecord]) -> str:
    counts = {
        state: sum(job.state == state for job in records) for state in dict.fromkeys(job.state for job in records)
    }
    jobs = "1 job" if len(records) == 1 else f"{len(records)} jobs"
    return f"{jobs}: " + ", ".join(f"{count} {state}" for state, count in counts.items())


def _described(records: Sequence[RunRecord]) -> str:
    lines = [_counted(records), "", selection(frame(records)), ""]
    lines += [f"- {job.name}: {job.state}, {job.reason}" for job in records if job.state != "finished"]
    return "\n".join(lines)[:8000]


def _n_finished(records: Sequence[RunRecord]) -> int:
    return sum(job.state == "finished" for job in records)


def _best_ids(records: Sequence[RunRecord]) -> list[str]:
    ids: list[str] = ranked(frame([job for job in records if job.run_id]))["run_id"].tolist()
    return ids
