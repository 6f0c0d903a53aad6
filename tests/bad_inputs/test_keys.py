"""Every key of the configuration, with every kind of value that it may not have.

One command a group: its bad values are a grid, of which every line must be told and nothing be run.
"""

import copy
import math
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from nnsweep.errors import ConfigError
from nnsweep.jobs import groups
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.job import Job
from nnsweep.mlp.choices import Range, interval

WHOLE = ["x", "1.5", "true", "''", "[1]", "{a: 1}", "nan", "inf", "1e400", "'\N{ARABIC-INDIC DIGIT ONE}'", "???"]
NUMBER = ["x", "true", "''", "[1]", "{a: 1}", "nan", "inf", "-inf", "1e400", "'\N{VULGAR FRACTION ONE HALF}'", "???"]
TRUTH = ["maybe", "1", "0.0", "''", "[true]", "{a: true}", "nan", "'\N{CHECK MARK}'", "???"]
TEXT = ["1", "1.5", "true", "[a]", "{a: b}", "nan", "???"]
NO_TEXT = ["[a]", "{a: b}", "???"]  # a number, and what looks like one, is text as it is typed
NAME = [*TEXT, "nosuch", "''", "'\N{GREEK SMALL LETTER ALPHA}'"]
HUGE = "1" + 40 * "0"


class Key(NamedTuple):
    """A key: what must be chosen for it to be there, what it refuses, and the outermost values that it takes."""

    name: str
    refused: list[str]
    taken: list[str]
    chosen: list[str] = []  # noqa: RUF012

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    @property
    def values(self) -> list[str]:
        return [*dict.fromkeys([*self.refused, f"${{{self.name}}}"])]

    def is_named(self, line: str) -> bool:
        """Tell whether a line is about this key, by its whole name or, of what does not fit, by its last part."""
        group, _, last = self.name.rpartition(".")
        whole = re.search(rf"\b{re.escape(self.name)}[=:.]", line)
        return whole is not None or (line.startswith(f"nnsweep: error: {group}: ") and last in line)


def whole(name: str, least: int, *chosen: str, most: int | None = None, optional: bool = False) -> Key:
    outside = [str(least - 1), f"-{HUGE}"] + ([] if most is None else [str(most + 1), HUGE])
    kinds = WHOLE if optional else [*WHOLE, "null"]
    within = [str(least), "null" if optional else str(least + 1)] + ([] if most is None else [str(most)])
    return Key(name, [*kinds, *outside], within, [*chosen])


def number(name: str, outside: list[str], taken: list[str], *chosen: str, optional: bool = False) -> Key:
    kinds = NUMBER if optional else [*NUMBER, "null"]
    return Key(name, [*kinds, *outside], [*taken, *(["null"] if optional else [])], [*chosen])


def fraction(name: str, *chosen: str) -> Key:
    return number(name, ["-1e-9", "1", "1.0", HUGE], ["0", "0.0", "0.9999999"], *chosen)


def positive(name: str, *chosen: str, optional: bool = False) -> Key:
    return number(name, ["0", "-1e-300", f"-{HUGE}"], ["1e-300", "1e300"], *chosen, optional=optional)


def not_negative(name: str, *chosen: str, optional: bool = False) -> Key:
    return number(name, ["-1e-300", f"-{HUGE}"], ["0", "1e300"], *chosen, optional=optional)


def truth(name: str, *chosen: str, optional: bool = False) -> Key:
    return Key(name, TRUTH if optional else [*TRUTH, "null"], ["true", "false"], [*chosen])


def epochs(name: str, least: int, *chosen: str) -> Key:
    wrong = ["x", "1", "{a: 1}", "[x]", "[1.5]", "[true]", "[null]", "[[1]]", f"[{least - 1}]", "[3,3]", "[3,2]", "???"]
    return Key(name, [*wrong, "null"], [f"[{least}]"], [*chosen])


TABLE = ["data=table", "data.path=cats.csv"]
NEEDED = {"table": TABLE, "text": ["data=text", "data.path=posts"], "openml": ["data=openml", "data.dataset=dogs"]}
"""What must be given beside a choice."""


def outermost(allowed: Range, kind: type) -> tuple[list[str], list[str]]:
    """Give the first numbers outside a range, and the last inside."""

    def beside(value: float, sign: int) -> float:
        return value + sign if kind is int else math.nextafter(value, sign * math.inf)

    least = allowed.ge if allowed.gt is None else beside(allowed.gt, 1)
    most = allowed.le if allowed.lt is None else beside(allowed.lt, -1)
    outside = [] if least is None else [beside(least, -1), f"-{HUGE}"]
    outside += [] if most is None else [beside(most, 1), HUGE]
    far = "1e300" if kind is float else least + 1
    inside = ["-1e300" if least is None else least, far if most is None else most]
    return [*map(str, outside)], [*map(str, inside)]


def registered(by_hand: Collection[str]) -> Iterator[Key]:
    """Give the numbers and truths among the settings of the choices, each with the first choice that has it."""
    found = {*by_hand}
    for group, choices in groups.GROUPS.items():
        for choice in choices:
            for setting, (annotation, _) in choices.settings(choice).items():
                name = f"{group}.{setting}"
                if name not in found and (annotation is bool or interval(annotation)):
                    found.add(name)
                    yield setting_key(name, annotation, NEEDED.get(choice, [f"{group}={choice}"]))


def setting_key(name: str, annotation: Any, chosen: list[str]) -> Key:
    allowed = interval(annotation)
    if allowed is None:
        return truth(name, *chosen)
    optional = get_origin(annotation) is not Annotated
    kind = get_args(get_args(annotation)[0] if optional else annotation)[0]
    outside, inside = outermost(allowed, kind)
    wrong = [*(WHOLE if kind is int else NUMBER), *outside]
    return Key(name, wrong if optional else [*wrong, "null"], [*inside, "null"] if optional else inside, chosen)


SEED = 2**32 - 1
KEYS = [
    whole("seed", 0, most=SEED),
    Key("output_activation", [*NAME, "null", "ReLU"], ["tanh", "identity"]),
    Key("tracking.uri", NO_TEXT, ["null", "sqlite:///x.db"]),
    Key("tracking.experiment", [*NO_TEXT, "''", "x" * 501], ["x", "x" * 500]),
    Key("tracking.artifact_root", NO_TEXT, ["null", "folder"]),
    whole("tracking.max_points", 4),
    truth("tracking.pictures", optional=True),
    number("tracking.patience", ["-1e-9", f"-{HUGE}"], ["0", "0.5"]),
    Key("tracking.models", [*WHOLE, "null", "worst"], ["best", "all", "none"]),
    truth("dry_run"),
    truth("fail_fast"),
    whole("retries", 0),
    whole("checkpoint_every", 1, optional=True),
    Key("rerun", [*TEXT, "some", "''"], ["all", "failed", "none", "null"]),
    Key("activation.name", [*NAME, "null"], ["relu"]),
    Key("activation.layers", ["x", "1", "{a: 1}", "[]", "[x]", "[1]", "[null]", "[relu,tanh]"], ["null", "[tanh]"]),
    Key("arch.name", NO_TEXT, ["mine"]),
    Key(
        "arch.hidden_layer_sizes",
        ["x", "1", "1.5", "{a: 1}", "[x]", "[1.5]", "[true]", "[null]", "[[1]]", "[0]", "[8,-1]", "[nan]", "[1e400]"],
        ["[1]", "[]"],
    ),
    whole("arch.depth", 0, "arch=uniform"),
    whole("arch.width", 1, "arch=uniform"),
    Key("arch.normalization", [*NAME, "Layer", "true"], ["null", "layer", "batch"]),
    truth("arch.residual"),
    truth("arch.scaling_layer"),
    Key("arch.parametrization", [*NAME, "NTK", "true"], ["null", "ntk"]),
    not_negative("init.bias_std"),
    truth("init.zero_output"),
    positive("trainer.bias_rate_factor", optional=True),
    positive("trainer.scale_rate_factor", optional=True),
    whole("trainer.epochs", 1, "schedule=constant"),
    whole("trainer.batch_size", 1, optional=True),
    Key("trainer.dtype", [*NAME, "null", "float16", "FLOAT32"], ["float32", "float64"]),
    whole("trainer.evaluate_every", 1),
    whole("trainer.patience", 1, optional=True),
    not_negative("trainer.min_delta"),
    fraction("trainer.dropout"),
    positive("trainer.clip_norm", optional=True),
    number("trainer.ema", ["0", "-1e-9", "1", HUGE], ["1e-9", "0.9999999"], optional=True),
    truth("trainer.sealed_test"),
    Key("trainer.measures", ["x", "1", "{a: 1}", "[x]", "[1]", "[null]"], ["null", "[]", "[log_loss,ece]"]),
    Key("trainer.select", [*NAME, "1", "true", "accuracy", "test_accuracy"], ["null", "val_log_loss"]),
    Key("trainer.calibrate", [*NAME, "1", "true", "[]", "platt", "TEMPERATURE"], ["null", "temperature"]),
    Key(
        "trainer.class_weight",
        [
            *NAME,
            "1",
            "true",
            "[]",
            "[0]",
            "[0,0]",
            "[-1,1]",
            "[x]",
            "[null,1]",
            "[true,1]",
            "[nan,1]",
            "[1e400,1]",
            "{a: 1}",
            "[[1]]",
            "BALANCED",
        ],
        ["null", "balanced", "[0,1,2.5,1,1,1,1,1,1,1]"],
    ),
    Key("optimizer.name", [*NAME, "null"], ["momentum"]),
    not_negative("optimizer.weight_decay", optional=True),
    Key("init.name", [*NAME, "null"], ["he_normal"]),
    Key("loss.name", [*NAME, "null"], ["cross_entropy"]),
    Key(
        "loss.quantiles",
        ["x", "1", "{a: 1}", "[]", "[x]", "[null]", "[true]", "[0]", "[1]", "[0.5,0.5]", "[0.9,0.1]", "null", "???"],
        ["[0.5]", "[0.001,0.999]"],
        ["loss=quantile"],
    ),
    Key("schedule.name", [*NAME, "null"], ["cosine"]),
    epochs("schedule.boundaries", 0, "schedule=multistep"),
    Key(
        "schedule.pieces",
        ["x", "1", "[]", "{a: 1}", "[x]", "[null]", "[{name: nosuch}]", "[{name: join}]", "[{}]", "null"],
        ["[{name: constant},{name: constant}]"],
        ["schedule=warmup_cosine"],
    ),
    Key("data.name", [*NAME, "null"], ["digits"]),
    Key("data.home", NO_TEXT, ["null", "folder"], ["data=newsgroups"]),
    Key(
        "data.categories",
        ["x", "1", "{a: 1}", "[[x]]", "???"],
        ["null", "[sci.space,sci.med]"],
        ["data=newsgroups"],
    ),
    Key(
        "data.remove",
        ["x", "1", "{a: 1}", "null"],
        ["[]", "[headers,footers,quotes]"],
        ["data=newsgroups"],
    ),
    Key("data.vectorizer_fit", [*NAME, "null", "test"], ["train", "train_and_test"], ["data=newsgroups"]),
]
KEYS += [
    Key("data.path", NO_TEXT, ["cats.csv", "''"], TABLE),
    Key("data.target", ["{a: b}", "[[a]]", "???"], ["null", "breed", "4", "-1", "[breed,4]"], TABLE),
    Key("data.task", [*NAME, "true", "Regression"], ["null", "classification", "multilabel", "regression"], TABLE),
    Key("data.weight", NO_TEXT, ["null", "weight", "4"], TABLE),
    Key("data.scaling", [*NAME, "true", "robust"], ["null", "standard", "robust_smooth_clip", "none"]),
    Key("data.query", NO_TEXT, ["null", "SELECT"], TABLE),
    Key("data.group", NO_TEXT, ["null", "owner", "4"], TABLE),
    Key("data.split", NO_TEXT, ["null", "part", "4"], TABLE),
    Key("data.split_by", NO_TEXT, ["null", "when", "4"], TABLE),
    Key("data.rare", NAME, ["null", "refuse", "drop", "other"], TABLE),
    Key("data.test_path", NO_TEXT, ["null", "test.csv"], TABLE),
    Key("data.header", ["x", "2", "[true]", "nan", "???"], ["null", "true", "false"], TABLE),
    Key("data.separator", NO_TEXT, ["null", "';'", "blank"], TABLE),
    Key("data.comment", NO_TEXT, ["null", "'#'"], TABLE),
    Key("data.quote", NAME, ["null", "double", "single", "none"], TABLE),
    Key("data.unnamed", NAME, ["null", "first", "last"], TABLE),
    Key("data.decimal", ["x", "[a]", "{a: b}", "???"], ["null", "comma", "point"], TABLE),
    Key("data.thousands", ["x", "[a]", "{a: b}", "???"], ["null", "blank", "apostrophe"], TABLE),
    Key("data.date_format", NO_TEXT, ["null", "'%d.%m.%Y'"], TABLE),
    Key("data.missing_marks", ["{a: b}", "[[a]]", "???"], ["null", "[unknown]", "[not None]"], TABLE),
    Key("data.sheet", NO_TEXT, ["null", "cats"], TABLE),
    Key("data.columns", ["x", "1", "[a]", "{a: b}", "{a: 1}", "nan", "???"], ["null", "{a: text}", "{}"], TABLE),
    Key("data.ignore", ["x", "{a: b}", "[[a]]", "???"], ["null", "[]", "[a,'a b',4,-1]"], TABLE),
    Key("data.missing", [*TEXT, "zero", "''"], ["null", "drop", "mean", "most_frequent"], TABLE),
    Key(
        "data.ngram_range",
        ["x", "1", "{a: 1}", "[x]", "[1.5]", "[true]", "[null]", "[0,1]", "null"],
        ["[1,1]", "[2,3]"],
        TABLE,
    ),
    Key("data.analyzer", [*NAME, "null"], ["word", "char", "char_wb"], TABLE),
    Key("data.strip_accents", NAME, ["null", "ascii", "unicode"], TABLE),
    Key("data.stop_words", ["x", "1", "{a: 1}", "[[x]]", "???"], ["null", "[english]", "[the,a]"], TABLE),
    Key("data.token_pattern", NO_TEXT, ["x"], TABLE),
    Key("data.text", NO_TEXT, ["null", "post"], NEEDED["text"]),
    Key("data.dataset", NO_TEXT, ["cats"], NEEDED["openml"]),
]
KEYS += registered({key.name for key in KEYS})
GROUPS = {group: [key for key in KEYS if key.group == group] for group in dict.fromkeys(key.group for key in KEYS)}
SWEEP = {  # these hold for all jobs: a command for each value
    "sweep.max_jobs": ["0", "-1", "x", "1.5", "true", "null", "''", "[1]", "{a: 1}", "nan", "???"],
    "sweep.workers": ["0", "-1", "x", "1.5", "true", "''", "[1]", "nan", "${sweep.workers}"],
    "sweep.max_stack_memory": ["0", "0B", "-1GB", "1XB", "GB", "1e3MB", "null", "[1GB]", "''", "nan", "'1 G B'"],
}
SWEPT = [(key, value) for key, values in SWEEP.items() for value in values]


def _preset(study: Path, jobs: list[list[str]]) -> None:
    """Write a preset with a grid for each list of overrides; on the command line they would have to be quoted."""
    (study / "mine" / "experiment").mkdir(parents=True)
    text = "# @package _global_\n" + yaml.safe_dump({"sweep": {"grids": jobs}}, allow_unicode=True)
    (study / "mine" / "experiment" / "bad.yaml").write_text(text)


def _commands() -> Iterator[Any]:
    """Share the keys of each group out to commands that have at most a dozen."""
    for group, keys in GROUPS.items():
        for first in range(0, len(keys), 12):
            yield pytest.param(group, keys[first : first + 12], id=f"{group} from {first}")


@pytest.mark.parametrize(("group", "keys"), [*_commands()])
def test_all_wrong_values_of_a_groups_keys_are_told_at_once(group, keys, refused, bad_input, study):
    _preset(study, [[*key.chosen, f"{key.name}={','.join(key.values)}".replace("${", r"\${")] for key in keys])
    command = ["--config-dir", "mine", "experiment=bad"]
    lines = refused(bad_input(group, command, [key.name for key in keys], 2, None, 10.0))
    told = {key.name: [line for line in lines if key.is_named(line)] for key in keys}
    few = {key.name: told[key.name] for key in keys if len(told[key.name]) < len(set(key.values) - {"1e400"})}
    assert few == {}  # 1e400 is told as inf
    assert len({*lines} - {line for told_of_one in told.values() for line in told_of_one}) == 0


def misspelt(name: str) -> str:
    return name[:-2] + name[-1] + name[-2] + "q"


def is_offered(key: Key, line: str) -> bool:
    """Tell whether the right key is offered for a misspelt one; a choice's own name is the group's to say."""
    typo = re.escape(misspelt(key.name))
    offered = "" if key.name.endswith(".name") else key.name.rpartition(".")[2]
    return re.search(rf"(^|error: ){typo}(=1)?: there is no such key", line) is not None and offered in line


@pytest.mark.parametrize("key", [keys[-1] for keys in GROUPS.values()], ids=lambda key: key.name)
def test_a_misspelt_key_is_refused_and_the_right_one_offered(key, refused, bad_input):
    command = [*key.chosen, f"{misspelt(key.name)}=1"]
    (line,) = refused(bad_input("typo", command, misspelt(key.name)))
    assert is_offered(key, line)


@pytest.mark.parametrize("group", GROUPS)
def test_a_misspelt_key_that_is_added_is_refused(group, composed):
    for key in GROUPS[group]:
        config = composed(key.chosen)
        OmegaConf.update(config, misspelt(key.name), 1, force_add=True)
        with pytest.raises(ConfigError) as refused:
            check_configuration(config)
        assert [is_offered(key, line) for line in refused.value.problems] == [True], key.name


@pytest.mark.parametrize(("key", "value"), SWEPT, ids=[f"{key}={value}" for key, value in SWEPT])
def test_a_key_of_the_sweep_refuses_every_wrong_value(key: str, value: str, refused, bad_input):
    (line,) = refused(bad_input(key, f"{key}={value}", key))
    assert line.startswith(f"nnsweep: error: {key}")


@pytest.fixture(scope="module")
def composed() -> Callable[[list[str]], DictConfig]:
    """Compose a configuration, once for each choice."""
    known: dict[tuple[str, ...], DictConfig] = {}

    def give(chosen: list[str]) -> DictConfig:
        if tuple(chosen) not in known:
            with initialize_config_dir(conf_dir(), **VERSION_BASE):  # no longer: the program starts Hydra itself
                known[tuple(chosen)] = compose("config", overrides=chosen)
        return copy.deepcopy(known[tuple(chosen)])

    return give


def settled(config: DictConfig, key: str, value: str) -> Any:
    OmegaConf.update(config, key, OmegaConf.create(f"value: {value}").value)
    return check_configuration(config)


@pytest.mark.parametrize("group", GROUPS)
def test_the_outermost_values_of_a_key_are_taken(group: str, composed):
    for key in GROUPS[group]:
        for value in key.taken:
            assert isinstance(settled(composed(key.chosen), key.name, value), Job), f"{key.name}={value}"


def test_no_key_of_the_configuration_is_left_out():
    written = {key for file in Path(conf_dir()).rglob("*.yaml") for key in _keys(file)}
    listed = {key.name for key in KEYS} | SWEEP.keys() | {"sweep.grids", "sweep.zip", "sweep.exclude"}
    assert written - listed == set()


def _keys(file: Path) -> Iterator[str]:
    group = file.parent.relative_to(conf_dir()).as_posix()
    if group.startswith(("hydra", "experiment")):
        return
    for key, value in (yaml.safe_load(file.read_text()) or {}).items():
        if group != ".":
            yield f"{group}.{key}"
        elif isinstance(value, dict) and key != "hydra":
            yield from (f"{key}.{name}" for name in value)
        elif key not in ("defaults", "hydra"):
            yield key
