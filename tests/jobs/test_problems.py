import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnsweep.errors import ConfigError
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.groups import GROUPS
from nnsweep.jobs.problems import explain_hydra_error

SIZES = "arch.hidden_layer_sizes"
FIELDS = (
    "seed, output_activation, dry_run, rerun, retries, fail_fast, checkpoint_every, tracking, sweep, arch, activation, "
    "schedule, optimizer, init, loss, data, trainer"
)
LINES = [  # overrides, the line
    (["activaton=relu"], f"activaton: there is no such key; did you mean 'activation'? Known: {FIELDS}"),
    (
        ["optimizer.momntum=1"],
        "optimizer.momntum: there is no such key; did you mean 'momentum'? "
        "Known: learning_rate, momentum, weight_decay",
    ),
    (["arch=shalow"], "arch=shalow: there is no such choice; did you mean 'shallow'? Known: custom, deep, linear, "
     "shallow, uniform, wide"),
    (["trainer=zzz"], "trainer=zzz: there is no such choice; known: full_batch, minibatch"),
    (["seed=range(0"], "seed=range(0: cannot be read as a value; several are written seed=a,b or, of numbers, "
     "seed='range(0,5)'"),
    (["seed"], "seed: is a setting; write seed=VALUE"),
    (["arch=custom"], f"{SIZES}: must be given, as in {SIZES}=..."),
    (["seed=${nothing}"], "seed: Interpolation key 'nothing' not found"),
    (["trainer.epochs=${seed}", "seed=${trainer.epochs}"], "seed: Recursive interpolation detected"),
    (["seed=${no_resolver:3}"], "seed: Unsupported interpolation type no_resolver"),
    (["~nothing"], "Could not delete from config. 'nothing' does not exist."),
]  # fmt: skip


def resolved(compose, overrides):
    config = compose(overrides)
    ours = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    return OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize(("overrides", "line"), LINES, ids=lambda value: value[0] if isinstance(value, list) else "")
def test_what_cannot_be_composed_is_told_in_one_line(overrides, line, compose):
    with pytest.raises((HydraException, OmegaConfBaseException)) as refused:
        resolved(compose, overrides)
    assert explain_hydra_error(refused.value) == line


def test_a_line_is_one_line_and_harmless_for_a_terminal(compose):
    with pytest.raises(HydraException) as refused:
        compose(["seed=\x1b[2J"])
    assert explain_hydra_error(refused.value).isprintable()


def test_an_exception_without_words_is_told_by_its_name():
    assert explain_hydra_error(HydraException()) == "HydraException"


ACTIVATIONS = ", ".join(GROUPS["activation"])
PIECES = ", ".join(name for name in GROUPS["schedule"] if name not in ("join", "reduce_on_plateau"))
JOIN = "schedule=warmup_cosine"

GOLDEN = [  # overrides, the line
    (["+sede=1"], f"sede=1: there is no such key; did you mean 'seed'? Known: {FIELDS}"),
    (
        ["+optimizer.momentun=1"],
        "optimizer.momentun=1: there is no such key; did you mean 'momentum'? "
        "Known: learning_rate, momentum, weight_decay",
    ),
    (["+activation.slope=1"], "activation.slope=1: there is no such key; known: layers"),
    (["seed=x"], "seed=x: must be a whole number"),
    (["seed=1.5"], "seed=1.5: must be a whole number"),
    (["seed=true"], "seed=True: must be a whole number"),
    (["seed=null"], "seed=null: must be a whole number"),
    (["trainer.dropout=much"], "trainer.dropout=much: must be a number"),
    (["data.standardize=1"], "data.standardize=1: must be true or false"),
    (["tracking.experiment=1e3"], "tracking.experiment=1000.0: must be text; in a file, put it in quotes"),
    (["seed=[0,1]"], "seed=[0, 1]: must be a whole number; a grid is written seed=0,1"),
    (["trainer.patience=none"], "trainer.patience=none: must be a whole number; write trainer.patience=null for none"),
    (["trainer.measures=log_loss"], "trainer.measures=log_loss: must be a list, such as [log_loss]"),
    (
        ["data=diabetes", "loss=quantile", "loss.quantiles=[0.9,0.1]"],
        "loss.quantiles=[0.9,0.1]: must be different and rise",
    ),
    (["arch.hidden_layer_sizes=8"], "arch.hidden_layer_sizes=8: must be a list, such as [8]"),
    (["arch.hidden_layer_sizes=[8,x]"], "arch.hidden_layer_sizes.1=x: must be a whole number"),
    (["optimizer.momentum=2"], "optimizer.momentum=2: must be >= 0 and < 1"),
    (["optimizer.learning_rate=nan"], "optimizer.learning_rate=nan: must be > 0"),
    (
        ["output_activation=rel"],
        f"output_activation=rel: there is no such name; did you mean 'relu'? Known: {ACTIVATIONS}",
    ),
    (["activation.name=rel"], f"activation.name=rel: there is no such name; did you mean 'relu'? Known: {ACTIVATIONS}"),
    (["trainer.dtype=half"], "trainer.dtype=half: must be 'float64' or 'float32'"),
    (["~trainer.batch_size", "~trainer.epochs", "schedule=constant"], "trainer.epochs: is missing"),
    (["~activation"], "activation: is missing"),
    (["~activation.name"], "activation.name: is missing"),
    (
        ["trainer.patience=3", "data.val_fraction=0"],
        "trainer.patience=3 needs a validation part: set data.val_fraction above 0",
    ),
    (["+arch.depth=3"], "arch: give either hidden_layer_sizes, or depth and width"),
    (
        [JOIN, "schedule.boundaries=[0,5]"],
        "schedule: `boundaries` must be one fewer than the 2 `pieces`, got 2",
    ),
    ([JOIN, "schedule.boundaries=[-1]"], "schedule.boundaries.0=-1: must be >= 0"),
    ([JOIN, "schedule.pieces.0.warmup_epochs=0"], "schedule.pieces.0.warmup_epochs=0: must be >= 1"),
    (
        [JOIN, "+schedule.pieces.0.start_facto=0"],
        "schedule.pieces.0.start_facto=0: there is no such key; known: warmup_epochs",
    ),
    (
        [JOIN, "schedule.pieces.1.name=cosin"],
        f"schedule.pieces.1.name=cosin: there is no such name; did you mean 'cosine'? Known: {PIECES}",
    ),
    ([JOIN, "schedule.pieces=[3]"], "schedule.pieces.0=3: must be settings, such as {name: value}"),
    ([JOIN, "schedule.pieces=3"], "schedule.pieces=3: must be a list, such as [3]"),
    (["+schedule.cosine=1"], "schedule.cosine=1: there is no such key; known: decay_epochs, end_value"),
]


@pytest.mark.parametrize(("overrides", "line"), GOLDEN, ids=lambda value: " ".join(value) if len(value) < 4 else None)
def test_each_kind_of_problem_has_its_line(overrides, line, compose):
    with pytest.raises(ConfigError) as refused:
        check_configuration(compose(overrides))
    assert refused.value.problems == (line,)


def test_problems_come_in_the_order_of_a_job_and_all_at_once(compose):
    with pytest.raises(ConfigError) as refused:
        check_configuration(
            compose(["seed=-1", "optimizer.momentum=1", "arch.hidden_layer_sizes=[0,0]", "data.val_fraction=2"])
        )
    assert [problem.partition("=")[0] for problem in refused.value.problems] == [
        "arch.hidden_layer_sizes.0",
        "arch.hidden_layer_sizes.1",
        "optimizer.momentum",
        "seed",
        "data.val_fraction",
    ]


def test_a_long_value_is_cut(compose):
    with pytest.raises(ConfigError) as refused:
        check_configuration(compose(["seed=" + "x" * 1000]))
    assert refused.value.problems == ("seed=" + "x" * 57 + "...: must be a whole number",)


@pytest.mark.parametrize("key", ["arch.residual", "trainer.dropout"])
def test_a_key_that_an_older_file_lacks_can_be_added(key, compose):
    with pytest.raises(HydraException) as refused:
        compose([f"~{key}", f"{key}=1"])
    line = explain_hydra_error(refused.value)
    assert line == f"{key}: the file of this choice, which may be older, does not have this key; write +{key}"
    assert compose([f"~{key}", f"+{key}=1"])
