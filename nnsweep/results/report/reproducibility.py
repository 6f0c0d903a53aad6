"""The reproducibility statement of an article: a paragraph to paste, and answers to what reviewers' checklists ask.

The items follow the machine learning reproducibility checklist (Pineau et al., Journal of Machine Learning Research 22,
2021) and that of NeurIPS. Everything is read from the record; what it does not say is called not recorded.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from nnsweep.results.factors import ARCHITECTURE, EXTENT
from nnsweep.results.frame import SAMPLES, list_settings, plain, take_numbers
from nnsweep.results.metrics import metric_text
from nnsweep.results.report.content import SectionContent
from nnsweep.results.report.overview import write_duration
from nnsweep.results.report.paper import describe_interval, explain_epoch, explain_failures
from nnsweep.results.report.report import Findings
from nnsweep.results.report.section_configurations import COUNTING, Configurations
from nnsweep.results.report.section_question import SIZES, is_grid_of_sizes, list_values
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.data_sets import DATA_SETTINGS
from nnsweep.results.wording import count, join_words, percent, short_name, size

UNKNOWN = "not recorded"
PARTS = dict(zip(SAMPLES, ("training", "validation", "test"), strict=True))
PACKAGES = {
    "numpy": "NumPy",
    "scipy": "SciPy",
    "scikit-learn": "scikit-learn",
    "hydra-core": "Hydra",
    "mlflow": "MLflow",
}
PACKAGES_OF_STATEMENT = {"numpy": "NumPy"}
"""What does the arithmetic; the checklist has all packages."""
DIGITS, MOST_VALUES, MOST_COMMANDS = 16, 20, 10


class Circumstances(NamedTuple):
    """What is recorded of how runs were made, besides their settings and results.

    Attributes
    ----------
    commands : tuple of str
        The commands that have asked for the sweeps, as far as they were recorded.
    n_sweeps : int
        How many sweeps there are.
    environments : tuple of mapping
        Versions and machine of a run of each sweep; see `nnsweep.jobs.environment`.
    digests : tuple of str
        Hashes of the data.
    checks : tuple of str
        Commands that check and repeat the results.
    """

    commands: tuple[str, ...] = ()
    n_sweeps: int = 0
    environments: tuple[Mapping[str, Any], ...] = ()
    digests: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


def make_reproducibility(study: Study, circumstances: Circumstances) -> Findings:
    """Put the statement together.

    Parameters
    ----------
    study : Study
        The runs and what is asked of them.
    circumstances : Circumstances
        How they were made.

    Returns
    -------
    Findings
        A paragraph, the answers to a checklist, and the commands, ready to be written like a report.
    """
    answers = dict(_answer_checklist(study, circumstances))
    return Findings(
        title="Reproducibility",
        sections=(
            SectionContent(
                name="statement", heading="Statement", sentences=tuple(_write_statement(study, circumstances))
            ),
            SectionContent(
                name="checklist",
                heading="Checklist",
                points=tuple(f"{item}: {answer}." for item, answer in answers.items()),
            ),
            SectionContent(
                name="commands",
                heading="Commands",
                sentences=("These commands made the runs, export their results, check them, and train one again.",)
                if circumstances.commands
                else ("These commands export the results, check them, and train one again.",),
                commands=(*circumstances.commands[:MOST_COMMANDS], *circumstances.checks),
            ),
        ),
    )


def split_off_appendix(found: Findings) -> tuple[Findings, Findings]:
    """Split the statement into the paragraph, which an article has room for, and the rest, for its appendix.

    Parameters
    ----------
    found : Findings
        What `make_reproducibility` has made.

    Returns
    -------
    tuple of Findings
        The paragraph under a heading of its own, and the checklist with the commands under another.
    """
    statement, checklist, commands = found.sections
    return replace(found, sections=(replace(statement, heading=""),)), Findings(
        title="Reproducibility checklist", sections=(replace(checklist, heading=""), commands)
    )


def _write_statement(study: Study, circumstances: Circumstances) -> Iterator[str]:
    """Write the sentences of the paragraph, about 150 words; details are in the checklist."""
    networks, extent = count(len(study.runs), "network"), count(_count_configurations(study), "configuration")
    yield f"We trained {networks} on {_name_data(study)}: {extent}, {_describe_repeats(study)}."
    if ranges := _describe_ranges(study):
        yield f"We varied {ranges}; all other settings were fixed."
    yield f"There were {_count_examples(study)}; the split was {_name_split(study)}."
    dropped = ", the order of the training examples, and dropout" if _uses_dropout(study) else ""
    yield f"A seed determines the initial weights{dropped or ' and the order of the training examples'}."
    yield from explain_epoch(study)
    if notes := _explain_error_bars(study):
        yield f"The {percent(study.confidence)} interval of a mean is {describe_interval(study)}."
        yield from notes[-2:] if study.repeats.overlap else notes[-1:]  # how overlap counts, what the interval covers
    yield from explain_failures(study)
    yield f"Training took {_sum_compute(study)}, on {_describe_machine(circumstances)}."
    yield f"We used {_describe_software(circumstances, PACKAGES_OF_STATEMENT)}."


def _answer_checklist(study: Study, circumstances: Circumstances) -> Iterator[tuple[str, str]]:
    """Give the items of the checklist with their answers."""
    n_known = len(circumstances.commands)
    yield "Commands that made the runs", f"{count(n_known, 'command')}, see below" if n_known else UNKNOWN
    yield "Range of hyperparameters", _describe_ranges(study) or "none was varied"
    yield "How the range was chosen", f"{UNKNOWN}; to be stated by the authors"
    fixed = [f"{name}={value}" for name, value in _find_fixed(study).items()]
    yield "Fixed settings", ", ".join(fixed) or "none"
    yield "How the configuration was selected", _name_selection(study)
    yield "Number of runs", f"{len(study.runs):,}: {_count_states(study)}"
    yield "Data", f"{_name_data(study)}; SHA-256 {join_words(_shorten(circumstances.digests)) or UNKNOWN}"
    yield "Number of examples", _count_examples(study)
    yield "Split", _describe_split(study)
    yield "Preprocessing", _list_preprocessing(study)
    yield "Repeats", _describe_repeats(study)
    yield "Measure", ". ".join([metric_text(study.metric), " ".join(explain_epoch(study))]).rstrip(". ")
    yield "Error bars", " ".join(_explain_error_bars(study)).rstrip(".") or "none, for lack of repeats"
    yield "Compute", _describe_compute(study)
    yield "Processor and memory", _describe_machine(circumstances, with_system=True)
    yield "Software", _describe_software(circumstances, PACKAGES)
    yield "Code", _describe_commit(circumstances)
    yield (
        "Checking",
        "nnsweep verify makes the table again; nnsweep reproduce trains a run again and compares every bit",
    )


def _count_configurations(study: Study) -> int:
    return len(study.data_sets.scores if study.has_several_data_sets else study.configurations)


def _explain_error_bars(study: Study) -> list[str]:
    """Say what the intervals are; several data sets have no common one."""
    if study.has_several_data_sets or not study.configurations["half"].notna().any():
        return []
    _, *notes = Configurations().method_notes(study)  # the first says what a configuration is
    return [note for note in notes if note not in COUNTING.values()]


def _name_data(study: Study) -> str:
    names = list_values(study.runs, "data") if "data" in study.runs.columns else []
    return join_words(names, MOST_VALUES) or f"data whose name is {UNKNOWN}"


def _describe_ranges(study: Study) -> str:
    """Say which values were varied, and whether in all combinations; depth and width stand for what makes them."""
    settings = [name for name in study.settings if not (study.has_several_data_sets and name in DATA_SETTINGS)]
    names = [name for name in settings if name not in ARCHITECTURE]
    if len(names) < len(settings):
        layers = [SIZES] if SIZES in study.runs.columns else [name for name in settings if name in ARCHITECTURE]
        sizes = [name for name in EXTENT if name in study.runs.columns and len(list_values(study.runs, name)) > 1]
        names = [*(sizes if is_grid_of_sizes(study.runs) else layers), *names]
    if not names:
        return ""
    values = {name: list_values(study.runs, name) for name in names}
    listed = [f"{short_name(name, names).replace('_', ' ')} ({', '.join(values[name])})" for name in names]
    n_possible, n = math.prod(map(len, values.values())), _count_configurations(study)
    if len(names) == 1:
        return listed[0]
    every = "in all combinations" if n == n_possible else f"in {n:,} of {n_possible:,} combinations"
    return f"{join_words(listed, len(listed))}, {every}"


def _find_fixed(study: Study, group: str = "") -> dict[str, str]:
    """Find the settings that are the same in all runs, with their values; not those that other data sets have."""
    names = [name for name in list_settings(study.runs) if name not in study.repeats.axes and name.startswith(group)]
    values = {name: list_values(study.runs, name) for name in names}
    same = {name: found[0] for name, found in values.items() if len(found) == 1}
    return {name: value for name, value in same.items() if value != "none" or not name.startswith("data.")}


def _describe_repeats(study: Study) -> str:
    """Say how often each configuration was trained, with which seeds."""
    if not study.repeats.axes:
        return "once each, without a recorded seed"
    counts = study.configurations["n_finished"] + study.configurations["n_failed"]
    times = " to ".join(f"{n:,}" for n in sorted({counts.min(), counts.max()}))
    listed = [
        f"{short_name(name).replace('_', ' ')} {_list_range(list_values(study.runs, name))}"
        for name in study.repeats.axes
    ]
    noun = study.repeats.noun
    return f"each with {times} {noun}{'s' if counts.max() > 1 else ''} ({join_words(listed).removeprefix('seed ')})"


def _list_range(values: Sequence[str]) -> str:
    numbers = [int(value) for value in values if value.isdecimal()]
    if len(values) > 2 and numbers == list(range(numbers[0], numbers[0] + len(values))):
        return f"{values[0]} to {values[-1]}"
    return join_words(values, MOST_VALUES)


def _count_examples(study: Study) -> str:
    """Say how many examples each part has."""
    parts, lacking = [], []
    for name, part in PARTS.items():
        numbers = [int(n) for n in plain(study.runs[name]) if isinstance(n, int | float)] if name in study.runs else []
        if numbers:
            parts.append(f"{' to '.join(f'{n:,}' for n in sorted({min(numbers), max(numbers)}))} {part}")
        elif part != "validation":
            lacking.append(f"a number of {part} examples that is {UNKNOWN}")
        else:
            lacking.append("no validation examples")
    return " and ".join([*([f"{join_words(parts)} examples"] if parts else []), *lacking])


def _describe_split(study: Study) -> str:
    """Say how the data are split, as far as settings tell, and whether all runs have the same split."""
    names = ("split", "val_fraction", "test_fraction", "split_seed", "split_by", "n_folds", "test_path")
    fixed = _find_fixed(study, "data.")
    settings = [f"{name}={fixed[f'data.{name}']}" for name in names if f"data.{name}" in fixed]
    return _name_split(study) + (f" ({', '.join(settings)})" if settings else "")


def _name_split(study: Study) -> str:
    return f"the same for all runs of a {study.kind}" if study.repeats.changes_test_set else "the same for all runs"


def _uses_dropout(study: Study) -> bool:
    return any(plain(study.runs["trainer.dropout"])) if "trainer.dropout" in study.runs.columns else False


def _list_preprocessing(study: Study) -> str:
    split = ("split", "fraction", "fold", "path", "home")
    fixed = _find_fixed(study, "data.")
    settings = [
        f"{name}={value}"
        for name, value in fixed.items()
        if value != "none" and not any(part in name for part in split)
    ]
    return ", ".join(settings) or "none recorded"


def _name_selection(study: Study) -> str:
    if study.has_several_data_sets:
        return "by each data set for itself"
    if not study.has_result:
        return "not at all, since no run has a result"
    how = study.validation_words if study.chosen_by_validation else f"best mean {study.words}"
    return f"by {how}; it is {study.chosen}"


def _count_states(study: Study) -> str:
    states = {state: study.states.count(state) for state in dict.fromkeys(study.states)}
    return (
        "all finished" if [*states] == ["finished"] else join_words([f"{n:,} {state}" for state, n in states.items()])
    )


def _list_seconds(study: Study) -> list[float]:
    """List how long training took, of the runs that have it recorded."""
    return [seconds for seconds in take_numbers(study.runs, "duration_seconds") if not math.isnan(seconds)]


def _sum_compute(study: Study) -> str:
    seconds = _list_seconds(study)
    return f"{write_duration(sum(seconds))} in all, summed over runs" if seconds else f"a time that is {UNKNOWN}"


def _describe_compute(study: Study) -> str:
    seconds = _list_seconds(study)
    if not seconds:
        return _sum_compute(study)
    lacking = len(study.runs) - len(seconds)
    without = f"; {count(lacking, 'run')} without a recorded time" if lacking else ""
    mean, longest = map(write_duration, (sum(seconds) / len(seconds), max(seconds)))
    return f"{_sum_compute(study)} ({mean} a run, at most {longest}{without})"


def _describe_machine(circumstances: Circumstances, *, with_system: bool = False) -> str:
    """Name processors, cores and memory, each distinct machine once."""
    machines = []
    for environment in circumstances.environments:
        parts = [str(environment.get("processor") or f"a processor that is {UNKNOWN}")]
        parts += [count(int(environment["cores"]), "core")] if environment.get("cores") else []
        memory = environment.get("memory_bytes")
        parts.append(f"{size(memory)} of memory" if isinstance(memory, int) else f"memory {UNKNOWN}")
        parts += [str(environment["platform"])] if with_system and environment.get("platform") else []
        machines.append(", ".join(parts))
    return " and ".join(dict.fromkeys(machines)) or f"a machine that is {UNKNOWN}"


def _describe_software(circumstances: Circumstances, names: Mapping[str, str]) -> str:
    """List versions, each set of them once."""
    listed = []
    for environment in circumstances.environments:
        packages = environment.get("packages") or {}
        versions = {"nnsweep": environment.get("nnsweep"), "Python": environment.get("python")}
        versions |= {name: packages.get(package) for package, name in names.items()}
        listed.append(join_words([f"{name} {version}" for name, version in versions.items() if version], 9))
    return "; ".join(filter(None, dict.fromkeys(listed))) or UNKNOWN


def _describe_commit(circumstances: Circumstances) -> str:
    """Name the commits of the working folder's code."""
    commits = [
        f"commit {environment['git_commit']}{' with uncommitted changes' * bool(environment.get('git_dirty'))}"
        for environment in circumstances.environments
        if environment.get("git_commit")
    ]
    return "; ".join(dict.fromkeys(commits)) or f"{UNKNOWN}; a sweep records its commit if its folder is under git"


def _shorten(digests: Sequence[str]) -> list[str]:
    return [digest[:DIGITS] for digest in digests]
