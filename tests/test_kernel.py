"""Notebooks in a real kernel: what a cell shows, and that nothing of it is red."""

from pathlib import Path

import pytest

import nnsweep

nbformat = pytest.importorskip("nbformat", reason="notebooks need nbclient and ipykernel: pip install '.[dev]'")
nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient and ipykernel: pip install '.[dev]'")
pytest.importorskip("ipykernel", reason="notebooks need nbclient and ipykernel: pip install '.[dev]'")

LESSON = Path(nnsweep.__file__).parents[1] / "experiments" / "answers" / "answers.ipynb"
CELLS = (
    "import nnsweep\n"
    "grid = ['arch=uniform', 'arch.depth=1,2', 'arch.width=4,8', 'seed=0,1']\n"
    "runs = nnsweep.sweep(grid, data='iris', trainer__epochs=5, tracking__pictures=False)\n"
    "runs",
    "nnsweep.sweep(grid, data='iris', trainer__epochs=5, tracking__pictures=False)",
    "nnsweep.sweep('arch=linear', data='iris', trainer__epochs=5, tracking__pictures=False, progress=False)",
    "nnsweep.sweep('arch=shallow', data='iris', trainer__epochs=5, tracking__pictures=False, progress=True)",
    "nnsweep.plot_grid(runs)",
    "nnsweep.report(runs)",
    "nnsweep.compare('flowers')",
)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


def run(notebook, folder):
    """Run all cells; give the outputs of each that has code."""
    client = nbclient.NotebookClient(
        notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MPLBACKEND", raising=False)
        return run(notebook, tmp_path_factory.mktemp("kernel"))


def test_a_sweep_shows_one_bar_and_then_its_runs(outputs):
    bar, runs = outputs[0]
    assert bar.data["text/plain"].startswith("8 of 8 jobs run, best so far ")
    assert '<progress max="8" value="8"' in bar.data["text/html"]
    assert "<strong>8 runs of the experiment nnsweep</strong>" in runs.data["text/html"]
    assert "data:image/svg+xml;base64," in runs.data["text/html"]
    assert runs.data["text/plain"].startswith("8 runs of the experiment nnsweep\n")
    assert runs.data["text/markdown"].startswith("**8 runs")


def test_nothing_is_shown_of_what_is_not_run_or_not_wanted(outputs):
    for cell in outputs[1:3]:
        assert [output.output_type for output in cell] == ["execute_result"]


def test_a_plan_is_printed_where_progress_is_wanted(outputs):
    plan, bar, _ = outputs[3]
    assert (plan.name, bar.output_type) == ("stdout", "display_data")
    assert plan.text.startswith("1 job: 1 new")


def test_a_picture_shows_itself(outputs):
    (picture,) = outputs[4]
    assert {"image/png", "image/svg+xml"} <= {*picture.data}
    assert picture.data["text/plain"].startswith("<picture")


def test_a_report_shows_its_answer(outputs):
    (report,) = outputs[5]
    assert report.data["text/plain"].startswith("<Findings, ")
    assert "<details><summary>" in report.data["text/html"]
    assert len(report.data["text/plain"]) < 500
    assert report.data["text/markdown"].startswith("# Which depth and width work best on iris?")


def test_a_wrong_argument_is_told_in_one_line(outputs):
    (error,) = outputs[6]
    assert error.ename == "TypeError"
    assert error.evalue.endswith("not the text 'flowers'; load them: nnsweep.load_results('flowers')")


def test_nothing_is_red(outputs):
    assert [output for cell in outputs for output in cell if output.get("name") == "stderr"] == []


@pytest.mark.skipif(not LESSON.is_file(), reason="this is not a checkout: there is no lesson")
def test_the_lesson_runs_from_its_first_cell_to_its_last(tmp_path):
    notebook = nbformat.read(LESSON, 4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    outputs = [output for cell in run(notebook, tmp_path) for output in cell]
    assert {output.output_type for output in outputs} == {"stream", "display_data", "execute_result"}
    assert {output.name for output in outputs if output.output_type == "stream"} == {"stdout"}
    assert sum("image/svg+xml" in output.get("data", {}) for output in outputs) == 2
    assert "<details>" in outputs[-2].data["text/html"]
    assert "deep" in outputs[-1].text or "shallow" in outputs[-1].text or "linear" in outputs[-1].text
