"""Help: whoever asks is told what there is, with an example that works, and whoever mistypes is told in a line."""

import re
import shlex
from pathlib import Path

import click
import pytest

from nnsweep.cli.commands import COMMANDS, SUMMARIES, commands
from nnsweep.cli.help import EXAMPLES
from nnsweep.jobs.conf_tree import conf_dir

WIDEST = 100
EXAMPLE = re.compile(r"For example:\s+(nnsweep .*?)(?=\n\s*\n|\Z)", re.DOTALL)


def example(name: str) -> list[str]:
    """Give the words of the example in a command's help."""
    command = commands.get_command(click.Context(commands), name)
    (line,) = EXAMPLE.findall(command.help)
    return shlex.split(" ".join(line.split()))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example(name, nnsweep):
    said = nnsweep(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: nnsweep {name}" in said.out
    assert len(EXAMPLE.findall(said.out)) == 1
    assert max(map(len, said.out.splitlines())) <= WIDEST
    assert nnsweep(name, "-h").out == said.out
    assert nnsweep("help", name).out.startswith(said.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_is_one_that_the_command_takes(name):
    program, called, *arguments = example(name)
    assert (program, called) == ("nnsweep", name)
    command = commands.get_command(click.Context(commands), name)
    context = command.make_context(name, [*arguments])
    given = [one for one in context.params if context.get_parameter_source(one).name == "COMMANDLINE"]
    assert bool(given) == bool(arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistyped_option_is_told_in_one_line(name, nnsweep):
    said = nnsweep(name, "--hlep")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nnsweep: error: No such option '--hlep'. ")
    assert "--help" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name):
    command = commands.get_command(click.Context(commands), name)
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help or not one.help.strip()[0].isalpha()] == []


# ---- the program's own help


@pytest.mark.parametrize("asked", [["--help"], ["-h"], ["help"], ["arch=wide", "--help"]])
def test_the_help_is_one_screen_with_all_commands_and_groups(asked, nnsweep, study):
    before = sorted(study.rglob("*"))
    said = nnsweep(*asked)
    assert (said.code, said.err) == (0, "")
    assert len(said.out.splitlines()) < 24
    assert max(map(len, said.out.splitlines())) <= 80
    for name, summary in SUMMARIES.items():
        assert f"  {name:<11}{summary}" in said.out
    groups = sorted(path.name for path in Path(conf_dir()).iterdir() if path.is_dir() and path.name != "hydra")
    assert ", ".join(groups) in " ".join(said.out.split())
    assert sorted(study.rglob("*")) == before


def test_in_a_narrow_terminal_the_help_has_one_column(nnsweep, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    said = nnsweep("--help").out
    assert max(len(line) for line in said.splitlines() if not line.startswith("nnsweep ")) <= 40
    assert all(name in said for name in COMMANDS)


def test_the_examples_in_the_help_are_grids_that_can_be_planned(nnsweep, study):
    assert nnsweep("init", "own").code == 0
    (study / "my.csv").write_text((study / "own" / "data" / "mine.csv").read_text())
    lines = re.findall(r"^  (nnsweep .*?)(?:\s{2,}.*)?$", nnsweep("--help").out, re.MULTILINE)
    assert lines == [*EXAMPLES]
    for words in map(shlex.split, lines):
        if "=" in words[1]:
            said = nnsweep(*words[1:], "dry_run=true")
            assert said.code == 0, said.err
            assert re.search(r"\d+ jobs?: ", said.out)
        else:
            assert words[1] in COMMANDS


def test_help_for_a_group_explains_its_choices_and_settings(nnsweep):
    for group in ("activation", "arch", "data", "experiment", "init", "loss", "optimizer", "schedule", "trainer"):
        said = nnsweep("help", group)
        assert (said.code, said.err) == (0, "")
        for path in (Path(conf_dir()) / group).glob("*.yaml"):
            assert re.search(rf"^  {path.stem}  +\S", said.out, re.MULTILINE)
    said = nnsweep("help", "trainer").out
    assert "Settings of trainer=minibatch:\n  trainer.epochs=40  (integer >= 1)\n" in said
    assert nnsweep("help", "schedule=step").out.startswith("Caffe's step: gamma ** (t // stepsize)")


def test_help_lists_all_settings_or_explains_one(nnsweep):
    said = nnsweep("help", "settings").out
    assert "\n  trainer.evaluate_every=1  (integer >= 1)\n      epochs between two measurements\n" in said
    assert "\n  sweep.max_jobs=10000 " in said
    assert "hydra." not in said
    assert nnsweep("help", "data.max_jobs").code == 2
    assert nnsweep("help", "data.rare").out.startswith("  data.rare=null  (")


def test_help_for_an_unknown_command_names_the_nearest(nnsweep):
    said = nnsweep("help", "exprt")
    assert (said.code, said.out) == (2, "")
    assert (
        said.err == "nnsweep: error: help exprt: there is no such command, group or setting; did you mean 'export'?\n"
    )


def test_choices_of_ones_own_are_in_the_help(nnsweep, study):
    assert nnsweep("init", "own").code == 0
    own = ("--config-dir", "own/conf")
    assert "Of your own: arch=mine, data=mine, experiment=first." in nnsweep(*own, "--help").out
    assert nnsweep("help", *own).out == nnsweep(*own, "--help").out
    assert re.search(r"^  mine  +\S", nnsweep("help", "arch", *own).out, re.MULTILINE)


def test_a_missing_argument_is_told_with_what_it_can_be(nnsweep):
    said = nnsweep("report")
    assert said.err == "nnsweep: error: Missing argument 'EXPERIMENT'; nnsweep help report shows an example\n"
    assert "such as bash, zsh, fish; " in nnsweep("completion").err


def test_whole_configuration_can_be_shown_fully_resolved(nnsweep):
    said = nnsweep("--cfg", "all", "--resolve")
    assert said.code == 0, said.err
    assert "nnsweep ui" not in said.err


def test_no_arguments_run_one_job_of_the_default_configuration(nnsweep):
    said = nnsweep()
    assert said.code == 0, said.err
    assert "1 job: 1 finished" in said.out
