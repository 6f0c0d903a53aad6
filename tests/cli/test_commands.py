"""Help: whoever asks is told what there is, with an example that works, and whoever mistypes is told in a line."""

import re
import shlex
from pathlib import Path

import click
import pytest

from nnsweep.cli.commands import COMMANDS, commands, summarize_commands
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
    assert nnsweep(name, "-h").out == nnsweep("help", name).out == said.out


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


@pytest.mark.parametrize("asked", [["--help"], ["-h"], ["help"]])
def test_the_help_names_all_commands_groups_and_settings(asked, nnsweep, study):
    before = sorted(study.rglob("*"))
    said = nnsweep(*asked)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    for name, summary in summarize_commands().items():
        assert f"  {name:<10}  {summary}" in lines
    for group in ("activation", "arch", "data", "experiment", "init", "optimizer", "schedule", "trainer"):
        choices = ", ".join(sorted(path.stem for path in (Path(conf_dir()) / group).glob("*.yaml")))
        assert f"{group}: {choices}" in lines
    assert "  epochs: 40" in lines
    assert sorted(study.rglob("*")) == before


def test_no_summary_is_cut_off_or_too_wide():
    assert [text for text in summarize_commands().values() if text.endswith("...") or len(text) > WIDEST - 14] == []
    assert [*summarize_commands()] == [*COMMANDS]


def test_the_examples_in_the_help_are_grids_that_can_be_planned(nnsweep, study):
    assert nnsweep("init", "own").code == 0
    header = nnsweep("--help").out.partition("Commands, each")[0]
    assert max(map(len, header.splitlines())) <= WIDEST
    examples = re.findall(r"^  (nnsweep .*?)(?:\s{3,}.*)?$", header, re.MULTILINE)
    assert len(examples) == 4
    for line in examples:
        words = ["own/conf" if word == "conf" else word for word in shlex.split(line)[1:]]
        planned = ["sweep.grids=[]"] if "experiment=depth_width" in words else ["data=iris"]  # without the corpus
        said = nnsweep(*words, *planned, "dry_run=true")
        assert said.code == 0, said.err
        assert re.search(r"\d+ jobs", said.out)


def test_help_for_an_unknown_command_names_the_nearest(nnsweep):
    said = nnsweep("help", "exprt")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nnsweep: error: exprt: there is no such command; did you mean 'export'? Known: init, ")


def test_one_folder_of_ones_own_is_in_the_help(nnsweep, study):
    assert nnsweep("init", "own").code == 0
    assert (
        "arch: custom, deep, linear, mine, shallow, uniform, wide" in nnsweep("--config-dir", "own/conf", "--help").out
    )


def test_whole_configuration_can_be_shown_fully_resolved(nnsweep):
    said = nnsweep("--cfg", "all", "--resolve")
    assert said.code == 0, said.err
    assert "nnsweep ui" not in said.err


def test_no_arguments_run_one_job_of_the_default_configuration(nnsweep):
    said = nnsweep()
    assert said.code == 0, said.err
    assert "1 job: 1 finished" in said.out
