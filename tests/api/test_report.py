"""``nnsweep report`` and the calls of Python, on a real sweep."""

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from matplotlib.figure import Figure

import nnsweep
from nnsweep.api.report import print_report
from nnsweep.cli.main import main
from nnsweep.errors import ConfigError
from nnsweep.results.report.content import SectionContent
from nnsweep.results.report.report import Findings
from nnsweep.results.wording import MINUS, NOTHING

SWEEP = ["-m", "arch=linear,shallow,deep", "seed=0,1,2", "data=digits", "trainer.epochs=8", "tracking.pictures=false"]


SIGNS = f"{MINUS}0.1 ± 0.2, {NOTHING}, †"


@pytest.fixture(scope="module")
def swept(new_study: Callable[[str], contextlib.AbstractContextManager[Path]]) -> Path:
    """Run a small sweep once; give its folder."""
    with new_study("report") as folder:
        assert main([*SWEEP, "tracking.experiment=flowers"]) == 0
    return folder


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def told(swept: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run a command beside the sweep."""
    monkeypatch.chdir(swept)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return lambda *arguments: Said(main(arguments), *capfd.readouterr())


@pytest.fixture(scope="module")
def terminal(swept: Path) -> Said:
    """Report on the terminal, once."""
    with (
        contextlib.chdir(swept),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        code = main(["report", "flowers"])
    return Said(code, out.getvalue(), err.getvalue())


def test_a_report_on_the_terminal_is_markdown_with_the_answer(terminal):
    said = terminal
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("# Which architecture works best on digits?\n")
    assert "9 runs of 3 configurations in the experiment flowers." in said.out
    assert re.search(r"Mean test accuracy over seeds.*\. Always the commonest class: 0\.1\d\d\.", said.out)
    assert re.search(r"Use \S+: test accuracy 0\.9\d+ .*3 seeds", said.out)
    assert "nnsweep report flowers\n" in said.out


def test_a_report_tells_how_often_its_test_set_was_looked_at(terminal, told, capfd):
    once = "The test set has been looked at once in this store, by 1 sweep."
    assert once in terminal.out
    assert "luckier" not in terminal.out
    other = ["arch=linear", "data=digits", "data.val_fraction=0.2", "trainer.epochs=1", "tracking.pictures=false"]
    assert main([*other, "tracking.experiment=bees"]) == 0  # on the same test set, with fewer training samples
    capfd.readouterr()
    twice = "The test set has been looked at 2 times in this store, by 2 sweeps."
    for experiment in ("flowers", "bees"):
        assert f"{twice} The more often, the luckier" in told("report", experiment).out


@pytest.mark.parametrize(("suffix", "begins"), [("html", "<!DOCTYPE html>"), ("tex", r"\documentclass")])
def test_the_suffix_tells_the_format(told, suffix, begins):
    said = told("report", "flowers", "--title", "Which?", "-o", f"which.{suffix}")
    assert (said.code, said.out.partition(":")[0].strip(), said.err) == (0, f"which.{suffix}", "")
    assert Path(f"which.{suffix}").read_text(encoding="utf-8").startswith(begins)


def test_pictures_are_written_beside_markdown(told):
    said = told("report", "flowers", "--title", "Which?", "-o", "with pictures.md", "--pictures")
    assert said == (0, "with pictures.md\n", "")
    text = Path("with pictures.md").read_text(encoding="utf-8")
    assert text.startswith("# Which?")
    files = sorted(path.name for path in Path().glob("with pictures-*.svg"))
    assert len(files) > 3
    assert all(f"]({name.replace(' ', '%20')})" in text for name in files)


def test_the_report_repeats_the_command_that_made_it(told):
    said = told("report", "flowers", "--filter", "seed < 2", "--confidence", "0.9", "--baseline", "linear")
    assert "nnsweep report flowers --baseline linear --confidence 0.9 --filter 'seed < 2'\n" in said.out
    assert "with simultaneous 90 % intervals" in said.out
    assert "6 runs of 3 configurations" in said.out


def test_several_sweeps_can_be_reported_together(told):
    (sweep,) = set(nnsweep.load_results("flowers")["sweep"])
    both = told("report", "flowers", "--sweep", sweep, "--sweep", "another")
    assert "9 runs" in both.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing",), 2, "flowers"),
        (("flowers", "-o", "report.docx"), 2, "use one of .html, .md, .tex"),
        (("flowers", "-o", "nowhere/report.html"), 2, "create it first"),
        (("flowers", "--metric", "acuracy"), 2, "did you mean"),
        (("flowers", "--filter", "seed > 7"), 2, "there is nothing to report"),
        (("flowers", "--filter", "sed > 7"), 2, "did you mean 'seed'"),
        (("flowers", "--baseline", "liner"), 2, "did you mean 'linear'"),
        (("flowers", "--confidence", "95"), 2, "0.95 is usual"),
        (("flowers", "--rope", "0"), 2, "rope=0.0 is not a positive number"),
        (("flowers", "--by", "archi"), 2, "did you mean 'arch'"),
        (("flowers", "-o", "a report.tex", "--pictures"), 2, "letters, digits"),
        (("flowers", "--uri", "sqlite:///absent.db"), 5, "absent.db"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_leaves_no_file(told, arguments, code, words):
    before = sorted(Path().rglob("*report*"))
    said = told("report", *arguments)
    assert said.code == code
    assert words in said.err
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert sorted(Path().rglob("*report*")) == before


def test_python_gives_the_same_answers(told, terminal):
    runs = nnsweep.load_results("flowers", filter="state == 'finished'")
    assert len(runs) == 9
    assert nnsweep.configurations(runs)["n"].tolist() == [3, 3, 3]
    assert len(nnsweep.compare(runs)) == 2
    assert nnsweep.indistinguishable(runs)[0] == nnsweep.configurations(runs)["label"].iloc[0]
    assert "residual" in nnsweep.effects(runs)["term"].tolist()
    curves = nnsweep.load_histories(runs)
    assert set(curves) == set(runs["run_id"])
    assert all(len(history) == 9 for history in curves.values())
    assert isinstance(nnsweep.plot_learning_curves(runs, curves), Figure)
    right = nnsweep.load_correct(runs)
    accuracies = {run_id: correct.right.mean() for run_id, correct in right.items()}
    assert accuracies == dict(zip(runs["run_id"], runs["test_accuracy"], strict=True))
    evaluations = nnsweep.load_evaluations(runs)
    assert {run_id: one.confusion.trace() for run_id, one in evaluations.items()} == {
        run_id: correct.right.sum() for run_id, correct in right.items()
    }
    assert nnsweep.compare_examples(runs, right)["n_runs"].tolist() == [3, 3]
    found = nnsweep.report("flowers", "python.html")
    assert found.section("answer").sentences[0] in terminal.out.replace("\\", "")
    assert Path("python.html").exists()


def test_a_frame_is_reported_as_its_experiment_is(told):
    runs = nnsweep.load_results("flowers")
    of_frame, of_name = nnsweep.report(runs, "frame.md"), nnsweep.report("flowers", "name.md")
    assert Path("frame.md").read_text(encoding="utf-8") == Path("name.md").read_text(encoding="utf-8")
    assert of_frame.section("origin").commands == of_name.section("origin").commands


def test_some_runs_are_reported_without_commands_for_all(told):
    runs = nnsweep.load_results("flowers")
    found = nnsweep.report(runs[runs["seed"] < 2].sort_values("seed"))
    assert found.section("question").sentences[0].startswith("6 runs of 3 configurations in the experiment flowers")
    assert [command.split()[1] for command in found.section("origin").commands] == ["reproduce"]
    found = nnsweep.report(runs, filter="seed == 0")
    assert found.section("question").sentences[0].startswith("3 runs of 3 configurations in the experiment flowers")


def test_a_frame_knows_its_store(told, tmp_path, monkeypatch):
    runs = nnsweep.load_results("flowers")
    monkeypatch.chdir(tmp_path)
    assert set(nnsweep.load_histories(runs)) == {*runs["run_id"]} == {*nnsweep.load_correct(runs)}
    assert f"--uri {runs.attrs['store']}" in nnsweep.report(runs).section("origin").commands[0]


def test_a_frame_read_from_a_table_is_reported_too(told):
    told("export", "flowers", "-o", "flowers.csv")
    found = nnsweep.report(pd.read_csv("flowers.csv"))
    assert found.section("question").sentences[0].startswith("9 runs of 3 configurations in the experiment flowers")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda runs: runs.iloc[:0], "nothing to report"),
        (lambda runs: runs.drop(columns=["state", "job"]), "runs has no column state and job"),
        (lambda runs: runs.assign(run_id=["f" * 32, *runs["run_id"][1:]]), "no run 'ffffffff"),
        (
            lambda runs: runs.assign(run_id=[*runs["run_id"][:-1], "f" * 32]),
            "1 of the 9 runs .fffff.*not in the",
        ),
    ],
)
def test_a_frame_that_cannot_be_reported_is_refused(told, change, words):
    with pytest.raises(ConfigError, match=words) as refused:
        nnsweep.report(change(nnsweep.load_results("flowers")))
    assert len(refused.value.problems) == 1


def test_a_frame_has_no_sweep_to_choose(told):
    with pytest.raises(ConfigError, match="pass the experiment's name, or filter"):
        nnsweep.report(nnsweep.load_results("flowers"), sweep="another")


def test_curves_need_run_ids():
    with pytest.raises(ConfigError, match="no column run_id"):
        nnsweep.load_histories(pd.DataFrame({"test_accuracy": [0.9]}))


def test_all_names_are_there_and_importing_them_is_late():
    code = (
        "import sys, nnsweep; heavy = {'pandas', 'mlflow', 'matplotlib', 'scipy', 'numpy'}; "
        "assert not heavy & set(sys.modules); "
        "assert set(nnsweep.__all__) <= set(dir(nnsweep)); "
        "print(*(getattr(nnsweep, name) is not None for name in nnsweep.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * len(nnsweep.__all__)
    with pytest.raises(AttributeError, match="comparr"):
        nnsweep.comparr  # noqa: B018


@pytest.mark.parametrize(("encoding", "shown"), [("latin-1", "-0.1 ± 0.2, -, (+)"), ("utf-8", SIGNS)])
def test_a_terminal_without_the_signs_of_print_shows_plain_ones(encoding, shown, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding, write_through=True))
    print_report(Findings(title="a", sections=(SectionContent(name="b", heading="c", sentences=(SIGNS,)),)))
    assert shown in written.getvalue().decode(encoding)
