"""What a report holds, and what it leaves out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame, rows
from nnsweep.results.report import section_epochs
from nnsweep.results.report.content import SECTIONS, Section, SectionContent
from nnsweep.results.report.report import findings
from nnsweep.results.report.study import Origin, Study

from .conftest import history, runs_of, spread

pytestmark = pytest.mark.slow


@pytest.fixture
def full() -> Study:
    """Give a study that has everything: two rates, curves, examples, failures, a baseline."""
    runs = [
        record
        for rate, shift in ((0.01, -0.02), (0.1, 0.0), (1.0, -0.3))
        for record in runs_of(
            {"20-20": spread(0.964 + shift, 4), "8": [*spread(0.94 + shift, 3, turn=1), None]}, rate=rate
        )
    ]
    right = pd.array([True] * 95 + [False] * 5, dtype="bool").to_numpy()
    return Study(
        runs=frame(runs),
        histories={record.run_id: history() for record in runs if record.state == "finished"},
        correct={record.run_id: right for record in runs if record.state == "finished"},
        baseline="8 learning_rate=0.1",
        origin=Origin(experiment="sizes", commands=("nnsweep report sizes",), facts={"Data": "0123abcd"}),
    )


def table(study: Study, section: str, name: str = "") -> pd.DataFrame:
    """Give a table as it is shown."""
    found = findings(study).section(section)
    (wanted,) = [one for one in found.tables if one.name == (name or section)]
    cells = [[column.text(row) for column in wanted.columns] for row in rows(wanted.frame)]
    return pd.DataFrame(cells, columns=[column.heading for column in wanted.columns])


def test_a_full_report_has_all_sections_in_the_order_of_reading(full):
    assert [section.name for section in findings(full).sections] == [
        *("answer", "question", "configurations", "comparison", "equivalence", "examples", "variance", "fair"),
        *("effects", "marginal_means", "cost", "selection", "outcomes", "epochs", "pictures"),
        *("success", "failures", "origin", "methods"),
    ]


@pytest.fixture
def kept_sections():
    kept = [*SECTIONS]
    yield
    SECTIONS[:] = kept


@pytest.mark.usefixtures("kept_sections")
def test_a_section_that_is_defined_is_in_its_places(study_of):
    class Seeds(Section):
        order = 25
        answers = ((15, lambda study: [f"There are {len(study.runs)} seeds."]),)

        def build(self, study):
            return SectionContent(name="seeds", heading="The seeds")

        def method_notes(self, study):
            return ["Seeds are counted."]

    found = findings(study_of({"8": [0.9, 0.91]}))
    assert [section.name for section in found.sections][:3] == ["answer", "question", "seeds"]
    assert found.section("answer").points[0] == "There are 2 seeds."
    assert found.section("methods").points[0] == "Seeds are counted."


def test_no_two_sections_have_one_place():
    for places in (
        [section.order for section in SECTIONS],
        [place for section in SECTIONS for place, _ in section.answers],
    ):
        assert len(places) == len({*places})


def test_one_run_has_no_tables_of_comparison(study_of):
    found = findings(study_of({"8": [0.9]}))
    assert [section.name for section in found.sections if section.tables] == ["selection"]
    assert found.section("answer").sentences == (
        "The only configuration reached a test accuracy of 0.9000 (one seed).",
    )


def test_a_table_without_a_store_is_reported_too(full):
    table = full.runs[["hidden_layer_sizes", "optimizer.learning_rate", "seed", "test_accuracy"]].dropna()
    sections = {section.name: section for section in findings(Study(runs=table)).sections}
    assert (
        sections["answer"]
        .sentences[0]
        .startswith(
            "20-20 learning_rate=0.1 (2 layers of 20 units) has the highest test accuracy: 0.964 (95 % interval 0.949"
        )
    )
    assert {"configurations", "comparison", "effects"} <= set(sections)


def test_nothing_to_report_is_refused():
    with pytest.raises(ConfigError, match="no such runs"):
        findings(Study(runs=frame([])))


def test_an_unknown_metric_is_refused(study_of):
    with pytest.raises(ConfigError, match="did you mean 'test_accuracy'"):
        findings(study_of({"8": [0.9]}, metric="test_acuracy"))


def test_the_title_is_the_question(full):
    assert findings(full, "Which size?").title == "Which size?"
    assert findings(full).title == "Which layer sizes and learning rate work best on digits?"


def test_the_question_says_what_varied_and_how_often(full):
    question = findings(full).section("question")
    assert question.sentences == (
        "24 runs of 6 configurations in the experiment sizes.",
        "Data: digits.",
        "Repeats: 4 seeds (0 to 3).",
    )
    assert table(full, "question", "varied")["values"].tolist() == ["8, 20-20", "0.01, 0.1, 1"]


def test_depth_and_width_stand_for_a_grid_of_layer_sizes(study_of):
    sizes = {"8": (1, 8), "20": (1, 20), "8-8": (2, 8), "20-20": (2, 20)}

    def varied(labels) -> list[list[str]]:
        study = study_of({label: spread(0.9, 3) for label in labels})
        extents = [sizes[label] for label in study.runs["hidden_layer_sizes"]]
        runs = study.runs.assign(depth=[depth for depth, _ in extents], width=[width for _, width in extents])
        return table(Study(runs=runs), "question", "varied").to_numpy().tolist()

    assert varied(sizes) == [["depth", "1, 2"], ["width", "8, 20"]]
    assert varied(["8", "20-20"])[0] == ["hidden_layer_sizes", "8, 20-20"]


def test_configuration_table_marks_the_choice_and_has_verdicts(study_of):
    close = {"20-20": spread(0.964), "20": spread(0.963, size=0.02, turn=2), "8": [*spread(0.8, 9, turn=1), None]}
    study = study_of(close)
    (shown,) = findings(study).section("configurations").tables
    assert shown.best == {0}
    cells = table(study, "configurations")
    # for three at once: t(9; 0.99167) = 2.934, t(8; 0.99167) = 3.016
    assert cells["test accuracy"].tolist() == [
        "0.964 (0.960 to 0.968)",
        "0.963 (0.939 to 0.978)",
        "0.800 (0.796 to 0.804)",
    ]
    assert cells["parameters"].tolist() == ["1,930", "1,510", "730"]
    assert cells["seeds"].tolist() == ["10", "10", "9 of 10"]
    assert cells["verdict"].tolist() == ["unsettled", "unsettled", "clearly worse"]


def test_the_comparison_says_in_words_how_good_each_is(study_of):
    study = study_of({"20-20": spread(0.964), "20": spread(0.963, size=0.02, turn=2), "8": spread(0.8, turn=1)})
    cells = table(study, "comparison", "against_best")
    assert cells["verdict"].tolist() == ["unsettled", "unsettled", "clearly worse"]
    assert cells["difference"].tolist()[2].startswith("\N{MINUS SIGN}0.164")
    assert cells["95 % interval"].tolist()[2].endswith(" to 0")


def test_the_fair_comparison_sets_each_at_its_best_rate(full):
    cells = table(full, "fair")
    assert cells["configuration"].tolist() == ["20-20", "8"]
    assert cells["own best setting"].tolist() == ["learning_rate=0.1", "learning_rate=0.1"]


def test_costs_mark_what_nothing_cheaper_reaches(full):
    cells = table(full, "cost")
    assert cells.set_index("configuration")["Pareto front"].to_dict() == {
        "20-20 learning_rate=0.1": "yes",
        "8 learning_rate=0.1 (3 of 4 seeds finished)": "yes",
        "20-20 learning_rate=0.01": "",
        "8 learning_rate=0.01 (3 of 4 seeds finished)": "",
        "20-20 learning_rate=1": "",
        "8 learning_rate=1 (3 of 4 seeds finished)": "",
    }


def test_outcomes_are_counted(full):
    cells = table(full, "outcomes")
    assert cells.set_index("outcome")["runs"].to_dict() == {"diverged": "3", "plateaued": "21"}


def test_failures_are_listed_with_their_reasons(full):
    cells = table(full, "failures")
    assert len(cells) == 3
    assert set(cells["reason"]) == {"the cost is not finite at epoch 3"}


def test_the_share_that_succeeds_has_an_interval(full):
    rates = table(full, "success")
    shown = ["8 learning_rate=0.1", "3 of 4", "75 %", "19 % to 99 %"]  # Clopper and Pearson
    assert rates.iloc[0].tolist()[:4] == shown


def test_a_reader_is_told_how_to_have_it_again(full):
    origin = findings(full).section("origin")
    assert origin.commands == ("nnsweep report sizes",)
    assert origin.points == ("Data: 0123abcd.", "Fixed settings: data=digits.")


def test_the_methods_name_the_tests_that_were_used(study_of):
    said = " ".join(findings(study_of({"20-20": spread(0.96), "8": spread(0.9, turn=1)})).section("methods").points)
    assert "Student's" in said
    assert "Welch" in said
    assert "paired t test" not in said
    one_seed = " ".join(findings(study_of({"20-20": [0.96], "8": [0.9]})).section("methods").points)
    assert "Student" not in one_seed
    assert "Holm" not in one_seed


def test_every_picture_says_what_is_to_be_seen(full):
    shown = findings(full).pictures
    assert {"seeds", "cost", "mean_curves"} <= {picture.name for picture in shown}
    assert all(picture.caption.endswith(".") for picture in shown)


def test_a_picture_is_in_the_section_that_it_belongs_to(full):
    found = findings(full)
    assert found.overview.picture.name == "grid"
    homes = {picture.name: section.name for section in found.sections for picture in section.pictures}
    assert homes == {
        "seeds": "configurations",
        "effects": "effects",
        "marginal_means": "marginal_means",
        "cost": "cost",
        "mean_curves": "outcomes",
        "learning_curves": "outcomes",
        "schedules": "outcomes",
        "parallel": "pictures",
    }


def methods_of(runs: pd.DataFrame) -> str:
    return " ".join(findings(Study(runs=runs)).section("methods").points)


def test_the_methods_say_what_the_test_set_is():
    runs = frame(runs_of({"20-20": spread(0.96, 4), "8": spread(0.9, 4, turn=1)}))
    assert "on this test set, not on other test sets" in methods_of(runs)
    sealed = runs.assign(**{"best_val_accuracy": runs["test_accuracy"], "trainer.sealed_test": True})
    assert "on this validation part, not on other validation parts" in methods_of(sealed)
    in_step = runs.assign(**{"data.split_seed": runs["seed"]})
    assert "whose test examples differ, too" in methods_of(in_step)
    assert "on this test set" not in methods_of(in_step)
    assert "averaged first" not in methods_of(in_step)
    crossed = pd.concat([in_step, in_step.assign(seed=in_step["seed"] + 4)], ignore_index=True)
    crossed["run_id"] = [str(row) for row in range(len(crossed))]
    assert "Runs of one split that differ in their seed are averaged first." in methods_of(crossed)


def test_one_report_ranks_in_one_way(full):
    """At the rate where one of four seeds diverged the mean is less: neither table puts it first."""
    study = Study(runs=full.runs.assign(chance_accuracy=0.1), histories=full.histories)
    configurations = table(study, "configurations")
    fair = table(study, "fair")
    assert configurations["configuration"].tolist()[0] == "20-20 learning_rate=0.1"
    assert fair["configuration"].tolist() == ["20-20", "8"]
    assert fair["seeds"].tolist() == ["4", "3 of 4"]
    means = configurations.set_index("configuration")["test accuracy"]
    assert fair["test accuracy"].tolist()[1] == means["8 learning_rate=0.1"]


def test_epochs_say_how_soon_the_ranking_was_the_last(study_of):
    runs = runs_of({"8": [0.8, 0.8], "20": [0.9, 0.9], "64-64": [0.95, 0.95]})
    pace = {"8": 0.008, "20": 0.009, "64-64": 0.0095}

    def rising(run_id, since=0):
        values = pace[run_id.partition("/")[0]] * np.arange(101) * (np.arange(101) > since)
        return history(101).assign(val_accuracy=values)

    curves = {run.run_id: rising(run.run_id) for run in runs}
    late = {run_id: rising(run_id, since=60) for run_id in curves if run_id.startswith("64")}
    study = Study(runs=frame(runs), histories=curves | late)
    section = findings(study).section("epochs")
    assert section.sentences == (
        "After 50 of 100 epochs the final winner was not yet ahead.",
        "The final rankings by two halves of the seeds agree with τ = 1.00.",
    )
    assert table(study, "epochs", "rankings")["best so far"].tolist() == ["20", "20", "20"]
    assert table(study, "epochs", "rankings")["its final gap to the best"].tolist() == ["0.0500", "0.0500", "0.0500"]
    steady = findings(replace(study, histories=curves)).section("epochs")
    said = steady.sentences[0]
    assert said.startswith("After 10 of 100 epochs the final winner was already ahead, and 100 % of all pairs")


def test_epochs_have_a_table_of_where_the_best_would_be(study_of):
    curves = {
        f"8/0.1/{seed}": history().assign(val_accuracy=lambda table: 0.5 + 0.007 * table["epoch"]) for seed in (0, 1)
    }
    study = study_of({"8": [0.92, 0.93]}, histories=curves)
    (row,) = table(study, "epochs", "ends").to_dict("records")
    (one,) = section_epochs.predict_means(study)
    assert row["still improving"] == "2 of 2"
    assert row["at twice the epochs"] == study.write_measure(one.value)
    assert 0.9 < one.now < one.value < one.high <= 1


def test_seeds_in_a_row_are_written_by_their_ends(study_of):
    runs = study_of({"8": [0.9] * 8}).runs.assign(seed=[0, 1, 2, 40, 41, 50, 51, 52])
    assert findings(Study(runs=runs)).section("question").sentences[-1] == (
        "Repeats: 8 seeds (0 to 2, 40, 41 and 50 to 52)."
    )


def test_captions_name_the_measure_and_the_axes(full):
    captions = {picture.name: picture.caption for picture in findings(full).pictures}
    assert captions["grid"].startswith("Mean test accuracy by ")
    assert captions["cost"] == "Test accuracy against the number of parameters."
    assert captions["mean_curves"] == "Learning curves, averaged over the seeds."


def test_one_course_of_the_rate_needs_no_picture(full):
    one_rate = full.runs[full.runs["optimizer.learning_rate"] == 0.1]
    shown = {picture.name for picture in findings(Study(runs=one_rate, histories=full.histories)).pictures}
    assert "learning_curves" in shown
    assert "schedules" not in shown
