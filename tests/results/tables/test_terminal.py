"""The table that ends a sweep."""

import io

import pytest
from rich.console import Console

from nnsweep.results.frame import frame
from nnsweep.results.tables.terminal import make_terminal_table
from nnsweep.tracking.record import RunRecord
from tests.results.conftest import record


def shown(runs, width=80, **options):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(make_terminal_table(runs, width=width, **options))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


MEASURES = ("accuracy", "log_loss")
GOLDEN = """\
                                      best_
                                       val_  best_     test_  duration_
name               state     seed  accuracy  epoch  accuracy    seconds
───────────────────────────────────────────────────────────────────────
20-20-tanh-inv-s1  finished     1    0.9700     60    0.9611       1.50
20-20-tanh-inv-s0  finished     0    0.9500     40    0.9722       1.25
20-20-tanh-inv-s2  diverged     2                                  0.25
test_accuracy: test accuracy at the epoch of best validation accuracy
20-20-tanh-inv-s2 diverged: the cost is not finite at epoch 12
"""


def test_the_table_of_a_small_sweep_at_80_columns(runs):
    assert shown(runs) + "\n" == GOLDEN


def test_validations_choice_is_named_wherever_it_stands():
    accuracies = {"wide": [(0.90, 0.99), (0.91, 0.80)], "deep": [(0.95, 0.90), (0.94, 0.91)]}
    runs = [
        RunRecord(
            run_id=f"{arch}{seed}",
            name=f"{arch}-s{seed}",
            state="finished",
            settings={"arch": arch, "seed": seed},
            metrics={"best_val_accuracy": validation, "test_accuracy": test},
        )
        for arch, values in accuracies.items()
        for seed, (validation, test) in enumerate(values)
    ]
    assert "\nchosen by validation accuracy: deep\n" in shown(frame(runs)) + "\n"
    data = ["iris", "iris", "digits", "digits"]
    assert "chosen by" not in shown(frame(runs).assign(data=data))  # the easiest data set would be the choice
    assert "chosen by" not in shown(frame(runs[:2]))  # nothing was chosen among


def test_best_run_comes_first_even_where_no_state_is_shown():
    runs = [
        RunRecord(run_id=name, name=name, state="finished", metrics={"test_accuracy": accuracy})
        for name, accuracy in (("low", 0.5), ("high", 0.7), ("mid", 0.6))
    ]
    assert [word for word in shown(frame(runs)).split() if word in ("low", "mid", "high")] == ["high", "mid", "low"]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_letters_rich_must_measure_change_no_other_part(width, runs):
    accented = runs.assign(name=runs["name"].str.replace("a", "á"))
    assert shown(accented, width).replace("á", "a") == shown(runs, width)


def test_table_without_a_validation_set_warns_of_optimism():
    runs = frame([RunRecord(run_id="a", name="a", state="finished", metrics={"test_accuracy": 0.97222})])
    text = shown(runs)
    assert "0.9722\n" in text
    assert "no validation set: the epoch was selected on the test set" in text
    assert "state" not in text


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width, runs, odd_runs):
    for table_of in (runs, odd_runs, frame([])):
        assert max(map(len, shown(table_of, width).splitlines()), default=0) <= width


def test_user_text_is_neither_markup_nor_control(odd_runs):
    text = shown(odd_runs, 200)
    assert "[red]text[/red]" in text
    assert r"\x1b[2J" in text
    assert "\x1b" not in text


def test_the_measure_that_selects_is_the_one_that_is_shown():
    runs = [
        RunRecord(
            run_id=str(seed),
            name=f"20-20-tanh-inv-s{seed}",
            state="finished",
            settings={"seed": seed, "trainer.select": "val_log_loss"},
            metrics={f"{part}_{name}": 0.5 + seed / 10 for part in ("best_val", "test") for name in MEASURES},
        )
        for seed in (0, 1)
    ]
    heading = shown(frame(runs), 45).partition("─")[0]
    assert (heading.count("loss"), heading.count("accuracy")) == (2, 0)  # best_val_log_loss and test_log_loss


def test_runs_that_ended_alike_share_a_line():
    jobs = [record(job, state="interrupted", reason="interrupted by the user") for job in range(16)]
    text = shown(frame(jobs))
    assert text.count("interrupted by the user") == 1
    assert "and 15 others interrupted: interrupted by the user" in text


def test_of_many_reasons_the_first_ten_are_told():
    jobs = [record(job, state="diverged", reason=f"not finite at epoch {job}") for job in range(40)]
    text = shown(frame(jobs))
    assert text.count("not finite at epoch") == 10
    assert "30 further runs did not finish: see the columns state and reason" in text


def test_a_name_of_forty_letters_stays_in_one_line():
    name = "a-long-name-of-a-run-with-all-that-it-is"
    runs = [
        RunRecord(run_id=end, name=name + end, state="finished", metrics={"test_accuracy": 0.5}) for end in ("", "s")
    ]
    assert f"{name}    0.5000" in shown(frame(runs[:1]))
    assert f"{name}s" not in shown(frame(runs))
    assert f"{name}s" in shown(frame(runs), 100)


def test_what_does_not_fit_is_named(runs):
    assert "not shown: state, best_val_accuracy, seed" in " ".join(shown(runs, 34).split())


def test_a_setting_that_repeats_another_gives_way_to_results():
    runs = frame(
        [
            RunRecord(
                run_id=sizes,
                name=f"{sizes}-tanh-constant-momentum-s0",
                state="finished",
                settings={"arch": arch, "hidden_layer_sizes": sizes},
                metrics={"test_accuracy": 0.9, "best_val_accuracy": 0.9, "best_epoch": 3.0, "max_test_accuracy": 0.95},
            )
            for arch, sizes in [("shallow", "8"), ("wide", "20-20"), ("deep", "4-6-4")]
        ]
    )
    text = shown(runs, 80)
    assert "not shown: hidden_layer_sizes" in text
    assert "epoch" in text
