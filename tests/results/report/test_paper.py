"""The table of an article: what it shows, what its caption says, and that it fits."""

import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame
from nnsweep.results.report.paper import make_paper_table, make_plain_frame
from nnsweep.results.report.paper_latex import write_paper_latex
from nnsweep.results.report.study import Study
from tests.latex import compile_latex, make_article, needs_pdflatex

from ..conftest import PAYLOADS
from .conftest import runs_of, spread


def test_it_shows_what_varies_with_the_digits_of_the_interval(study_of):
    study = study_of({"20-20": spread(0.96), "20": spread(0.95, turn=1), "8": spread(0.7, size=0.05, turn=2)})
    frame = make_plain_frame(make_paper_table(study))
    assert [*frame.columns] == ["Hidden layers", "Parameters", "Test accuracy", "95 % interval", "Mark"]
    assert frame["Hidden layers"].tolist() == ["20-20", "20", "8"]
    assert frame["Test accuracy"].tolist() == ["0.960", "0.950", "0.700"]
    assert frame["95 % interval"].iloc[0] == "[0.956, 0.964]"
    assert frame["Mark"].iloc[0] == "best §"


def test_an_interval_with_the_mean_in_its_middle_is_half_of_it(study_of):
    study = study_of({"20-20": spread(0.6, size=0.001), "20": spread(0.5, size=0.001, turn=1)})
    table = make_paper_table(study)
    assert table.interval.cells == ["± 0.0008", "± 0.0008"]
    assert table.mean.cells == ["0.6000", "0.5000"]
    assert "± half of its 95 % interval" in table.caption


def test_layers_of_one_width_are_shown_as_depth_and_width():
    records = runs_of({"8": spread(0.9), "16-16": spread(0.8, turn=1)})
    for record in records:
        layers = str(record.settings["hidden_layer_sizes"]).split("-")
        record.metrics.update(depth=float(len(layers)), width=float(layers[0]))
    columns = make_paper_table(Study(runs=frame(records))).columns
    assert [(column.heading, column.cells) for column in columns[:2]] == [("Depth", ["1", "2"]), ("Width", ["8", "16"])]


def test_a_caption_says_what_every_mark_and_number_means(study_of):
    many = {"20-20": spread(0.964), "20": spread(0.963, size=0.02, turn=2), "8": spread(0.8, turn=1)}
    caption = make_paper_table(study_of(many)).caption
    for words in (
        "of 3 configurations on digits",
        "mean over 10 seeds",
        "95 % interval",
        "all 3 hold at once",
        "best validation accuracy",
        "Bold: the best mean.",
        "‡ ",
        "§ chosen by validation accuracy",
        "clearly worse",
    ):
        assert words in caption
    assert "†" not in caption, "nothing is marked so"
    on_test = make_paper_table(study_of(many, validation=None)).caption
    assert "optimistic" in on_test
    assert "§" not in on_test


def test_failed_runs_are_told(study_of):
    study = study_of({"20": [*spread(0.9, 9), None], "8": spread(0.8)}, settings={})
    assert "1 of 20 runs failed or diverged and is left out" in make_paper_table(study).caption


def test_where_none_is_clearly_worse_that_is_told(study_of):
    caption = make_paper_table(study_of({"20": spread(0.9, 3), "8": spread(0.895, 3, size=0.01, turn=1)})).caption
    assert "None is clearly worse" in caption
    assert "All others" not in caption


def test_one_seed_has_no_interval(study_of):
    table = make_paper_table(study_of({"20": [0.9], "8": [0.8]}))
    assert "one seed each, so that there is no interval" in table.caption
    assert [*make_plain_frame(table).columns][-2:] == ["Test accuracy", "Mark"]


def test_of_many_rows_the_best_and_the_worst_are_shown(study_of):
    study = study_of({str(n): spread(0.5 + n / 1000, 3) for n in range(1, 61)})
    table = make_paper_table(study)
    assert (len(table.mean.cells), table.n_left_out) == (28, 32)
    shown = table.columns[0].cells
    assert (shown[0], shown[23], shown[24], shown[-1]) == ("60", "37", "4", "1")
    assert "32 configurations between the best 24 and the worst 4 are not shown." in table.caption
    assert write_paper_latex(table).count(r"$\cdots$") == 1


def test_without_a_result_there_is_no_table(study_of):
    with pytest.raises(ConfigError, match="no run finished with a test accuracy"):
        make_paper_table(study_of({"20": [None], "8": [None]}))


def test_several_data_sets_have_no_common_table():
    records = runs_of({"20": spread(0.9)}) + runs_of({"8": spread(0.8)}, settings={"data": "iris"})
    with pytest.raises(ConfigError, match="on 2 data sets"):
        make_paper_table(Study(runs=frame(records)))


def test_the_best_is_bold_and_points_are_aligned(study_of):
    text = write_paper_latex(make_paper_table(study_of({"20": spread(0.96), "8": spread(0.9, turn=1)}), "depth_width"))
    assert r"20 & 1,510 & \textbf{0} & \textbf{.9600}$^{\mathsection}$ & {[}0.9565, 0.9633{]} \\" in text
    assert r"\label{tab:depth-width}" in text
    assert r"$^{\mathsection}$ chosen by validation accuracy." in text
    assert r"\usepackage{booktabs}" in text.splitlines()[0]


@needs_pdflatex
@pytest.mark.parametrize("two_columns", [False, True])
@pytest.mark.parametrize("n", [1, 9, 200])
def test_it_fits_into_an_article(n, two_columns, study_of, tmp_path):
    accuracies = {"-".join(["128"] * (1 + row % 5) + [str(row)]): spread(0.9, 3, turn=row) for row in range(n)}
    table = make_paper_table(study_of(accuracies), "a_b")
    text = write_paper_latex(table, two_columns=two_columns)
    compile_latex(make_article(text, "tab:a-b", two_columns=two_columns), tmp_path)


@needs_pdflatex
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("two_columns", [False, True])
def test_many_settings_and_hostile_names_fit(two_columns, half, tmp_path):
    texts = [text for text in PAYLOADS if text and text.isprintable()][half::2]
    records = []
    for place, text in enumerate([*texts, "a_long-name/" * 8]):
        settings = {"activation": text, "schedule.decay_rate": 0.1 * place, "trainer.batch_size": 16 + place}
        records += runs_of({"20-20": spread(0.9, 3, turn=place)}, settings=settings)
    records += runs_of({"8-8-8-8-8": spread(0.5, 4)}, settings={"activation": "é 中 τ"})
    table = make_paper_table(Study(runs=frame(records)), r"\input{x} 中")
    assert table.name == "input-x"
    compile_latex(
        make_article(write_paper_latex(table, two_columns=two_columns), "tab:input-x", two_columns=two_columns),
        tmp_path,
    )
