"""Every sentence of the answer, on studies whose truth is known."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.frame import frame, rows
from nnsweep.results.report import (
    section_answer,
    section_configurations,
    section_cost,
    section_epochs,
    section_settings,
    section_trainings,
)
from nnsweep.results.report.report import findings
from nnsweep.results.report.section_answer import describe_answer
from nnsweep.results.report.study import Study

from .conftest import CORRECT, history, runs_of, spread


def test_the_best_is_named_with_its_mean_interval_and_seeds(study_of):
    study = study_of({"20-20": spread(0.964), "8": spread(0.900, turn=1)})
    # for two at once: t(9; 0.9875) = 2.685; 2.685 * 0.004 / sqrt(10) = 0.0034,
    # which is 0.098 on the scale of logits, where 0.964 is 3.288: from 3.190 to 3.385
    assert section_answer.name_choice(study) == [
        "Use 20-20 (2 layers of 20 units): test accuracy 0.964 (95 % interval 0.960 to 0.967, 10 seeds)."
    ]


def test_another_confidence_is_named(study_of):
    study = study_of({"20-20": spread(0.964, size=0.02), "8": spread(0.900, turn=1)}, confidence=0.99)
    # t(9; 0.9975) = 3.690; 3.69 * 0.02 / sqrt(10) = 0.0233, or 0.672 in logits
    assert "(99 % interval 0.932 to 0.981, 10 seeds)" in section_answer.name_choice(study)[0]


def test_a_cost_is_best_where_it_is_least(study_of):
    study = study_of({"20-20": spread(0.9), "8": spread(0.8, turn=1)}, metric="duration_seconds")
    study.runs["duration_seconds"] = [2.0] * 10 + [1.0] * 10
    assert section_answer.name_choice(study) == [
        "8 (1 layer of 8 units) has the lowest training time in seconds: 1 (the same with each of 10 seeds)."
    ]


def test_layer_sizes_of_a_name_are_said_in_words(study_of):
    study = study_of({"4-6-4": spread(0.964), "1": spread(0.9)})
    assert section_answer.name_choice(study)[0].startswith("Use 4-6-4 (3 layers of 4, 6 and 4 units): ")
    same_layers = of_one_shape(relu=spread(0.96), tanh=spread(0.94))
    assert section_answer.name_choice(same_layers)[0].startswith("Use relu: test accuracy 0.960 ")


def test_equal_bests_are_named_together(study_of):
    values = {"20-20": [0.9, 0.92], "8": [0.92, 0.9], "20": [0.8, 0.7]}
    study = study_of(values)
    assert section_answer.compare_choice(study) == [
        "It was chosen by validation accuracy and also has the highest test accuracy, which it shares with 20-20."
    ]
    assert section_answer.list_verdicts(study) == [
        "Unsettled: these runs do not show which of 20-20, 8 and 20 is the best."
    ]
    assert findings(study).section("comparison").sentences[0] == (
        "For half of the unsettled configurations, a true gap of 0.096 to the best would have been detected with 80 % "
        "probability."
    )
    without = study_of(values, validation=None)
    assert section_answer.name_choice(without)[0].startswith(
        "20-20 and 8 share the highest test accuracy: 0.910 (95 % interval 0.087 to 0.999, "
    )
    assert section_cost.name_smallest(study) == [
        "The smallest network within one standard error of the best (20-20) is 8: 0.910 with 730 parameters instead of "
        "1,930."
    ]


def test_one_configuration_is_not_called_the_best(study_of):
    assert section_answer.name_choice(study_of({"8": [0.9, 0.92]}))[0].startswith(
        "The only configuration reached a test accuracy of"
    )
    assert section_answer.list_verdicts(study_of({"8": [0.9, 0.92]})) == []


def test_a_measure_that_was_not_taken_is_named_with_its_setting(study_of):
    study = replace(study_of({"8": [0.9], "20": [0.8]}), metric="test_ece")
    assert describe_answer(study)[0].endswith("no answer yet; trainer.measures=[ece] measures it in training.")


def test_without_a_result_there_is_no_answer(study_of):
    study = study_of({"8": [None, None], "20": [None]})
    assert describe_answer(study)[0] == "No run finished with a test accuracy, so there is no answer yet."
    assert "3 of 3 runs did not finish (3 diverged); means leave out what has no result." in describe_answer(study)


def test_runs_on_different_test_sets_are_not_compared_by_example(study_of):
    right = {"8/0.1/0": np.ones(100, dtype=bool), "20/0.1/0": np.ones(30, dtype=bool)}
    assert section_configurations.describe_examples(study_of({"8": [0.9], "20": [0.8]}, correct=right)) == [
        "The runs were not all tested on the same examples, so they are not compared example by example."
    ]


def test_one_seed_is_said_to_prove_nothing(study_of):
    study = study_of({"20-20": [0.96], "8": [0.90]})
    assert section_answer.name_choice(study) == ["Use 20-20 (2 layers of 20 units): test accuracy 0.9600 (one seed)."]
    assert section_answer.describe_single_seed(study) == [
        "It was run with one seed, so how much its test accuracy varies from seed to seed is unknown. Run more seeds, "
        "for example with seed='range(0,10)'."
    ]
    assert section_answer.list_verdicts(study) == []


def test_verdicts_are_listed_with_what_could_have_been_seen(study_of):
    close, unclear, far = spread(0.963, turn=2), spread(0.95, size=0.02, turn=3), spread(0.8, turn=1)
    study = study_of({"64-64": spread(0.964), "20-20": close, "20": unclear, "8": far})
    assert section_answer.list_verdicts(study) == [
        "As good as the best (at most 0.01 worse): 64-64 and 20-20.",
        "Unsettled: these runs do not show whether 20 (1 of 4) is as good as the best or worse.",
        "Clearly worse than the best: 8 (1 of 4).",
    ]
    assert findings(study).section("comparison").sentences[0] == (
        "A true gap of 0.023 to the best would have been detected with 80 % probability."
    )
    exact = study_of({"64-64": spread(0.964), "20-20": close, "20": unclear, "8": far}, rope=0.0001)
    assert section_answer.list_verdicts(exact)[0].startswith(
        "Unsettled: these runs do not show whether 64-64, 20-20 and 20 (3 of 4) are"
    )


def test_all_others_may_be_clearly_worse(study_of):
    study = study_of({"20-20": spread(0.964), "20": spread(0.90, turn=2), "8": spread(0.8, turn=1)})
    assert section_answer.list_verdicts(study) == ["Both others are clearly worse."]
    assert section_answer.plan_more_seeds(study) == []
    study = study_of({"20-20": spread(0.964), "8": spread(0.8, turn=1)})
    assert section_answer.list_verdicts(study) == ["The other one is clearly worse."]


def of_one_shape(**values):
    """Give a study of networks that differ in their activation alone, which are compared seed by seed."""
    runs = [runs_of({"20": accuracies}, settings={"activation": name}) for name, accuracies in values.items()]
    return Study(runs=frame([record for part in runs for record in part]))


def test_an_interval_that_is_not_known_is_not_told():
    # every seed differs by the same; of five seeds all with one sign, 1 / 2**5 < 0.035
    study = of_one_shape(relu=spread(0.96, 4), tanh=spread(0.94, 4))
    assert section_answer.plan_more_seeds(study) == [
        "Deciding between tanh and relu would take 1 further seed of each."
    ]


def test_what_was_not_tested_is_not_called_equal(study_of):
    study = study_of({"20-20": spread(0.964), "20": spread(0.9, turn=2), "8": [0.8]})
    assert section_answer.list_verdicts(study) == [
        "The other one is clearly worse.",
        "Not tested, with fewer than two seeds: 8.",
    ]


def test_seeds_that_would_tell_two_apart_are_counted():
    study = of_one_shape(relu=spread(0.964, 5), tanh=spread(0.962, 5, 0.004, turn=2))
    assert section_answer.plan_more_seeds(study) == [
        "Deciding between tanh and relu would take at least 4 further seeds of each, and perhaps more than 1,000: the "
        "true lead is at most 0.007 and may be zero."
    ]


def test_a_lead_that_is_hardly_in_doubt_has_a_number():
    """Nine in a row with three seeds each, of which few can be told apart: their scatter is hardly noise."""
    study = of_one_shape(**{f"a{place}": spread(0.99 - 0.03 * place, 3, 0.01, turn=place) for place in range(9)})
    (said,) = section_answer.plan_more_seeds(study)
    fewest, most = re.search(r" would take (\d+) to (\d+) further seeds ", said).groups()
    assert 1 <= int(fewest) < int(most) < 1000


def test_two_that_are_all_but_equal_are_not_worth_more_seeds():
    study = of_one_shape(relu=spread(0.964), tanh=spread(0.96399, size=0.02, turn=2))
    assert section_answer.plan_more_seeds(study) == [
        "Deciding between tanh and relu would take at least 18 further seeds of each, and perhaps more than 1,000: the "
        "true lead is at most 0.011 and may be zero."
    ]


def test_the_baseline_is_compared_with_the_best(study_of):
    study = study_of({"20-20": spread(0.964), "8": spread(0.944, turn=1)}, baseline="8")
    (said,) = section_answer.compare_with_baseline(study)
    assert said.startswith(
        "The test accuracy of 20-20 differs from that of the baseline, 8, by +0.020 (95 % interval +0.01"
    )
    assert said.endswith("; p < 0.001).")
    assert section_answer.compare_with_baseline(study_of({"20": [0.9, 0.91], "8": [0.8, 0.82]}, baseline="20")) == [
        "It is the baseline, 20, itself."
    ]


def test_a_doubtful_lead_over_the_baseline_is_called_so(study_of):
    study = study_of({"20-20": spread(0.964), "8": spread(0.9635, size=0.02, turn=1)}, baseline="8")
    assert section_answer.compare_with_baseline(study)[0].endswith("; not significant).")


def test_validation_chooses_and_the_test_set_judges(study_of):
    study = study_of({"20-20": spread(0.964), "8": spread(0.962, turn=1), "20": spread(0.9, turn=2)})
    assert section_answer.compare_choice(study) == [
        "It was chosen by validation accuracy and also has the highest test accuracy."
    ]

    def choose(chosen, **options):
        table = study.runs.assign(
            best_val_accuracy=[0.95 if size == chosen else 0.9 for size in study.runs["hidden_layer_sizes"]]
        )
        other = Study(runs=table, **options)
        first, *_ = section_answer.name_choice(other)
        return first, *section_answer.compare_choice(other)

    first, second = choose("8")
    assert first.startswith(
        "Use 8 (1 layer of 8 units), chosen by validation accuracy: test accuracy 0.962 (95 % interval 0.958 to 0.966, "
    )
    why = "It was chosen by validation accuracy. 20-20 has the highest test accuracy, 0.964, "
    assert second == f"{why}but the choice is as good (at most 0.01 worse)."
    assert choose("8", rope=0.001)[1] == (f"{why}but these runs do not settle whether the choice is as good or worse.")
    assert choose("20")[1] == (f"{why}and the choice is clearly worse: validation and test accuracy disagree.")


def test_numbers_selected_on_the_test_set_are_called_optimistic(study_of):
    study = study_of({"20-20": [0.96, 0.97]}, validation=None)
    assert section_answer.warn_of_optimism(study) == [
        "There was no validation set: the epoch was selected on the test set itself, so these numbers are optimistic."
    ]
    assert section_answer.warn_of_optimism(study_of({"20-20": [0.96, 0.97]})) == []
    study = study_of({"20-20": [0.96, 0.97]}, metric="max_test_accuracy")
    assert "optimistic" in section_answer.warn_of_optimism(study)[0]
    mixed = frame([*runs_of({"8": [0.9]}), *runs_of({"20": [0.9, 0.8]}, validation=None)])
    assert section_answer.warn_of_optimism(Study(runs=mixed))[0].startswith("2 runs had no validation set: ")


def test_failures_are_counted_by_kind_and_named_for_the_best(study_of):
    study = study_of({"20-20": [0.96, 0.97, None], "8": [0.9, None, None]})
    assert section_trainings.describe_unfinished(study) == [
        "3 of 6 runs did not finish (3 diverged); means leave out what has no result.",
        "The best configuration lost 1 seed, so its mean is that of the luckier ones.",
    ]
    assert section_trainings.describe_unfinished(study_of({"8": [0.9]})) == []


def with_chance(study, chance=0.1):
    return Study(runs=study.runs.assign(chance_accuracy=chance), failures=study.failures)


def test_a_best_of_few_survivors_is_not_the_best(study_of):
    """Seven of ten seeds of the one with the highest mean of survivors diverged."""
    accuracies = {"20-20": [*spread(0.972, 3), *[None] * 7], "20": spread(0.95), "8": spread(0.94, turn=1)}
    study = with_chance(study_of(accuracies))
    assert section_answer.name_choice(study)[0].startswith(
        "Use 20 (1 layer of 20 units): test accuracy 0.950 (95 % interval 0.946 to 0.954, "
    )
    assert study.name("20-20") == "20-20 (3 of 10 seeds finished)"
    assert section_trainings.describe_unfinished(study) == [
        "7 of 30 runs did not finish (7 diverged); each counts as guessing (accuracy 0.100) in means, ranking and "
        "tests."
    ]
    ignored = with_chance(study_of(accuracies, failures="ignore"))
    assert section_answer.name_choice(ignored)[0].endswith(", 3 of 10 seeds finished).")
    assert "means leave out" in section_trainings.describe_unfinished(ignored)[0]


def test_what_never_finished_may_not_be_the_best(study_of):
    study = with_chance(study_of({"20-20": [0.96, 0.95], "8": [0.5, 0.95], "20": [None, None]}))
    assert study.rivals == ["8"]
    assert findings(study).section("failures").sentences == ("No run of one configuration finished: 20.",)
    (shown,) = findings(study).section("comparison").tables
    assert [
        column.text(row) for row in rows(shown.frame) for column in shown.columns if column.heading == "verdict"
    ] == ["unsettled", "unsettled", "never finished"]


def test_runs_that_finished_with_nothing_are_failures(study_of):
    study = study_of({"20-20": spread(0.9, 5), "8": spread(0.95, 5, turn=1)})
    table = study.runs.assign(chance_accuracy=0.1)
    table.loc[[5, 6, 7], ["test_accuracy", "best_val_accuracy"]] = np.nan
    told = Study(runs=table)
    assert told.best["label"] == "20-20"
    assert section_trainings.describe_unfinished(told) == [
        "3 runs finished without a finite test accuracy; each counts as guessing (accuracy 0.100) in means, ranking "
        "and tests."
    ]
    assert told.name("8") == "8 (2 of 5 seeds finished)"


def test_an_interrupted_run_is_no_failure(study_of):
    study = study_of({"20-20": spread(0.9, 5), "8": [*spread(0.95, 4, turn=1), None]})
    told = Study(runs=study.runs.assign(state=["finished"] * 9 + ["interrupted"], chance_accuracy=0.1))
    assert told.name(told.best["label"]) == "8"
    assert section_trainings.describe_unfinished(told) == [
        "1 of 10 runs did not finish (1 interrupted); means leave out what has no result."
    ]


def test_with_one_seed_what_is_left_is_not_the_seeds():
    runs = [
        record
        for rate in (0.01, 0.1, 1.0)
        for name in ("relu", "tanh", "gelu")
        for record in runs_of(
            {"8": [0.5 + rate / 9], "20": [0.6 + len(name) * rate / 99]}, settings={"activation": name}, rate=rate
        )
    ]
    (said,) = section_settings.describe_effects(Study(runs=frame(runs)))
    assert said.endswith(" is residual variance (interactions of three or more settings, and chance).")
    assert "seeds" not in said


def test_five_folds_are_five_results_of_one_configuration():
    folds = [
        replace(
            record, settings=record.settings | {"data.fold": fold, "data.n_folds": 5}, run_id=f"{record.name}{fold}"
        )
        for fold in range(5)
        for record in runs_of({"20-20": [0.9 + fold / 100], "8": [0.8 + fold / 90]})
    ]
    study = Study(runs=frame(folds))
    assert section_answer.name_choice(study) == [
        "Use 20-20 (2 layers of 20 units): test accuracy 0.920 (95 % interval 0.874 to 0.950, 5 folds)."
    ]
    said = " ".join(
        sentence for section in findings(study).sections for sentence in (*section.sentences, *section.points)
    )
    assert "10 runs of 2 configurations. Data: digits. Repeats: 5 folds (0 to 4)." in said
    assert "1/J + 0.25 times" in said
    assert "seed" not in said.replace("seed=0", "")
    assert "on this test set" not in said


def test_the_smallest_network_as_good_as_the_best_is_named(study_of):
    # one standard error of the best is 0.004 / sqrt(10) = 0.00126
    study = study_of({"64-64": spread(0.964), "20": spread(0.9635, turn=1), "8": spread(0.9, turn=2)})
    assert section_cost.name_smallest(study) == [
        "The smallest network within one standard error of the best (64-64) is 20: 0.964 with 1,510 parameters instead "
        "of 9,000."
    ]
    study = study_of({"20": spread(0.964), "8": spread(0.9, turn=2)})
    assert section_cost.name_smallest(study) == []


def test_a_best_on_the_edge_is_pointed_out():
    rates = [(0.01, 0.90), (0.03, 0.92), (0.1, 0.95)]
    runs = [record for rate, mean in rates for record in runs_of({"8": spread(mean, turn=int(1 / rate))}, rate=rate)]
    assert section_settings.warn_of_edges(Study(runs=frame(runs))) == [
        "Its learning_rate (0.1) is the largest tried and significantly better than the next value: a better one may "
        "lie beyond (try learning_rate=0.3)."
    ]
    assert section_settings.warn_of_edges(Study(runs=frame([*runs, *runs_of({"8": spread(0.8)}, rate=0.3)]))) == []


def test_an_edge_without_a_trend_towards_it_is_none():
    rates = [(0.01, 0.90), (0.03, 0.9499), (0.1, 0.95)]
    runs = [record for rate, mean in rates for record in runs_of({"8": spread(mean, turn=int(1 / rate))}, rate=rate)]
    assert section_settings.warn_of_edges(Study(runs=frame(runs))) == []


def test_what_explains_the_variance_is_told_largest_first(study_of):
    runs = [
        *runs_of({"8": spread(0.90, 5), "20": spread(0.95, 5, turn=1)}, settings={"activation": "relu"}),
        *runs_of({"8": spread(0.91, 5, turn=2), "20": spread(0.96, 5, turn=3)}, settings={"activation": "tanh"}),
    ]
    (said,) = section_settings.describe_effects(Study(runs=frame(runs)))
    # sums of squares: layers 20 * 0.025², activation 20 * 0.005², within 16 * 0.004²: 0.0125, 0.0005, 0.000256
    assert said == (
        "Of the variance in test accuracy, hidden_layer_sizes explains 94 % and activation 3.8 %; 1.9 % is "
        "seed-to-seed (residual) variance."
    )
    assert section_settings.describe_effects(study_of({"8": [0.9], "20": [0.95]})) == []


def test_shares_are_told_without_failed_runs_as_well():
    """Without failures layers, activation and seeds have sums of squares of 0.00044, 0.00045 and 0.00022."""
    runs = [
        *runs_of({"8": [*spread(0.90, 4), None], "20": spread(0.91, 5, turn=1)}, settings={"activation": "relu"}),
        *runs_of({"8": [None, *spread(0.91, 4)], "20": spread(0.92, 5, turn=3)}, settings={"activation": "tanh"}),
    ]
    table = frame(runs).assign(chance_accuracy=0.1)
    (said,) = section_settings.describe_effects(Study(runs=table))
    assert said == (
        "Of the variance in test accuracy, hidden_layer_sizes explains 12 %; 88 % is seed-to-seed (residual) variance "
        "(failed runs count as guessing)."
    )
    assert section_settings.describe_shares_of_finished(Study(runs=table)) == [
        "Without the 2 failed runs, which count as guessing, activation explains 40 % and hidden_layer_sizes 40 %; 20 "
        "% is residual variance."
    ]
    ignoring = Study(runs=table, failures="ignore")
    assert "failed" not in section_settings.describe_effects(ignoring)[0]
    assert section_settings.describe_shares_of_finished(ignoring) == []


def test_the_test_examples_tell_apart_what_one_seed_cannot(study_of):
    study = study_of({"20-20": [0.95], "20": [0.94], "8": [0.5]}, correct=CORRECT)
    assert section_configurations.describe_examples(study) == [
        "On the same 100 test examples, 1 of 2 others does not differ significantly from 20-20: 20."
    ]
    assert section_configurations.describe_examples(study)[0] in describe_answer(study)
    assert section_configurations.describe_examples(study_of({"20-20": [0.95], "20": [0.94]})) == []


HARDLY = "More epochs would hardly change the answer: no other configuration that was still improving may get as high."


def rising(end: float = 0.92, slope: float = 0.007, **others: object) -> pd.DataFrame:
    """Give curves that rise in a straight line."""
    return history().assign(val_accuracy=lambda table: end - slope * (60 - table["epoch"]), **others)


@pytest.mark.parametrize(("n_rising", "begins"), [(1, "1 of its 2 runs was"), (2, "2 of its 2 runs were")])
def test_a_best_that_was_still_improving_is_told(study_of, n_rising, begins):
    curves = {f"8/0.1/{seed}": rising() if seed < n_rising else history() for seed in (0, 1)}
    study = study_of({"8": [0.92, 0.93]}, histories=curves)
    (said,) = section_epochs.describe_improving(study)
    assert said.startswith(f"{begins} still improving when training ended: at twice the epochs its validation")
    assert said.endswith(f". {HARDLY}")
    assert section_epochs.describe_improving(study_of({"8": [0.92, 0.93]})) == []


def test_a_rival_that_may_overtake_the_best_is_told(study_of):
    curves = {f"8/0.1/{seed}": history() for seed in (0, 1)} | {f"20/0.1/{seed}": rising() for seed in (0, 1)}
    study = study_of({"8": [0.92, 0.93], "20": [0.91, 0.925]}, histories=curves)
    assert study.rivals == ["20"]
    (said,) = section_epochs.describe_improving(study)
    assert said.startswith(
        "Of the others, 20 was still improving. More epochs could change the answer: at twice as many, 20 may reach 1.0"
    )
    low = {f"20/0.1/{seed}": rising(0.6, 0.001) for seed in (0, 1)}
    assert section_epochs.describe_improving(replace(study, histories=curves | low))[0].endswith(HARDLY)


def test_what_is_clearly_worse_may_have_been_trained_too_short(study_of):
    curves = {f"8/0.1/{seed}": history() for seed in range(10)} | {f"20/0.1/{seed}": rising(0.8) for seed in range(10)}
    study = study_of({"8": spread(0.95), "20": spread(0.8, turn=1)}, histories=curves)
    assert (study.chosen, study.rivals) == ("8", [])
    assert section_epochs.describe_improving(study) == [
        "Of the others, 20 was still improving. More epochs could change the answer: at twice as many, 20 may reach "
        "1.000; 8 is predicted to reach 0.950."
    ]


def test_what_fell_keeps_its_best_accuracy(study_of):
    falling = history().assign(val_accuracy=lambda table: 0.95 - 0.01 * (table["epoch"] - 20).clip(lower=0))
    curves = {f"8/0.1/{seed}": falling for seed in (0, 1)} | {f"20/0.1/{seed}": rising(0.8) for seed in (0, 1)}
    study = study_of({"8": [0.92, 0.93], "20": [0.91, 0.925]}, histories=curves)
    chosen, other = section_epochs.predict_means(study)
    assert (chosen.label, chosen.n_improving, chosen.value, chosen.high) == ("8", 0, 0.95, 0.95)
    assert (other.label, other.n_improving) == ("20", 2)
    assert "8 is predicted to reach 0.950." in section_epochs.describe_improving(study)[-1]


def test_what_leads_is_a_rival_of_what_validation_chose(study_of):
    curves = {f"20/0.1/{seed}": history() for seed in (0, 1)} | {f"8/0.1/{seed}": rising() for seed in (0, 1)}
    study = study_of({"8": [0.92, 0.93], "20": [0.91, 0.925]}, histories=curves)
    chosen = replace(study, runs=study.runs.assign(best_val_accuracy=[0.9, 0.9, 0.95, 0.95]))
    assert (chosen.chosen, chosen.leader) == ("20", "8")
    assert [one.label for one in section_epochs.predict_means(chosen)] == ["20", "8"]
    assert section_epochs.describe_improving(chosen)[0].startswith("Of the others, 8 was still improving.")


def test_a_schedule_that_has_ended_is_not_extrapolated(study_of):
    ended = rising(learning_rate=lambda table: 0.1 * (1 - table["epoch"] / 61))
    study = study_of({"8": [0.92, 0.93]}, histories={f"8/0.1/{seed}": ended for seed in (0, 1)})
    assert section_epochs.describe_improving(study) == [
        "2 of its 2 runs were still improving when training ended. More epochs may change the answer, but no "
        "prediction is possible (all runs: its learning rate had fallen to 0.016 of its maximum: more epochs need "
        "another schedule).",
    ]


def test_answer_begins_with_the_best_and_ends_with_the_failures(study_of):
    said = describe_answer(study_of({"20-20": [*spread(0.964), None], "8": [*spread(0.9, turn=1), None]}))
    assert said[0].startswith("Use 20-20 (2 layers of 20 units): test accuracy 0.964 (95 % interval ")
    assert said[0].endswith(", 10 of 11 seeds finished).")
    assert said[-1].startswith("The best configuration lost 1 seed")
    assert all(sentence.endswith(".") for sentence in said)


def test_trainings_that_learned_nothing_get_a_likely_cause(study_of):
    still = history().assign(val_accuracy=0.3, test_accuracy=0.3)
    curves = {f"8/0.1/{seed}": still for seed in (0, 1)} | {f"20/0.1/{seed}": history() for seed in (0, 1)}
    study = study_of({"8": [0.3, 0.3], "20": [0.92, 0.93]}, histories=curves)
    study = replace(study, runs=study.runs.assign(chance_accuracy=0.3))
    assert section_trainings.warn_of_stuck_runs(study) == ["2 of 4 runs ended no better than guessing."]
    large = replace(study, runs=study.runs.assign(feature_scale=1600.25))
    assert section_trainings.warn_of_stuck_runs(large) == [
        "2 of 4 runs ended no better than guessing; features have means or spreads up to 1.6e+03, which is the likely "
        "cause: standardize them (data.standardize=true)."
    ]
    assert section_trainings.warn_of_stuck_runs(large)[0] in describe_answer(large)
    assert section_trainings.warn_of_stuck_runs(study_of({"8": [0.3, 0.3]})) == []


def test_no_number_of_seeds_is_named_where_results_are_equal():
    assert section_answer.plan_more_seeds(of_one_shape(relu=[0.5, 0.6], tanh=[0.5, 0.6])) == []


def test_the_accuracy_of_guessing_may_be_a_whole_number(study_of):
    study = study_of({"8": [0.5, None], "20": [0.5, 0.6]})
    study = replace(study, runs=study.runs.assign(chance_accuracy=0))
    assert section_trainings.describe_unfinished(study)[0].endswith(
        "each counts as guessing (accuracy 0.000) in means, ranking and tests."
    )
