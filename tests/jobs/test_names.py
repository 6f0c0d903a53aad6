import numpy as np
import pytest

from nnsweep.data.dataset import Dataset
from nnsweep.jobs import names
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.curves import Row
from nnsweep.mlp.history import Trained

CHOSEN = {
    "arch": "shallow",
    "activation": "relu",
    "schedule": "cosine",
    "optimizer": "momentum",
    "init": "he_uniform",
    "loss": "auto",
    "data": "digits",
}


@pytest.mark.parametrize(
    ("overrides", "chosen", "name"),
    [
        ([], {}, "32-relu-cosine-s0"),
        (["arch=linear", "seed=3"], {"arch": "linear"}, "linear-relu-cosine-s3"),
        (
            ["arch.hidden_layer_sizes=[20,20]", "activation=tanh", "schedule=inv"],
            {"activation": "tanh", "schedule": "inv"},
            "20-20-tanh-inv-s0",
        ),
        (["arch=uniform", "arch.depth=3", "arch.width=4"], {"arch": "uniform"}, "4-4-4-relu-cosine-s0"),
    ],
)
def test_a_name_tells_sizes_activation_schedule_and_seed(overrides, chosen, name, job):
    assert names.make_run_name(job(*overrides), CHOSEN | chosen, overrides, ["seed", "activation", "schedule"]) == name


def test_a_name_tells_what_else_varies_and_nothing_that_does_not(job):
    overrides = ["optimizer.learning_rate=0.2", "data=iris", "trainer.epochs=9", "arch.hidden_layer_sizes=[3]", "~init"]
    varying = ["optimizer.learning_rate", "data", "arch.hidden_layer_sizes"]
    name = names.make_run_name(job("data=iris"), CHOSEN | {"data": "iris"}, overrides, varying)
    assert name == "iris-32-relu-cosine-s0-learning_rate=0.2"


NAMED = [  # the data, keys that vary, what the name begins with
    ([], [], "32-"),
    ([], ["data"], "digits-32-"),
    (["data=iris"], [], "iris-32-"),
    (["data=table", "data.path=mine/cats.csv"], [], "cats-32-"),
    (["data=table", "data.path=cats.csv"], ["data.path"], "cats-32-"),
    (["data=table", "data.path='my cats (2).tar.csv.gz'"], [], "my_cats_2_.tar-32-"),
    (["data=table", "data.path='sqlite:///mine/cats.db'"], [], "cats-32-"),
    (["data=text", "data.path='posts/'"], [], "posts-32-"),
    (["data=openml", "data.dataset=credit-g"], ["data.dataset"], "credit_g-32-"),
]


@pytest.mark.parametrize(("overrides", "varying", "begins"), NAMED)
def test_a_name_begins_with_the_data(overrides, varying, begins, job):
    chosen = CHOSEN | {"data": overrides[0].partition("=")[2] if overrides else "digits"}
    assert names.make_run_name(job(*overrides), chosen, overrides, varying) == f"{begins}relu-cosine-s0"


def test_a_name_is_the_same_for_a_setting_that_is_added(job):
    assert names.make_run_name(job(), CHOSEN, ["++trainer.epochs=9"], ["trainer.epochs"]).endswith("-s0-epochs=9")
    assert names.make_run_name(job(), CHOSEN, ["++seed=0"], ["seed"]) == "32-relu-cosine-s0"


def test_a_name_tells_options_of_layers_and_their_sizes_once(job):
    overrides = ["arch.hidden_layer_sizes.0=3", "arch.normalization=layer", "init.bias_std=1"]
    varying = ["arch.hidden_layer_sizes.0", "arch.normalization", "init.bias_std"]
    name = names.make_run_name(job(), CHOSEN, overrides, varying)
    assert name == "32-relu-cosine-s0-normalization=layer-bias_std=1"


def test_options_of_layers_are_settings_only_where_they_are_on(job):
    given = ("arch=deep", "arch.normalization=batch", "arch.residual=true", "init.zero_output=true", "trainer.ema=0.9")
    on, off = (names.flatten_settings(job(*overrides), CHOSEN) for overrides in (given, ["arch=deep"]))
    assert on.items() - off.items() == {
        ("arch.normalization", "batch"),
        ("arch.residual", True),
        ("init.zero_output", True),
        ("trainer.ema", 0.9),
    }
    assert {*on} - {*off} == {"arch.normalization", "arch.residual", "init.zero_output", "trainer.ema"}


def test_a_long_value_is_cut_in_a_name(job):
    assert names.make_run_name(job(), CHOSEN, ["a.b=" + "x" * 99], ["a.b"]) == "32-relu-cosine-s0-b=" + "x" * 40


@pytest.mark.parametrize("override", ["arch.hidden_layer_sizes=[3]", "++arch.hidden_layer_sizes=[3]",
                                      "arch.hidden_layer_sizes.0=3"])  # fmt: skip
def test_overridden_sizes_are_no_longer_the_chosen_architecture(override):
    assert names.name_choices(CHOSEN, [override]) == CHOSEN | {"arch": "custom"}


def test_choices_are_hydras_without_its_own(compose):
    assert names.name_choices(compose(["data=iris"]).hydra.runtime.choices, ["data=iris"]) == CHOSEN | {"data": "iris"}


def test_settings_are_scalars_by_dotted_name(job):
    told = names.flatten_settings(
        job("arch=deep", "schedule=multistep"), CHOSEN | {"arch": "deep", "schedule": "multistep"}
    )
    assert all(isinstance(value, bool | int | float | str | None) for value in told.values())
    assert told["arch"] == "deep"
    assert told["hidden_layer_sizes"] == "64-64-64"
    assert told["schedule.boundaries"] == "[20, 30]"
    assert (told["seed"], told["trainer.patience"], told["data.standardize"]) == (0, None, False)
    assert not {name for name in told if name.startswith(("tracking", "arch.")) or name.endswith(".name")}


def test_settings_leave_out_where_the_corpus_lies(job):
    told = names.flatten_settings(job("data=newsgroups", "data.home=somewhere"), CHOSEN | {"data": "newsgroups"})
    assert "data.home" not in told
    assert "somewhere" not in told.values()
    assert told["data.categories"].startswith("['alt.atheism',")


def test_a_choice_that_has_another_name_inside_tells_both(job):
    told = names.flatten_settings(job("schedule=warmup_cosine"), CHOSEN | {"schedule": "warmup_cosine"})
    assert (told["schedule"], told["schedule.name"]) == ("warmup_cosine", "join")


def test_settings_tell_everything_that_makes_the_key(job):
    made = job()
    told = names.flatten_settings(made, CHOSEN)
    for name, value in made.identity().items():
        for key in value if isinstance(value, dict) else ():
            assert f"{name}.{key}" in told or key == "name"
        assert name in told or isinstance(value, dict)


def test_a_description_is_a_sentence(job):
    assert names.describe_job(job("arch=deep"), CHOSEN) == (
        "A network with hidden layers of 64, 64, 64 units (relu), trained on digits for 40 epochs in minibatches of 32 "
        "by momentum, learning rate 0.1 with the cosine schedule, he_uniform initializer, seed 0, float32."
    )
    said = names.describe_job(job("arch=linear", "trainer=full_batch"), CHOSEN)
    assert said.startswith("A network with no hidden layer, trained on digits for ")
    assert " in full batches by momentum" in said


@pytest.mark.parametrize(
    ("ending", "validated", "said"),
    [
        ("finished", True, "Test accuracy 0.5000 at epoch 1, the best validation epoch."),
        ("stopped", False, "Test accuracy 0.5000 at epoch 1, the best epoch, selected on the test set itself."),
        ("diverged", True, "It diverged at epoch 1."),
    ],
)
def test_an_outcome_is_a_sentence(ending, validated, said):
    rows = [Row(0, 0.1, train_cost=2.0, measured=(0.25,)), Row(1, 0.1, train_cost=1.0, measured=(0.5,))]
    trained = Trained(rows=rows, curves=("test_accuracy",), ending=ending, best_epoch=1)
    assert names.describe_outcome(trained, validated) == said


def test_the_outcome_of_a_sealed_run_tells_no_test_result():
    trained = Trained(rows=[Row(0, 0.1, 2.0, (0.25,))], curves=("val_accuracy",), ending="finished")
    said = "Validation accuracy 0.2500 at epoch 0, the best one; the test part is sealed."
    assert names.describe_outcome(trained, validated=True) == said


def test_job_knows_its_sizes_and_its_chance_accuracy(job):
    X, y = np.zeros((6, 5)), np.array([0, 1, 2, 0, 1, 2])
    test = Examples(np.zeros((5, 5)), np.array([2, 1, 1, 1, 0]))
    parts = {"train": Examples(X, y), "val": Examples(X[:3], y[:3]), "test": test}
    about = {"name": "few", "class_names": ("a", "b", "c"), "source": "here"}
    assert names.measure_sizes(job("arch.hidden_layer_sizes=[4,3]"), Dataset(**parts, **about)) == {
        "depth": 2,
        "width": 4,
        "n_parameters": 5 * 4 + 4 + 4 * 3 + 3 + 3 * 3 + 3,
        "epoch_flops": 6 * (4 * 5 * 4 + 6 * 4 * 3 + 6 * 3 * 3),
        "chance_accuracy": 0.6,
        "n_train_samples": 6,
        "n_val_samples": 3,
        "n_test_samples": 5,
    }
    sealed = names.measure_sizes(job("trainer.sealed_test=true"), Dataset(**parts, **about))
    assert sealed["chance_accuracy"] == pytest.approx(1 / 3)  # of the validation part
    assert "n_val_samples" not in names.measure_sizes(job(), Dataset(**parts | {"val": None}, **about))


def test_yardstick_weighs_rows_and_takes_labels_as_a_whole(job):
    def chance(y, weight, **about):
        part = Examples(np.eye(len(y)), np.array(y), None if weight is None else np.array(weight))
        data = Dataset("few", part, None, part, **({"class_names": (), "source": "here"} | about))
        return names.make_yardstick(job(), data).get("chance_accuracy")

    labels = {"task": "multilabel", "label_names": ("fur", "tail")}
    assert chance([0, 0, 1], [1.0, 0.5, 4.5], class_names=("a", "b")) == 0.75
    assert chance([[0, 1], [0, 0], [0, 1], [1, 1]], None, **labels) == 0.5
    assert chance([[0.5], [1.5]], None, task="regression", target_names=("price",)) is None


def test_regression_has_an_output_for_each_target(job):
    part = Examples(np.eye(3), np.arange(6.0).reshape(3, 2))
    data = Dataset("few", part, None, part, (), "here", task="regression", target_names=("a", "b"))
    assert names.measure_sizes(job("arch=linear"), data)["n_parameters"] == 3 * 2 + 2
