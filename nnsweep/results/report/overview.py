"""The overview of a report: what fits on the first screen.

It has the answer in a sentence, the picture that shows it, three key numbers, and what to do next. The sections of
the report follow it, and say all of it again with its evidence.
"""

import math
from collections import Counter
from typing import NamedTuple

from nnsweep.results.factors import ARCHITECTURE, DATA, EXTENT, choose_axes
from nnsweep.results.frame import plain, take_numbers, varies
from nnsweep.results.metrics import find_validation_metric
from nnsweep.results.report.content import Picture
from nnsweep.results.report.section_answer import describe_answer, describe_layers
from nnsweep.results.report.study import Study
from nnsweep.results.selection import choose_metric, rank_runs
from nnsweep.results.statistics.best_set import AS_GOOD, UNSETTLED, UNTESTED, WORSE
from nnsweep.results.statistics.data_sets import merge_data_settings, name_data_sets, write_filters
from nnsweep.results.wording import TIMES, count, join_words, percent, short_name, with_interval, write_digits
from nnsweep.text import quote_argument

MOST_NAMED = 3
"""A question names no more settings than this."""
LONGEST_REASON = 200
NOUNS = {"hidden_layer_sizes": "layer sizes", "arch": "architecture", "init": "initializer"}
"""What a question calls settings whose names are short for something."""


class KeyNumber(NamedTuple):
    """A number that a reader wants to see first: how it is written, and what it is."""

    value: str
    meaning: str

    @property
    def phrase(self) -> str:
        """Both in one line: ``9 min of training``, or ``20 runs: 2 configurations``."""
        return f"{self.value}{':' * self.meaning[:1].isdigit()} {self.meaning}"


class NextStep(NamedTuple):
    """What to do next: why, in a sentence, and the command; empty where no command can do it."""

    reason: str
    command: str = ""


class Overview(NamedTuple):
    """What the first screen shows under the question.

    Attributes
    ----------
    answer : str
        The answer in a sentence, with how sure it is.
    picture : Picture or None
        The picture that shows this grid best.
    key_numbers : tuple of KeyNumber
        How many runs, how sure, at what cost.
    next_step : NextStep
        What to do next.
    """

    answer: str
    picture: Picture | None
    key_numbers: tuple[KeyNumber, ...]
    next_step: NextStep


def make_overview(study: Study, picture: Picture | None) -> Overview:
    """Put together what the first screen shows.

    Parameters
    ----------
    study : Study
        What was found.
    picture : Picture or None
        The picture that shows it best.
    """
    numbers = (_count_runs(study), _describe_certainty(study), _describe_cost(study))
    return Overview(describe_answer(study)[0], picture, numbers, _choose_next_step(study))


def ask_question(study: Study) -> str:
    """Make a question of what varies and of the data."""
    runs = merge_data_settings(study.runs) if study.has_several_data_sets else study.runs
    n_configurations = len(study.data_sets.scores if study.has_several_data_sets else study.configurations)
    if n_configurations == 1:
        sizes = {*plain(runs["hidden_layer_sizes"])} if "hidden_layer_sizes" in runs.columns else {None}
        layers = describe_layers(str(*sizes)) if len(sizes) == 1 else ""
        network = f"a network with {layers}" if layers else "the network"
        return f"What {study.words} does {network} reach{_name_data(study)}?"
    extent = [name for name in EXTENT if name in runs.columns and varies(runs, name)]
    names = [*(study.by or choose_axes(runs, first=extent))]
    names = [name for name in names if not (study.has_several_data_sets and name == DATA)]
    if "arch" in study.settings:  # its names are those of the configurations
        names = ["arch", *(name for name in names if name not in ARCHITECTURE)]
    if {"arch", "hidden_layer_sizes"} & {*names}:  # depth and width do not tell them
        names = [name for name in names if name not in EXTENT]
    if not 0 < len(names) <= MOST_NAMED:
        return f"Which of {n_configurations:,} configurations works best{_name_data(study)}?"
    nouns = [NOUNS.get(name, short_name(name, names).replace("_", " ")) for name in names]
    is_plural = len(nouns) > 1 or (nouns[0].endswith("s") and not nouns[0].endswith("ss"))
    return f"Which {join_words(nouns)} {'work' if is_plural else 'works'} best{_name_data(study)}?"


def _name_data(study: Study) -> str:
    """Say on what data, as it ends a question."""
    names = [*dict.fromkeys(name_data_sets(study.runs))]
    if len(names) > 1:
        return f" on {len(names):,} data sets"
    return f" on {names[0]}" if names[0] else ""


def _count_runs(study: Study) -> KeyNumber:
    runs = count(len(study.runs), "run")
    table = study.configurations
    n_lost = len(study.runs) - int(table["n_finished"].sum())
    lost = f"; {n_lost:,} without a result" if n_lost else ""
    if study.has_several_data_sets:
        n_data_sets = len(study.data_sets.data_sets)
        extent = f"{count(len(study.data_sets.scores), 'configuration')} on {n_data_sets:,} data sets"
        return KeyNumber(runs, extent + lost)
    counts = table["n_finished"] + table["n_failed"]
    noun = study.repeats.noun
    if counts.nunique() > 1:
        repeats = f" with {counts.min():,} to {counts.max():,} {noun}s each"
    else:
        repeats = f" {TIMES} {study.describe_repeats(table['label'].iloc[0])}" if study.repeats.axes else ""
    return KeyNumber(runs, f"{count(len(table), 'configuration')}{repeats}{lost}")


def _describe_certainty(study: Study) -> KeyNumber:
    if study.has_several_data_sets:
        pairs = study.data_sets.pairs
        told = int(pairs["distinguishable"].sum())
        return KeyNumber(f"{told:,} of {len(pairs):,}", "pairs of configurations differ significantly")
    if not study.has_result:
        return KeyNumber("0", "runs finished with a result")
    if len(study.configurations) > 1:
        return _count_verdicts(study)
    row = study.best
    if row["n_units"] < 2:
        return KeyNumber(f"1 {study.kind}", "does not show how much results vary")
    interval = with_interval(study.write, row["mean"], row["low_simultaneous"], row["high_simultaneous"])
    kind = f"{percent(study.confidence)} interval of the mean over {study.describe_repeats(row['label'])}"
    return KeyNumber(interval.removeprefix(study.write(row["mean"])).strip(" ()") or "± 0", kind)


def _count_verdicts(study: Study) -> KeyNumber:
    """Count the configurations that may be the best, and say of each verdict how many have it."""
    counts = {verdict: len(study.list_verdict(verdict)) for verdict in (AS_GOOD, UNSETTLED, WORSE, UNTESTED)}
    n = len(study.configurations)
    if not counts[AS_GOOD] + counts[UNSETTLED] + counts[WORSE]:
        return KeyNumber(f"1 {study.kind}", "of each configuration does not show how much results vary")
    may_be, others = (
        [f"{counts[verdict]:,} {verdict}" for verdict in verdicts if counts[verdict]]
        for verdicts in ((AS_GOOD, UNSETTLED), (WORSE, UNTESTED))
    )
    meaning = "; ".join([f"may be the best ({', '.join(may_be)})", *others])
    return KeyNumber(f"{counts[AS_GOOD] + counts[UNSETTLED]:,} of {n:,}", meaning)


def _describe_cost(study: Study) -> KeyNumber:
    known = [one for one in take_numbers(study.runs, "duration_seconds") if not math.isnan(one)]
    if not known:
        return KeyNumber("unknown", "time of training")
    where = f", on {study.origin.processor}" if study.origin.processor else ""
    return KeyNumber(write_duration(sum(known)), f"of training in all{where}")


def write_duration(seconds: float) -> str:
    """Write a time in seconds, minutes or hours.

    Examples
    --------
    >>> write_duration(0.331), write_duration(172.2), write_duration(9000)
    ('0.33 s', '3 min', '2.5 h')
    """
    if seconds < 120:
        return f"{write_digits(seconds, 2)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _choose_next_step(study: Study) -> NextStep:
    """Choose what to do next: mend what failed, look at one data set, repeat, confirm, or use what was found."""
    if not study.has_result:
        return NextStep(_explain_failure(study))
    if study.has_several_data_sets:
        rule = next(iter(write_filters(study.runs).values()))
        return NextStep("Look at one data set by itself.", _write_command(study, "report", rule=rule))
    if study.origin.confirmed_in:
        reason = "The candidates were trained again on new seeds. See how they did."
        return NextStep(reason, _write_command(study, "report", experiment=study.origin.confirmed_in))
    n_configurations, has_one_repeat = len(study.configurations), int(study.row_of(study.chosen)["n_units"]) < 2
    if n_configurations == 1 and has_one_repeat:
        reason = f"One {study.kind} does not show how sure this is. Train it again with ten new seeds."
        return NextStep(reason, _write_command(study, "confirm", only=study.chosen))
    if n_configurations == 1 or study.origin.is_confirmation:
        return _suggest_saving(study)
    n_rivals = len(study.rivals)
    if has_one_repeat:
        reason = f"One {study.kind} does not show which of them is best. Train the best again with ten new seeds."
    elif n_rivals:
        others = "One other configuration" if n_rivals == 1 else f"{n_rivals:,} other configurations"
        reason = f"{others} may be as good. Train the best again with ten new seeds."
    else:
        reason = f"The best of {n_configurations:,} is partly lucky. Train it again with ten new seeds."
    return NextStep(reason, _write_command(study, "confirm"))


def _explain_failure(study: Study) -> str:
    """Say what to change where no run has a result."""
    state, n = Counter(study.states).most_common(1)[0]
    if state == "diverged":
        return "Most runs diverged. Lower optimizer.learning_rate or set trainer.clip_norm, and run the sweep again."
    if state in ("running", "interrupted", "lost"):
        return "The sweep did not end. Run the same command again: it goes on where it stopped."
    reasons = Counter(str(reason) for reason in plain(study.runs["reason"]) if reason)
    if reasons:
        reason, n = reasons.most_common(1)[0]
        return f"{count(n, 'run')} failed with the reason: {reason[:LONGEST_REASON]}. Mend it, and run the sweep again."
    return f"No run has a {study.words}. Choose another --measure."


def _suggest_saving(study: Study) -> NextStep:
    """Suggest to save the best network of the chosen configuration."""
    runs = study.runs.iloc[[*study.find_rows(study.chosen)]]
    run_id = rank_runs(runs, study.metric)["run_id"].iloc[0]
    command = f"nnsweep save {quote_argument(str(run_id))} --output model.onnx{study.origin.store_option}"
    is_only = len(study.configurations) == 1
    why = "There is nothing to compare it with." if is_only else "These runs had no part in the choice."
    reason = f"{why} Save its best network as a file."
    return NextStep(reason, command if study.origin.experiment else "")


def _write_command(study: Study, name: str, *, experiment: str = "", rule: str = "", only: str = "") -> str:
    """Write a command that is about the runs of a study; nothing for runs that are in no store."""
    origin = study.origin
    if not origin.experiment:
        return ""
    conditions = [condition for condition in (origin.filter, rule) if condition]
    option = "--measure" if find_validation_metric(study.metric) else "--metric"
    options = {
        "--only": only,
        option: study.metric.removeprefix("test_") * (study.metric != choose_metric(study.runs, None)),
        "--by": ",".join(study.by or ()),
        "--failures": study.failures * (study.failures != "chance"),
        "--filter": f"({') and ('.join(conditions)})" if len(conditions) > 1 else "".join(conditions),
        "--output": "report.html" * (name == "report"),
    }
    words = ["nnsweep", name, experiment or origin.experiment]
    words += [word for option, value in options.items() if value for word in (option, value)]
    return " ".join(map(quote_argument, words)) + origin.store_option
