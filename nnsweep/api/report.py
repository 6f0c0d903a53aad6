"""The report of an experiment, from its store to a file or the terminal."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from nnsweep.api.boundaries import find_landscape
from nnsweep.api.confirm import describe_confirmation_of
from nnsweep.api.load import (
    choose_address,
    find_recorded,
    find_runs,
    gather_correct,
    gather_evaluations,
    gather_histories,
    load_environment,
    pick_records,
)
from nnsweep.errors import ConfigError
from nnsweep.files import expand_home, whole_file
from nnsweep.jobs.confirmation import name_confirmation
from nnsweep.jobs.consistency import require_all_consistent
from nnsweep.results.frame import FIRST, LAST, narrow_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.report.html import html
from nnsweep.results.report.latex import latex
from nnsweep.results.report.markdown import markdown
from nnsweep.results.report.report import Findings, findings
from nnsweep.results.report.section_looks import describe_exposure
from nnsweep.results.report.study import Origin, Study
from nnsweep.results.wording import MINUS, NOTHING, join_words
from nnsweep.text import mask_secrets, printable, quote_argument, warn
from nnsweep.tracking.artifacts import combine_errors, gather_artifacts, require_unaltered
from nnsweep.tracking.exposure import Exposure, find_exposures
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.recorded_run import RecordedRun
from nnsweep.tracking.store import resolve_uri

WRITERS: dict[str, Callable[[Findings, Mapping[str, str]], str]] = {
    ".html": lambda found, _: html(found),
    ".md": markdown,
    ".tex": latex,
}
DIGITS, MOST_SWEEPS = 16, 5
PICTURES = {".md": ".svg", ".tex": ".pdf"}
"""The kind of picture that a format can show from a file beside it."""
PLAIN = str.maketrans({MINUS: "-", NOTHING: "-", "†": "(+)"})
"""What stands for signs that Latin-1, for one, does not have."""


def report(
    experiment: str | pd.DataFrame,
    output: str | Path | None = None,
    *,
    metric: str | None = None,
    title: str = "",
    baseline: str | None = None,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str = "chance",
    rope: float | None = None,
    sweep: str | Sequence[str] | None = None,
    filter: str = "",
    pictures: bool = False,
    fragment: bool = False,
    uri: str | None = None,
    command: str = "",
) -> Findings:
    """Report what an experiment, or some of its runs, have found.

    Parameters
    ----------
    experiment : str or pandas.DataFrame
        Its name; or a frame of its runs with all their columns, as `nnsweep.sweep` and `nnsweep.load_results` give it,
        of which the report is then made.
    output : str or Path, optional
        The file to write, ``.html``, ``.md`` or ``.tex``; nothing is written without it.
    title : str
        The question, as a heading; the experiment's name if not given.
    metric : str or None
        What the best is best by: a metric, or a measure on the test part; what epochs were selected by if not given.
    baseline : str or None
        The label of the configuration to compare the best with; see `nnsweep.compare`.
    by : sequence of str or None
        The columns that make a configuration; all settings that vary if not given.
    confidence : float
        Of the intervals.
    failures : {"chance", "ignore"}
        What failed runs count as: what guessing achieves, or nothing.
    rope : float or None
        The margin within which two means are as good as each other; 0.01 for what lies between 0 and 1 if not given.
    sweep, filter, uri
        Which runs: as `nnsweep.load_results` has them. The sweep is that of an experiment, not of a frame.
    pictures : bool
        Whether pictures are written beside a Markdown or LaTeX file; an HTML file has them in it.
    fragment : bool
        Whether a LaTeX file is without preamble, for LaTeX's ``input`` into an article.
    command : str
        What makes the report again, to be told in it.

    Returns
    -------
    Findings
        What the report says; its `missing` names the files that could not be read.

    Raises
    ------
    ConfigError
        If the file cannot be written, there is no such experiment, or what is asked of the runs cannot be.
    DifferenceError
        If what is recorded of a run does not agree with itself.
    StoreError
        If the store cannot be used.
    """
    if output is not None:
        check_output(Path(expand_home(output)), pictures, fragment)
    check_inputs(metric=metric, uri=uri)
    is_part = False  # which no command chooses
    if isinstance(experiment, pd.DataFrame):
        uri = _choose_store(experiment, uri)
        experiment, records, runs, is_part = _find_frame(experiment, sweep, filter, uri)
    else:
        check_inputs(experiment=experiment)
        _, records, runs = find_runs(experiment, sweep, filter, uri)
    correct, without_correct = gather_correct(runs, uri)
    evaluations, without_evaluations = gather_evaluations(runs, uri)
    histories, without_histories = gather_histories(runs, uri)
    missing_files = [*without_correct, *without_evaluations, *without_histories]
    require_all_consistent(
        RecordedRun(record=record, experiment="", history=histories[record.run_id], correct=correct.get(record.run_id))
        for record in records
        if record.run_id in histories
    )
    test_digests = {run_id: one.test_digest for found in (evaluations, correct) for run_id, one in found.items()}
    confirmation, confirmed_in = describe_confirmation_of(experiment, filter, uri)
    origin = replace(
        _describe_origin(experiment, pick_records(records, runs), uri, command, is_part),
        missing=tuple(str(error) for error in combine_errors(missing_files)),
        confirmation=confirmation,
        confirmed_in=confirmed_in,
        exposure=_describe_exposure(pick_records(records, runs), test_digests, uri),
        is_confirmation=experiment.endswith(name_confirmation("")),
        filter=filter,
    )
    study = Study(
        runs=runs,
        metric=metric or "",
        histories=histories,
        correct=correct,
        evaluations=evaluations,
        landscape=find_landscape(runs, uri),
        baseline=baseline,
        by=by,
        confidence=confidence,
        failures=failures,
        rope=rope,
        origin=origin,
    )
    content = findings(study, title)
    for problem in content.missing:
        warn(problem)
    if output is not None:
        write_report(content, output, pictures=pictures, fragment=fragment)
    return content


def _describe_exposure(records: Sequence[RunRecord], test_digests: Mapping[str, str], uri: str | None) -> str:
    """Say how often the test sets of some runs have been looked at; sweeps of earlier versions did not note it."""
    noted = find_exposures(resolve_uri(uri, Path.cwd()), {*test_digests.values()})
    own: dict[str, set[Exposure]] = {digest: set() for digest in noted}
    for record in records:
        if record.run_id in test_digests and not record.settings.get("trainer.sealed_test"):
            own[test_digests[record.run_id]].add(Exposure("sweep", record.sweep))
    is_noted = all(own[digest] <= noted[digest] for digest in noted)
    return describe_exposure({digest: noted[digest] | own[digest] for digest in noted}, are_all_known=is_noted)


def _choose_store(runs: pd.DataFrame, uri: str | None) -> str | None:
    """Choose the store of a frame's runs; None for the one that the commands of this folder take, too."""
    address = choose_address(runs, uri)
    return None if address == resolve_uri(None, Path.cwd()) else address


def _find_frame(
    runs: pd.DataFrame, sweep: str | Sequence[str] | None, filter: str, uri: str | None
) -> tuple[str, list[RunRecord], pd.DataFrame, bool]:
    """Find the experiment of a frame's runs, their records, those that are chosen, and whether there are others."""
    if sweep is not None:
        raise ConfigError(
            "sweep chooses runs of an experiment, and these are chosen; pass the experiment's name, or filter"
        )
    check_inputs([*FIRST, *LAST], runs=runs)
    runs = narrow_runs(runs, filter=filter)
    store, records = find_recorded(runs, uri)
    require_unaltered(records)
    others = {record.run_id for record in find_job_runs(store)} - {record.run_id for record in records}
    return store.experiment, records, runs, bool(others)


def write_report(
    found: Findings, output: str | Path, *, pictures: bool = False, fragment: bool = False, reload: int = 0
) -> None:
    """Write a report in the format that the file's suffix tells; a file is written whole or not at all.

    Parameters
    ----------
    found : Findings
        What it says.
    output : str or Path
        The file to write, ``.html``, ``.md`` or ``.tex``.
    pictures : bool
        Whether pictures are written beside a Markdown or LaTeX file, under its name and theirs.
    fragment : bool
        Whether a LaTeX file is without preamble, for LaTeX's ``input`` into an article.
    reload : int
        After how many seconds an HTML file loads itself again; 0 for never.

    Raises
    ------
    ConfigError
        If it has another suffix or cannot be written.
    """
    path = Path(expand_home(output))
    check_output(path, pictures, fragment)
    suffix, links = path.suffix.lower(), {}
    if pictures and suffix in PICTURES:
        from nnsweep.results.plots.drawing import save_figure

        for picture in found.pictures:
            place = path.with_name(f"{path.stem}-{picture.name}{PICTURES[suffix]}")
            save_figure(picture.figure, place)
            links[picture.name] = quote(place.name)
    if suffix == ".html":
        text = html(found, reload=reload)
    else:
        text = latex(found, links, fragment=True) if fragment else WRITERS[suffix](found, links)
    with whole_file(path) as file:
        file.write(text.encode())


def check_output(path: Path, pictures: bool, fragment: bool) -> None:
    """Refuse a file whose format cannot be told, that can be no fragment, or beside which pictures cannot be named."""
    if path.suffix.lower() not in WRITERS:
        suffixes = ", ".join(WRITERS)
        raise ConfigError(f"cannot tell the format of {printable(path.name)!r} from its suffix; use one of {suffixes}")
    if fragment and path.suffix.lower() != ".tex":
        raise ConfigError(f"only LaTeX has fragments: name a .tex file instead of {printable(path.name)!r}")
    if pictures and path.suffix.lower() == ".tex" and not re.fullmatch(r"[\w-]+", path.stem, re.ASCII):
        raise ConfigError(
            f"LaTeX cannot include pictures named after {printable(path.name)!r}; use letters, digits, - and _ only"
        )


def print_report(found: Findings) -> None:
    """Write a report as Markdown on the terminal, in plain signs if the terminal does not have those of print."""
    text = markdown(found)
    try:
        "".join(map(chr, PLAIN)).encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(PLAIN)
    sys.stdout.write(text)


def _describe_origin(
    experiment: str, records: Sequence[RunRecord], uri: str | None, command: str, is_part: bool
) -> Origin:
    """Say where the runs are from, the best first, and with which versions the best of them was made.

    Of runs that were chosen in Python there is no command that reports or exports the same ones.
    """
    best = records[:1]
    ids, sweeps = sorted(record.run_id for record in records), sorted({record.sweep for record in records})
    facts = {"Sweeps": join_words(sweeps, MOST_SWEEPS)} if sweeps else {}
    facts["Runs"] = f"{len(ids):,} (SHA-256 of their ids: {sha256(' '.join(ids).encode()).hexdigest()[:DIGITS]})"
    digests = sorted({record.data_digest[:DIGITS] for record in records} - {""})
    facts |= {"Data": f"{join_words(digests)} (SHA-256)"} if digests else {}
    environments, _ = gather_artifacts([record.run_id for record in best], partial(load_environment, uri=uri))
    environment = next(iter(environments.values()), {})
    packages = environment.get("packages", {})
    versions = [f"{name} {environment[name]}" for name in ("nnsweep", "python") if name in environment]
    versions += [f"{name} {packages[name]}" for name in ("numpy", "scipy", "mlflow") if name in packages]
    if versions:
        facts["Recorded with"] = ", ".join([*versions, str(environment.get("processor", ""))])
    where = "" if uri is None else f" --uri {quote_argument(mask_secrets(uri))}"
    of_all = [
        command or f"nnsweep report {quote_argument(experiment)} --output report.html{where}",
        f"nnsweep export {quote_argument(experiment)} --output table.csv{where}",
        f"nnsweep verify table.csv{where}",
    ]
    commands = [
        *(of_all if not is_part else []),
        *(f"nnsweep reproduce {record.run_id}{where}" for record in best if record.state == "finished"),
    ]
    return Origin(
        experiment=experiment,
        commands=tuple(commands),
        facts=facts,
        store_option=where,
        processor=str(environment.get("processor", "")),
    )
