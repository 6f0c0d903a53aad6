"""A model card: what a person must know of a model before using it, from the record of its run alone.

The sections follow Mitchell et al., Model cards for model reporting, 2019; the head is what model hubs read. What the
record does not say is left out or called unknown, and nothing is guessed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnsweep.results.report.model_facts import ModelFacts
from nnsweep.results.report.model_results import describe_results, is_no_better_than_constant, name_answer
from nnsweep.results.tables.formats import Markdown
from nnsweep.results.wording import count, join_words, value_text
from nnsweep.text import mask_secrets, printable, quote_argument

TASKS = {
    "classification": "tabular-classification",
    "multilabel": "tabular-classification",
    "regression": "tabular-regression",
}
"""What model hubs call a task."""
SCALINGS = {"robust_smooth_clip": "scaled by quartiles and clipped smoothly", "none": "taken as they are"}
MOST_COLUMNS, MOST_NAMES = 30, 10
FEW_TESTED, FEW_TRAINED = 100, 30
"""Fewer rows than these, in the test part and in a class of the training part, are worth a warning."""


def write_model_card(facts: ModelFacts) -> str:
    """Write the card as Markdown, the head in front.

    Parameters
    ----------
    facts : ModelFacts
        What is known of the model.
    """
    parts = {
        "How well it predicts": [*describe_results(facts)],
        "What it takes": [*_describe_input(facts)],
        "What it was trained on": [*_describe_data(facts)],
        "What it must not be used for": [f"- {Markdown.escape(limit)}" for limit in _list_limits(facts)],
        "How to reproduce it": [*_describe_origin(facts)],
    }
    lines = [*_write_head(facts), "", f"# {Markdown.escape(facts.record.name)}", "", *_describe_model(facts)]
    for heading, content in parts.items():
        lines += ["", f"## {heading}", "", *content]
    return "\n".join(lines) + "\n"


def _write_head(facts: ModelFacts) -> Iterator[str]:
    is_text = any(column["kind"] == "text" for column in facts.columns)
    yield from ("---", "license: unknown", "library_name: nnsweep")
    yield f"pipeline_tag: {'text-classification' if is_text and facts.task != 'regression' else TASKS[facts.task]}"
    yield from ("tags:", "- multilayer-perceptron", *(["- ensemble"] if facts.ensemble else []))
    yield from ("metrics:", *(f"- {name}" for name in facts.measures), "---")


def _describe_model(facts: ModelFacts) -> Iterator[str]:
    names, n = join_words(facts.names, MOST_NAMES), len(facts.names)
    if facts.task == "classification":
        what = f"tells which of {n} classes a row belongs to, with a probability for each: {names}"
    elif facts.task == "multilabel":
        what = f"tells which of {count(n, 'label')} a row has, with a probability for each: {names}"
    elif quantiles := [f"{value:g}" for value in facts.about.get("quantiles", ())]:
        what = f"predicts the quantiles {join_words(quantiles, 20)} of {names}, in the unit that the data have"
    else:
        what = f"predicts {names}, in the unit that the data have"
    yield " ".join([Markdown.escape(f"This model {what}."), Markdown.escape(facts.network)]).strip()


def _describe_input(facts: ModelFacts) -> Iterator[str]:
    fill, ranges = iter(facts.fill), iter(facts.about.get("training", {}).get("numbers", ()))
    rows = [_describe_column(column, fill, ranges) for column in facts.columns]
    yield from Markdown.table(
        ("column", "kind", "in training", "a missing value"),
        [False] * 4,
        ([*map(Markdown.escape, row)] for row in rows[:MOST_COLUMNS]),
    )
    if len(rows) > MOST_COLUMNS:
        yield from ("", f"There are {count(len(rows) - MOST_COLUMNS, 'further column')}.")
    if facts.fill:
        scaling = str(facts.setting("scaling") or ("none" if facts.setting("standardize") is False else "standard"))
        yield from ("", f"The model prepares its input itself: numbers are {SCALINGS.get(scaling, 'standardized')}.")


def _describe_column(column: Mapping[str, Any], fill: Iterator[float], ranges: Iterator[Sequence[float]]) -> list[str]:
    if column["kind"] == "number":
        filled, ends = next(fill), next(ranges, None)
        missing = "is refused" if math.isnan(filled) else f"becomes {value_text(filled)}"
        seen = f"{value_text(float(ends[0]))} to {value_text(float(ends[1]))}" if ends else "not recorded"
    else:
        missing = f"becomes {column['fill']!r}" if "fill" in column else "is refused"
        seen = count(len(column.get("words", ())), "word")
        if column["kind"] == "category":
            seen = join_words(column["categories"], MOST_NAMES)
    return [column["name"], column["kind"], seen, missing]


def _describe_data(facts: ModelFacts) -> Iterator[str]:
    parts = {"train": "training", "val": "validation", "test": "test"}
    n_rows = [f"{facts.count_rows(part):,} {text}" for part, text in parts.items() if facts.count_rows(part)]
    source = facts.setting("path") or facts.setting("dataset")
    of = f" ({mask_secrets(str(source))})" if source else ""
    points = [f"Data: {facts.record.settings.get('data')}{of}; SHA-256 of the prepared rows {facts.record.data_digest}"]
    points += [f"Rows: {join_words(n_rows)}"] if n_rows else []
    training = facts.about.get("training", {})
    if "counts" in training:
        told = [f"{name} {n:,}" for name, n in zip(facts.names, training["counts"], strict=True)]
        points.append(f"Training rows of each {'label' if facts.task == 'multilabel' else 'class'}: {_list(told)}")
    if "targets" in training:
        told = [f"{name} {value_text(float(low))} to {value_text(float(high))}"
                for name, (low, high) in zip(facts.names, training["targets"], strict=True)]  # fmt: skip
        points.append(f"Targets in training: {_list(told)}")
    points.append(f"Split: {_describe_split(facts)}")
    if weight := facts.setting("weight"):
        points.append(f"Weights: each row counts as its {weight} says, in training and in all measures")
    yield from (f"- {Markdown.escape(point)}." for point in points)


def _list(told: Sequence[str]) -> str:
    return join_words(told, MOST_NAMES)


def _describe_split(facts: ModelFacts) -> str:
    """Say how rows came to be in the training, the validation or the test part."""
    parts = []
    if column := facts.setting("split"):
        parts.append(f"by the column {column}")
    elif path := facts.setting("test_path"):
        parts.append(f"the test part is a file of its own ({mask_secrets(str(path))})")
    elif column := facts.setting("split_by"):
        parts.append(f"the last rows by {column} are the test part")
    elif facts.setting("n_folds") and facts.setting("fold") is not None:
        parts.append(f"fold {facts.setting('fold')} of {facts.setting('n_folds')} is the test part, counted from 0")
    elif facts.setting("test_fraction") is None:
        parts.append("the test part comes with the data")
    else:
        parts.append("at random")
    if column := facts.setting("group"):
        parts.append(f"all rows of one {column} are in the same part")
    return "; ".join(parts)


def _list_limits(facts: ModelFacts) -> Iterator[str]:
    """List in plain words what the model is not for, those things first that its own results say."""
    if not facts.has_test:
        yield (
            "Do not quote these results as those of a test: its test part is sealed and was not measured, and the "
            "validation results, by which it was chosen, flatter it."
        )
    elif not facts.count_rows("val"):
        yield "Do not quote the test results as they are: its epoch was chosen on the test part, so they flatter it."
    if is_no_better_than_constant(facts):
        yield f"Do not use it as it is: always answering {name_answer(facts, facts.record.measure)} does as well."
    if facts.has_test and 0 < (n_test := facts.count_rows("test")) < FEW_TESTED:
        yield f"Do not read much into small differences: it was tested on only {count(n_test, 'row')}."
    counts = zip(facts.names, facts.about.get("training", {}).get("counts", ()), strict=False)
    if rare := [f"{name} ({count(n, 'row')})" for name, n in counts if n < FEW_TRAINED]:
        yield f"Do not rely on it for what it has hardly seen in training: {join_words(rare, MOST_NAMES)}."
    yield (
        "Do not use it on rows unlike those that it was trained on: numbers outside the ranges above, categories that "
        "are not listed, another place, time or device. It answers nearly all of these, and nobody knows how well."
    )
    if facts.setting("group") is None:
        yield (
            "Do not expect these results for new people, places or devices if several rows come from each: no column "
            "was named that keeps such rows in one part (data.group), so it may know those of the test part."
        )
    if facts.task == "classification":
        yield "Do not give it rows of none of its classes: it picks one all the same, perhaps with high probability."
    yield (
        "Do not let it make decisions about people on its own: nothing was measured for groups of people, so nothing "
        "is known about its fairness. Measure that first, and have a person check its answers and overrule them."
    )
    yield "Do not use it for what the owner of the data does not allow: the license of the data is not recorded."


def _describe_origin(facts: ModelFacts) -> Iterator[str]:
    commands = [f"nnsweep reproduce {facts.record.run_id}"]
    if facts.ensemble:
        sweep = quote_argument(facts.record.sweep)
        commands = [f"nnsweep ensemble {sweep} --members {facts.record.others.get('ensemble.members')}"]
    yield from (f"    {printable(command)}" for command in [*filter(None, [facts.command]), *commands])
    yield ""
    if facts.command:
        again = (
            "makes an ensemble in the same way"
            if facts.ensemble
            else "trains this network again and compares every bit"
        )
        yield f"The first command ran its sweep; the second {again}."
    yield from ("", f"- Run: {facts.record.run_id}, of sweep {facts.record.sweep}.")
    yield f"- SHA-256 of its weights: {facts.weights}."
    environment = facts.environment
    versions = {"nnsweep": environment.get("nnsweep"), "Python": environment.get("python")}
    versions |= {"NumPy": (environment.get("packages") or {}).get("numpy")}
    if told := [f"{name} {version}" for name, version in versions.items() if version]:
        on = f" on {environment['processor']}" if environment.get("processor") else ""
        yield f"- Trained with {Markdown.escape(join_words(told) + on)}."
    yield f"- Card written by nnsweep {facts.version} on {facts.date}."
