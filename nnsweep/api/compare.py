"""Studies of different days side by side, from their store to a file or the terminal."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nnsweep.api.load import find_runs, load_environment, pick_records
from nnsweep.api.report import check_output, write_report
from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.jobs.environment import compare_environments
from nnsweep.results.frame import frame
from nnsweep.results.report.report import Findings
from nnsweep.results.report.studies import StudyToCompare, compare_findings
from nnsweep.results.report.study import Origin, Study
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.studies import compare_two_studies
from nnsweep.tracking.artifacts import gather_artifacts
from nnsweep.tracking.record import RunRecord


def compare_experiments(
    experiments: Sequence[str],
    output: str | Path | None = None,
    *,
    metric: str | None = None,
    confidence: float = 0.95,
    failures: str = "chance",
    filter: str = "",
    uri: str | None = None,
    command: str = "",
) -> Findings:
    """Compare experiments: each after the first with the first.

    Parameters
    ----------
    experiments : sequence of str
        Their names, two or more.
    output : str or Path, optional
        The file to write, ``.html``, ``.md`` or ``.tex``.
    metric, confidence, failures
        As `nnsweep.results.statistics.studies.compare_two_studies` has them.
    filter, uri
        Which runs of each: as `nnsweep.api.load.load_results` has them.
    command : str
        What makes the comparison again, to be told in it.

    Raises
    ------
    ConfigError
        If there are not two, one is named twice, is not there or has no runs, or the file cannot be written.
    StoreError
        If the store cannot be used.
    """
    if len(set(experiments)) < max(2, len(experiments)):
        raise ConfigError("a comparison needs two or more experiments, each named once: nnsweep compare ONE OTHER")
    if output is not None:
        check_output(Path(expand_home(output)), pictures=False, fragment=False)
    chosen = {name: _find_records(name, filter, uri) for name in experiments}
    environments = {name: _find_environment(records, uri) for name, records in chosen.items()}
    first = experiments[0]
    metric = choose_metric(frame([one for records in chosen.values() for one in records]), metric)
    studies = []
    for name, records in chosen.items():
        study = Study(
            runs=frame(records),
            metric=metric,
            confidence=confidence,
            failures=failures,
            origin=Origin(experiment=name, filter=filter),
        )
        if name == first:
            studies.append(StudyToCompare(name, study))
            continue
        both = [*chosen[first], *records]
        pair = compare_two_studies(
            frame(both),
            [place >= len(chosen[first]) for place in range(len(both))],
            metric,
            confidence=confidence,
            failures=failures,
            digests=[record.data_digest for record in both],
        )
        versions = tuple(compare_environments(environments[first], environments[name]))
        studies.append(StudyToCompare(name, study, pair, versions))
    found = compare_findings(studies, command)
    if output is not None:
        write_report(found, output)
    return found


def _find_records(experiment: str, filter: str, uri: str | None) -> list[RunRecord]:
    """Find the runs of an experiment that are meant, the best first."""
    _, records, runs = find_runs(experiment, None, filter, uri)
    if not len(runs):
        which = f" that fulfils {filter}" if filter else ""
        raise ConfigError(f"experiment '{experiment}' has no run{which}: there is nothing to compare")
    return pick_records(records, runs)


def _find_environment(records: Sequence[RunRecord], uri: str | None) -> dict[str, object]:
    """Find with which versions the best run was made; empty if that is not known."""
    found, _ = gather_artifacts([record.run_id for record in records[:1]], partial(load_environment, uri=uri))
    return next(iter(found.values()), {})
