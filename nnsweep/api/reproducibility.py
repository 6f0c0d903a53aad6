"""The reproducibility statement of an experiment, from its store to a file or the terminal."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nnsweep.api.load import find_runs, load_environment, pick_records
from nnsweep.api.report import write_report
from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.results.report.report import Findings
from nnsweep.results.report.reproducibility import Circumstances, make_reproducibility, split_off_appendix
from nnsweep.results.report.study import Study
from nnsweep.text import mask_secrets, quote_argument
from nnsweep.tracking.artifacts import gather_artifacts
from nnsweep.tracking.query import find_sweep_commands
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

MOST_SWEEPS = 20
"""Of so many sweeps the machine and the versions are read."""


def report_reproducibility(
    experiment: str,
    output: str | Path | None = None,
    *,
    metric: str | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str = "chance",
    sweep: str | Sequence[str] | None = None,
    filter: str = "",
    uri: str | None = None,
) -> Findings:
    """Write what an article has to say for its results to be repeated.

    Parameters
    ----------
    experiment : str
        Its name.
    output : str or Path, optional
        The file to write, ``.md``, ``.html`` or ``.tex``; nothing is written without it. LaTeX is written as two
        fragments, the paragraph as ``NAME.tex`` and the checklist as ``NAME_checklist.tex``.
    metric, by, confidence, failures
        What is reported of the runs: as `nnsweep.results.report.study.Study` has them.
    sweep, filter, uri
        Which runs: as `nnsweep.api.load.load_results` has them.

    Returns
    -------
    Findings
        The paragraph, the answers to a checklist, and the commands.

    Raises
    ------
    ConfigError
        If there is no such experiment or run, or the file cannot be written.
    DifferenceError
        If the store says something of these runs otherwise than when they were recorded.
    StoreError
        If the store cannot be used.
    """
    store, records, runs = find_runs(experiment, sweep, filter, uri)
    if not len(runs):
        raise ConfigError("there are no such runs: there is nothing to report")
    study = Study(runs=runs, metric=metric or "", by=by, confidence=confidence, failures=failures)
    found = make_reproducibility(study, _find_circumstances(store, pick_records(records, runs), filter, uri))
    if output is not None:
        path = Path(expand_home(output))
        if path.suffix.lower() == ".tex":
            paragraph, appendix = split_off_appendix(found)
            write_report(paragraph, path, fragment=True)
            write_report(appendix, path.with_name(f"{path.stem}_checklist{path.suffix}"), fragment=True)
        else:
            write_report(found, path)
    return found


def _find_circumstances(store: Store, records: Sequence[RunRecord], filter: str, uri: str | None) -> Circumstances:
    """Find how runs were made, the best first; of each sweep, one run tells machine and versions."""
    first = {record.sweep: record.run_id for record in reversed(records)}
    environments, _ = gather_artifacts([*first.values()][:MOST_SWEEPS], partial(load_environment, uri=uri))
    where = "" if uri is None else f" --uri {quote_argument(mask_secrets(uri))}"
    which = quote_argument(store.experiment) + (f" --filter {quote_argument(filter)}" if filter else "")
    checks = [f"nnsweep export {which} --output table.csv{where}", f"nnsweep verify table.csv{where}"]
    checks += [f"nnsweep reproduce {record.run_id}{where}" for record in records[:1] if record.state == "finished"]
    return Circumstances(
        commands=tuple(find_sweep_commands(store, first)),
        n_sweeps=len(first),
        environments=tuple(environments.values()),
        digests=tuple(sorted({record.data_digest for record in records} - {""})),
        checks=tuple(checks),
    )
