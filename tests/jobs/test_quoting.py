"""Text is taken as it was typed, and where quotes are needed a shell gets those that are shown."""

import os
import re
import shutil
import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from nnsweep.jobs.arguments import explain_unreadable, quote_for_shell, quote_text

ODD = [
    *(
        "a=b",
        "a#b",
        "~b",
        "my (new) study",
        "study(2)",
        "a,b",
        "it's",
        'say "hi"',
        'it\'s "it"',
        "{a",
        "[1",
        "a;b",
        "!x",
    ),
    *(
        "a\\",
        "\u00fc=\u4e2d",
        " a ",
        "",
        "a\nb",
        "*",
        "$5",
        "`ls`",
        "a&b",
        "<a>",
        "x:y",
        "a'",
        '"',
        "\\'",
        "true",
        "1e3",
    ),
]


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_a_shell_gives_what_is_shown_as_that_value(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    odd = [value for value in ODD if "\n" not in value and not (shell == "fish" and "\\" in value)]
    script = "\n".join(f"printf '%s\\n' {quote_for_shell('tracking.experiment', value)}" for value in odd)
    lines = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    read = [OverridesParser.create().parse_override(quote_text(line)).value() for line in lines]
    assert [getattr(value, "text", value) for value in read] == odd


@pytest.mark.parametrize("value", ["a=b", "a#b", "~b", "my (new) study", "study(2)", "it's"])
def test_an_unreadable_name_is_refused_with_quotes_that_work(value, nnsweep):
    said = nnsweep(f"tracking.experiment={value}")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "token" not in said.err
    shown = re.search(r"in a shell (.*)$", said.err.strip())[1]
    line = subprocess.run(["sh", "-c", f"printf %s {shown}"], capture_output=True, text=True, check=True).stdout
    again = nnsweep(line, "data=iris", "dry_run=true")
    assert (again.code, again.err) == (0, "")


TYPED = [  # what is typed, what Hydra reads
    ("tracking.experiment=2024", "2024"),
    ("tracking.experiment=true", "true"),
    ("tracking.experiment=1e3", "1e3"),
    ("tracking.experiment=007", "007"),
    ("tracking.experiment=null", "null"),
    ("+data.target=1.50", "1.50"),
    ("data.target=null", None),
    ("data.group=NaN", "NaN"),
    ("data.path=~/cats.csv", "~/cats.csv"),
    ("tracking.uri=sqlite:///~/cats.db", "sqlite:///~/cats.db"),
    ("hydra.sweep.dir=~/runs", os.path.expanduser("~/runs")),
    ("data.stop_words=[1,true,null,a]", ["1", "true", "null", "a"]),
    ("data.stop_words=null", None),
    ("seed=1", 1),
    ("trainer.patience=null", None),
    ("tracking.pictures=true", True),
    ("sweep.max_jobs=7", 7),
]


@pytest.mark.parametrize(("line", "value"), TYPED)
def test_what_a_setting_takes_as_text_is_read_as_typed(line, value):
    read = OverridesParser.create().parse_override(quote_text(line)).value()
    plain = [getattr(one, "text", one) for one in read] if isinstance(read, list) else getattr(read, "text", read)
    assert plain == value
    assert type(plain) is type(value)


def test_several_texts_are_swept_over_as_typed():
    assert quote_text("data.target=2024,kind,'1'") == "data.target='2024',kind,'1'"
    assert quote_text("data.target=choice(2024,2025)") == "data.target=choice('2024','2025')"
    assert quote_text("data.target=range(0,3)") == "data.target=range(0,3)"


@pytest.mark.parametrize("none", ["none", "None", "nil", "~"])
@pytest.mark.parametrize(
    "key", ["trainer.patience", "trainer.batch_size", "data.max_features", "rerun", "sweep.workers"]
)
def test_stand_ins_for_null_are_refused_suggesting_null(none, key, nnsweep):
    if (key, none) == ("rerun", "none"):
        return  # a value of its own
    said = nnsweep(f"{key}={none}", "data=newsgroups")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert f"write {key}=null for none" in said.err


def test_an_experiment_is_named_as_typed_from_everywhere(nnsweep, study):
    (study / "mine" / "experiment").mkdir(parents=True)
    (study / "mine" / "experiment" / "year.yaml").write_text("# @package _global_\ntracking: {experiment: 2024}\n")
    for given in (["tracking.experiment=2024"], ["--config-dir", "mine", "experiment=year"]):
        assert nnsweep(*given, "data=iris", "trainer.epochs=1", "tracking.pictures=false").code == 0
    assert nnsweep("export", "2024").out.count("\n") == 2


def test_what_is_unreadable_in_a_number_is_told_without_a_lexer():
    assert explain_unreadable("seed=1,,2") == (
        "cannot be read as a value; several are written seed=a,b or, of numbers, seed='range(0,5)'"
    )
    assert explain_unreadable("seed") == "cannot be read; settings are written key=value"
