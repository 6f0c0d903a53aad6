import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnsweep.jobs.problems import explain_hydra_error

SIZES = "arch.hidden_layer_sizes"
FIELDS = (
    "seed, output_activation, dry_run, rerun, retries, fail_fast, checkpoint_every, tracking, sweep, arch, activation, "
    "schedule, optimizer, init, data, trainer"
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
    (["seed"], "seed: cannot be read; settings are written key=value"),
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
