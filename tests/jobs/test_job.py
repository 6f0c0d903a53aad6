import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from nnsweep.errors import ConfigError
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.job import OPERATIONAL, REGRESSION_CLIP_NORM, Job, Sweep, Tracking
from nnsweep.jobs.machine import parse_size
from nnsweep.mlp.choices import settings
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.train import NUMERICS_VERSION, Training

CONF = Path(conf_dir())
GROUPS = ("arch", "activation", "schedule", "optimizer", "init", "loss", "data", "trainer")
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]

MANDATORY = {
    "custom": ["arch.hidden_layer_sizes=[4,6,4]"],
    "uniform": ["arch.depth=1", "arch.width=16"],
    "table": ["data.path=cats.csv"],
    "text": ["data.path=posts"],
    "openml": ["data.dataset=cats"],
}


def overrides(group, option):
    return [f"{group}={option}", *MANDATORY.get(option, [])]


def job_of(values):
    return Job.model_validate_json(json.dumps(values))


def leaves(values, path=()):
    if isinstance(values, dict | list):
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            yield from leaves(value, (*path, key))
    else:
        yield path


def other(path, value):
    texts = {"output_activation": "swish", "dtype": "float64" if value == "float32" else "float32"}
    texts |= {"vectorizer_fit": "train_and_test", "analyzer": "char"}
    missing = {"patience": 3, "clip_norm": 1.5, "batch_size": 7, "max_features": 50, "categories": ["sci.med"]}
    missing |= {"bias_rate_factor": 0.1, "scale_rate_factor": 6.0, "parametrization": "ntk"}
    missing |= {"ema": 0.9, "class_weight": "balanced", "weight_decay": 0.125, "layers": ["tanh"]}
    missing |= {"measures": ["log_loss"], "select": "val_log_loss", "calibrate": "temperature"}
    missing |= {"decimal": "comma", "thousands": "point", "date_format": "%d.%m.%Y", "missing_marks": ["unknown", -999]}
    missing |= {"target": "breed", "query": "SELECT 1", "columns": {"zip": "text"}, "missing": "drop", "group": "owner"}
    missing |= {"ignore": ["id"], "header": False, "separator": ";", "skip_lines": 2, "comment": "#", "quote": "single"}
    missing |= {"rare": "drop", "split_by": "when", "task": "regression", "weight": "count", "scaling": "none"}
    missing |= {"unnamed": "first", "sheet": "cats", "test_path": "test.csv"}
    missing |= {"split": "part", "fold": 1, "strip_accents": "ascii", "stop_words": ["the"], "text": "post"}
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.9 * value or 0.25
    return missing[path[-1]] if value is None else texts.get(path[-1], f"{value}.other")


def replaced(values, path, value):
    copy = deepcopy(values)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_on_disk_makes_a_job(group, option, job):
    made = job(*overrides(group, option))
    assert isinstance(made.network(), Network)
    assert isinstance(made.member(), Member)
    assert isinstance(made.training(), Training)


def test_every_preset_makes_a_job(job):
    for path in (CONF / "experiment").glob("*.yaml"):
        sizes = ["arch.hidden_layer_sizes=[8]"] if "/arch: custom" in path.read_text() else []
        assert job(f"experiment={path.stem}", *sizes).training().epochs > 0


@pytest.mark.parametrize("name", ["minibatch", "full_batch"])
def test_a_trainers_file_names_exactly_its_settings(name):
    written = yaml.safe_load((CONF / "trainer" / f"{name}.yaml").read_text())
    assert set(written) == set(settings(Training)) - {"optimizer", "loss"} | {"dropout", "calibrate"}


def test_the_main_yaml_names_exactly_a_jobs_fields():
    written = yaml.safe_load((CONF / "config.yaml").read_text())
    assert set(written) - {"defaults", "hydra"} | set(GROUPS) == set(Job.model_fields)
    assert written["tracking"] == Tracking().model_dump()
    assert written["sweep"] == Sweep().model_dump(mode="json")


ELSEWHERE = [
    "tracking.uri=sqlite:///x.db",
    "tracking.experiment=x",
    "tracking.artifact_root=x",
    "tracking.max_points=5",
    "tracking.pictures=false",
    "tracking.patience=1",
    "tracking.models=all",
    "sweep.grids=[{arch: deep}]",
    "sweep.zip=[[seed,arch]]",
    "sweep.exclude=['depth > 3']",
    "sweep.max_jobs=5",
    "sweep.workers=2",
    "sweep.max_stack_memory=2GB",
    "dry_run=true",
    "rerun=all",
    "retries=2",
    "fail_fast=true",
    "checkpoint_every=3",
    "data.home=x",
    "arch.name=x",
]


@pytest.mark.parametrize("override", ELSEWHERE)
def test_the_key_ignores_where_a_result_is_recorded(override, job):
    changed = job("data=newsgroups", override)
    assert changed != job("data=newsgroups")
    assert changed.key("d") == job("data=newsgroups").key("d")


@pytest.mark.parametrize(("option", "here", "there"), [("table", "a.csv", "b/c.csv"), ("text", "posts", "/posts")])
def test_the_key_ignores_where_own_data_lie(option, here, there, job):
    one, other = (job(f"data={option}", f"data.path={path}") for path in (here, there))
    assert one != other
    assert one.key("d") == other.key("d") != one.key("e")


def test_the_key_ignores_the_order_in_which_columns_are_named(job):
    orders = ("{a: text,b: ignore}", "{b: ignore,a: text}")
    assert len({job("data=table", "data.path=x", f"data.columns={columns}").key("d") for columns in orders}) == 1


def test_every_operational_setting_is_tried_above():
    groups = {"tracking": Tracking, "sweep": Sweep}
    wanted = OPERATIONAL.keys() - groups | {f"{name}.{one}" for name, of in groups.items() for one in of.model_fields}
    assert wanted == {override.split("=")[0] for override in ELSEWHERE} - {"data.home", "arch.name"}


def test_exactly_these_settings_leave_the_job_key_alone():
    """Any other one at the top belongs to the result: whoever adds one must decide."""
    parts = {
        "arch",
        "activation",
        "output_activation",
        "schedule",
        "optimizer",
        "init",
        "loss",
        "data",
        "trainer",
        "seed",
    }
    assert Job.model_fields.keys() - OPERATIONAL == parts
    assert OPERATIONAL.keys() == {
        "tracking", "sweep", "dry_run", "rerun", "retries", "fail_fast", "checkpoint_every"
    }  # fmt: skip
    assert Job.model_fields.keys() >= OPERATIONAL.keys()


@pytest.mark.parametrize(
    "usual",
    [
        ["loss=cross_entropy"],
        ["loss=binary_cross_entropy"],
        ["loss=squared_error"],
        ["loss=cross_entropy", "loss.label_smoothing=0"],
    ],
)
def test_the_usual_loss_of_a_task_needs_no_place_in_the_key(usual, job):
    assert job(*usual).key("d") == job().key("d")


def test_the_key_tells_another_loss(job):
    others = [
        ["loss=huber"],
        ["loss=huber", "loss.delta=2"],
        ["loss=quantile"],
        ["loss=cross_entropy", "loss.label_smoothing=0.1"],
    ]
    assert len({job(*other).key("d") for other in [[], *others]}) == 5


def test_a_configuration_without_a_loss_makes_the_same_job(values, job):
    older = values()
    del older["loss"]
    assert Job.model_validate_json(json.dumps(older)) == job()


def test_the_key_tells_the_version_of_the_numerics(job, monkeypatch):
    before = job().key("d")
    monkeypatch.setattr("nnsweep.jobs.job.NUMERICS_VERSION", NUMERICS_VERSION + 1)
    assert job().key("d") != before


def test_the_key_ignores_how_equal_sizes_are_written(job):
    assert job("arch=uniform", "arch.depth=1", "arch.width=32").key("d") == job("arch=shallow").key("d")
    assert job("arch=uniform", "arch.depth=0").key("d") == job("arch=linear").key("d")


@pytest.mark.parametrize("override", ["optimizer.weight_decay", "trainer.dropout", "data.val_fraction"])
def test_minus_zero_is_zero(override, job):
    minus, zero = (job(f"{override}={text}") for text in ("-0.0", "0"))
    assert minus.key("d") == zero.key("d")
    group, _, name = override.partition(".")
    assert repr(getattr(minus, group).settings()[name]) == "0.0"


def test_the_key_ignores_how_a_number_is_written(job):
    written = [job(f"optimizer.learning_rate={number}").key("d") for number in ("1", "1.0", "10e-1")]
    assert len(set(written)) == 1


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_the_key_tells_every_other_setting(group, option, values):
    given = values(*overrides(group, option))
    keys = {job_of(given).key("d")}
    walked = [
        path
        for path in leaves(given)
        if path[0] not in OPERATIONAL
        and path[-1] not in ("name", "home", "path", "test_path", "normalization", "residual")
        and (path[0] == group or option == "uniform")
    ]
    for path in walked:
        value = other(path, given[path[0]] if len(path) == 1 else _at(given, path))
        keys.add(job_of(replaced(given, path, value)).key("d"))
    assert len(keys) == len(walked) + 1


def _at(values, path):
    for key in path:
        values = values[key]
    return values


@pytest.mark.parametrize(
    ("given", "decay"),
    [
        ((), 0.0),
        (("data=iris", "optimizer=adam"), 0.0),
        (("data=table", "data.path=cats.csv"), 0.01),
        (("data=openml", "data.dataset=cats", "optimizer=nesterov"), 0.01),
        (("data=table", "data.path=cats.csv", "optimizer=adamw", "optimizer.weight_decay=0.1"), 0.1),
        (("data=table", "data.path=cats.csv", "optimizer.weight_decay=0"), 0.0),
    ],
    ids=str,
)
def test_own_table_has_a_weight_decay_unless_one_is_given(given, decay, job):
    made = job(*given)
    assert made.member().weight_decay == decay
    assert made.identity()["optimizer"]["weight_decay"] == decay


GOLDEN_KEYS = {  # of the version before trainer.class_weight was a setting, or of the one that brought a setting
    (): "239a85919cb5e9f47b94124334d30120b8f4d035049f551d49144c94152d7b71",
    ("arch=deep", "seed=7"): "bf2ab45c5fa634da44dd5389ddce3e12ef86460bd51524098d1cf6c5d64dd067",
    ("optimizer=adam", "trainer=full_batch"): "2c88ec96d389e8cae9bcfbd8075dd68acbfa68410102d1343357300de8bc9278",
    ("data=iris", "schedule=inv"): "8dcfc7c830c1fe649e0b10acd2b69bff14c14d43b6f289a5d2367cca42b2e8fe",
    ("experiment=notebook", "arch.hidden_layer_sizes=[20,20]"):
        "accd48878638aa42ecf2bc835828c60f36e6bf660e853f17556a3de5976af673",
    ("init=lecun_normal", "activation=elu", "trainer.patience=3", "trainer.dropout=0.25"):
        "34293e9902aa41f9717ec960f447d019d78b0cd6632678ae96f331ffa93d5ecf",
    ("arch=deep", "arch.normalization=layer", "arch.residual=true", "trainer.ema=0.99"):
        "7bc5e57f64266261a05866e9c8ae4a101ff841bc6786a2e725f31407c4c2ba1a",
    ("arch=deep", "arch.normalization=batch", "activation.layers=[relu,tanh,elu]"):
        "4c250d9cc84ababf600ecef2d2182c0ef6fce3b7bff14eb7999daf039c7944df",
    ("experiment=realmlp",): "17e8ff478e0e556617d81a30707d84e0e3def36397b7cd23b31d6e5e5f26871c",
}  # fmt: skip


@pytest.mark.parametrize("given", GOLDEN_KEYS, ids=" ".join)
def test_earlier_keys_stay_valid(given, job, monkeypatch):
    monkeypatch.setattr("nnsweep.jobs.job.NUMERICS_VERSION", 3)
    assert job(*given).key("d") == GOLDEN_KEYS[given]


def test_configuration_without_class_weights_makes_the_same_job(values, job):
    given = values()
    del given["trainer"]["class_weight"]
    assert job_of(given) == job()
    assert job_of(given).key("d") == job().key("d")


def test_the_key_tells_class_weights(job):
    written = ["null", "balanced", "[1,1,1,1,1,1,1,1,1,1]", "[1,1,1,1,1,1,1,1,1,2]", "[1,1,1,1,1,1,1,1,1,2.0]"]
    keys = [job(f"trainer.class_weight={weights}").key("d") for weights in written]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 4


@pytest.mark.parametrize("setting", ["measures", "select"])
def test_configuration_without_measures_makes_the_same_job(setting, values, job):
    given = values()
    del given["trainer"][setting]
    assert job_of(given) == job()
    assert job_of(given).key("d") == job().key("d")


def test_the_key_tells_what_is_measured_and_selected(job):
    written = ["trainer.measures=[log_loss]", "trainer.measures=[log_loss,ece]", "trainer.select=val_log_loss"]
    keys = {job(*[text] * bool(text)).key("d") for text in ["", *written]}
    assert len(keys) == 4
    assert job("trainer.measures=[ece,log_loss,ece]").key("d") == job(written[1]).key("d")
    usual = {job(f"trainer.select={name}").key("d") for name in ("null", "val_accuracy", "val_rmse")}
    assert usual == {job().key("d")}


def test_without_activations_of_layers_the_job_is_the_same(values, job):
    given = values()
    del given["activation"]["layers"]
    assert job_of(given) == job()
    assert job_of(given).key("d") == job().key("d")


def test_layers_get_activations_of_their_own(job):
    given = ("arch=deep", "activation=elu", "activation.alpha=0.5", "activation.layers=[tanh,elu,elu]")
    network, z = job(*given).network(), np.array([-1.0, 1.0])
    values = [network.activation_of(layer).value(z).tolist() for layer in range(4)]
    bent = [0.5 * np.expm1(-1), 1.0]
    assert values == [np.tanh(z).tolist(), bent, bent, z.tolist()]
    assert job(*given).key("d") != job(*given[:-1]).key("d")


def test_activations_that_are_not_one_for_each_layer_are_refused(job):
    with pytest.raises(ConfigError, match=r"activation.layers=\[tanh\]: must have one .* 3 hidden layers, has 1"):
        job("arch=deep", "activation.layers=[tanh]")


YOUNG = [
    *(("arch", name) for name in ("normalization", "residual", "scaling_layer", "parametrization")),
    *(("trainer", name) for name in ("ema", "bias_rate_factor", "scale_rate_factor")),
    *(("init", name) for name in ("bias_std", "zero_output")),
]


def test_without_younger_settings_the_job_is_the_same(values, job):
    given = values()
    for group, name in YOUNG:
        del given[group][name]
    assert job_of(given) == job()
    assert job_of(given).key("d") == job().key("d")


def test_an_option_that_changes_no_layer_changes_no_key(job):
    assert job("arch=wide", "arch.residual=true").key("d") == job("arch=wide").key("d")
    assert job("arch=linear", "arch.normalization=layer").key("d") == job("arch=linear").key("d")
    deep = [job("arch=deep", *options) for options in ([], ["arch.residual=true"], ["arch.normalization=batch"])]
    assert len({one.key("d") for one in deep}) == len({one.kind() for one in deep}) == 3
    assert [one.network().residual for one in deep] == [False, True, False]


def test_the_key_tells_every_choice(job):
    made = {option: job(*overrides(*option)).key("d") for option in OPTIONS}
    base = job().key("d")
    assert {option for option, key in made.items() if key == base} == {
        ("arch", "shallow"),
        ("activation", "relu"),
        ("schedule", "cosine"),
        ("optimizer", "momentum"),
        ("init", "he_uniform"),
        *[("loss", usual) for usual in ("auto", "cross_entropy", "binary_cross_entropy", "squared_error")],
        ("data", "digits"),
        ("trainer", "minibatch"),
    }
    assert len(set(made.values())) == len(OPTIONS) - len(GROUPS) + 1 - 3  # of usual losses, the data say which it is


def test_the_key_tells_the_data(job):
    assert job().key("a") != job().key("b")


def test_the_key_is_the_same_in_another_process(values):
    given = values("schedule=warmup_cosine", "data=newsgroups")
    program = "import sys; from nnsweep.jobs.job import Job; print(Job.model_validate_json(sys.stdin.read()).key('d'))"
    said = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(dict(reversed(given.items()))),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "4711"},
    )
    assert said.stdout.strip() == job_of(given).key("d")


@pytest.mark.parametrize("wrong", ["1", True, 1.0, 1.5, None, [1], {}])
@pytest.mark.parametrize("path", [("seed",), ("trainer", "epochs"), ("data", "split_seed")])
def test_a_whole_number_is_nothing_else(path, wrong, values):
    with pytest.raises(ValidationError):
        job_of(replaced(values(), path, wrong))


@pytest.mark.parametrize("wrong", ["0.1", True, None, [0.1]])
@pytest.mark.parametrize("path", [("optimizer", "learning_rate"), ("data", "val_fraction"), ("trainer", "dropout")])
def test_a_number_is_nothing_else(path, wrong, values):
    with pytest.raises(ValidationError):
        job_of(replaced(values(), path, wrong))


@pytest.mark.parametrize("wrong", ["true", 1, 0, None])
def test_a_truth_value_is_nothing_else(wrong, values):
    with pytest.raises(ValidationError):
        job_of(replaced(values(), ("data", "standardize"), wrong))


@pytest.mark.parametrize("wrong", ["true", "null", "", 1, 0, []])
def test_pictures_are_on_off_or_left_to_the_size_of_the_sweep(wrong, values):
    for value in (True, False, None):
        assert job_of(replaced(values(), ("tracking", "pictures"), value)).tracking.pictures is value
    with pytest.raises(ValidationError):
        job_of(replaced(values(), ("tracking", "pictures"), wrong))


LIMITS = [  # key, inside, outside
    (("seed",), [0, 2**32 - 1], [-1, 2**32]),
    (("arch", "hidden_layer_sizes"), [[], [1], [1] * 50], [[0], [-1], [3, 0]]),
    (("trainer", "epochs"), [1, 10**9], [0, -1]),
    (("trainer", "batch_size"), [1, None], [0]),
    (("trainer", "evaluate_every"), [1, 1000], [0]),
    (("trainer", "patience"), [None, 1], [0]),
    (("trainer", "min_delta"), [0, 0.999, 100], [-1e-9]),
    (("trainer", "dropout"), [0, 0.999], [-1e-9, 1]),
    (("trainer", "clip_norm"), [None, 5e-324], [0.0, -1.0]),
    (("optimizer", "learning_rate"), [5e-324, 1, 1.7e308], [0, 0.0, -0.1]),
    (("optimizer", "momentum"), [0, 0.0, 1 - 2**-53], [-1e-9, 1, 1.0]),
    (("optimizer", "weight_decay"), [0, 10.0], [-1e-9]),
    (("data", "val_fraction"), [0, 0.0, 0.999], [-1e-9, 1]),
    (("data", "test_fraction"), [1e-9, 0.999], [0, 1]),
    (("tracking", "max_points"), [4], [3]),
]


@pytest.mark.parametrize(("path", "inside", "outside"), LIMITS, ids=lambda value: str(value)[:40])
def test_a_limit_is_where_it_is_said_to_be(path, inside, outside, values):
    given = values()
    for value in inside:
        assert _at(job_of(replaced(given, path, value)).model_dump(mode="json"), path) == value
    for value in outside:
        with pytest.raises(ValidationError):
            job_of(replaced(given, path, value))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_no_number_is_without_end(number, values):
    given = values()
    for path in leaves(given):
        if isinstance(_at(given, path), float):
            with pytest.raises(ValidationError):
                job_of(replaced(given, path, number))


def refusal(given):
    with pytest.raises(ValidationError) as refused:
        job_of(given)
    (error,) = refused.value.errors()
    return str(error["ctx"]["error"])


def test_a_sealed_test_needs_a_validation_part_and_another_key(values, job):
    given = values("trainer.sealed_test=true", "data.val_fraction=0")
    assert refusal(given) == "trainer.sealed_test=true needs a validation part: set data.val_fraction above 0"
    open_job, sealed = job("trainer.sealed_test=false"), job("trainer.sealed_test=true")
    assert (open_job.training().sealed_test, sealed.training().sealed_test) == (False, True)
    assert open_job.key("d") == job().key("d") != sealed.key("d")


def test_calibration_needs_validation_and_has_keys_of_its_own(values, job):
    given = values("trainer.calibrate=temperature", "data.val_fraction=0")
    assert refusal(given) == "trainer.calibrate=temperature needs a validation part: set data.val_fraction above 0"
    calibrated = job("trainer.calibrate=temperature")
    assert job("trainer.calibrate=null").key("d") == job().key("d") != calibrated.key("d")
    assert calibrated.training() == job().training()


def test_patience_needs_a_validation_part(values, job):
    given = values("trainer.patience=3", "data.val_fraction=0")
    assert refusal(given) == "trainer.patience=3 needs a validation part: set data.val_fraction above 0"
    assert job("trainer.patience=3", "data.val_fraction=0.1").training().patience == 3


def test_a_warm_up_ends_within_training(values, job):
    given = values("schedule=linear_warmup", "schedule.warmup_epochs=41")
    assert refusal(given) == "schedule.warmup_epochs=41 must not exceed trainer.epochs=40"
    assert job("schedule=linear_warmup", "schedule.warmup_epochs=40").seed == 0


@pytest.mark.parametrize("boundaries", ["[]", "[5,9]", "[1,2,3]"])
def test_joined_pieces_need_one_boundary_fewer(boundaries, values):
    said = refusal(values("schedule=warmup_cosine", f"schedule.boundaries={boundaries}"))
    assert said.startswith("schedule: `boundaries` must be one fewer than the 2 `pieces`")


@pytest.mark.parametrize("boundaries", ["[3,3]", "[4,3]"])
def test_boundaries_rise(boundaries, values):
    said = refusal(values("schedule=multistep", f"schedule.boundaries={boundaries}"))
    assert said.startswith("schedule: `boundaries` must be epochs, from 0, that rise")


@pytest.mark.parametrize(
    "arch", [{}, {"depth": 2}, {"width": 2}, {"hidden_layer_sizes": [3], "depth": 2},
             {"hidden_layer_sizes": [3], "width": 2}, {"hidden_layer_sizes": [3], "depth": 1, "width": 3}]
)  # fmt: skip
def test_sizes_are_given_in_exactly_one_form(arch, values):
    assert "give either" in refusal(values() | {"arch": {"name": "x", **arch}})


def test_an_equal_form_gives_equal_layers(job):
    assert job("arch=uniform", "arch.depth=3", "arch.width=7").network().hidden_layer_sizes == (7, 7, 7)


def test_the_parts_get_what_was_given(job):
    made = job("optimizer=adam", "optimizer.learning_rate=0.25", "seed=7", "trainer.dropout=0.5",
               "optimizer.beta_1=0.5", "optimizer.weight_decay=0.125",
               "schedule=constant", "output_activation=tanh")  # fmt: skip
    member = made.member()
    assert (member.seed, member.learning_rate, member.weight_decay, member.schedule(3)) == (7, 0.25, 0.125, 0.25)
    assert member.hyperparameters == {"beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}
    assert made.network().dropout == 0.5
    assert made.network().output_activation is not made.network().activation
    assert made.training().optimizer is OPTIMIZERS["adam"]


def test_a_job_is_never_changed(job):
    made = job()
    with pytest.raises(ValidationError):
        made.seed = 3
    with pytest.raises(ValidationError):
        made.optimizer.learning_rate = 3.0
    assert hash(made) == hash(job())


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1B", 1),
        ("64KB", 64_000),
        ("64 KiB", 64 * 1024),
        ("512MB", 512_000_000),
        (" 0.5MiB ", 2**19),
        ("1.5GB", 1_500_000_000),
        ("2GiB", 2**31),
        ("3TB", 3 * 10**12),
        ("1TiB", 2**40),
        (f"1{'0' * 400}TB", 10**412),
    ],
)
def test_a_size_is_read_as_it_is_written(text, size):
    assert parse_size(text) == size


@given(some.integers(1, 2**53), some.sampled_from([("", 1), ("KB", 1000), ("MiB", 2**20), ("TB", 10**12)]))
def test_a_size_is_its_number_times_its_unit(number, unit):
    name, factor = unit
    assert parse_size(f"{number}{name}") == number * factor


WRONG = [
    "",
    "GB",
    "0",
    "0GB",
    "-1GB",
    "0.0001KB",
    "1XB",
    "1gb",
    "1 G B",
    "1e3MB",
    "1,5GB",
    "nan",
    "inf",
    "1iB",
    "1G",
    "Ki",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_size_is_told_with_an_example(text):
    with pytest.raises(ValueError, match=r"^must be a size above 0, such as 512MB or 2GiB$"):
        parse_size(text)


def test_gradients_of_regression_are_clipped_unless_told(job):
    assert job().training("classification").clip_norm is None
    assert job().training("regression").clip_norm == REGRESSION_CLIP_NORM
    assert job("trainer.clip_norm=1e9").training("regression").clip_norm == 1e9
