"""What the reference says is read off the code, so that nothing of it can be missing."""

import re
from pathlib import Path

import click
import pytest

import nnsweep
from nnsweep.cli.commands import COMMANDS, commands
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.settings import list_all_settings
from nnsweep.mlp.measures import MEASURES
from tests.pages import ROOT, load_tool

if not (ROOT / "tools" / "reference.py").is_file():
    pytest.skip("this is not a checkout: there is no reference to write", allow_module_level=True)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Write the generated pages: their texts by their names."""
    return {path.rpartition("/")[2]: "\n".join(write()) for path, write in load_tool("reference").WRITERS.items()}


def test_every_setting_of_every_choice_is_explained(pages):
    sections = re.split(r"^(?=##)", pages["settings.md"], flags=re.MULTILINE)
    texts = {match[1]: section for section in sections if (match := re.match(r"#+ `([\w/]+=\w+)`", section))}
    shared = {
        match[1]: section for section in sections if (match := re.match(r"### .*\{#([\w-]+)-settings\}", section))
    }
    for one in list_all_settings():
        assert f'id="{one.key.replace(".", "-")}"' in pages["settings.md"]
        if one.choice:
            text = texts[f"{one.group}={one.choice}"] + shared.get(one.group.replace("/", "-"), "")
            assert f"`{one.key}`\n:   " in text


def test_every_preset_is_shown_with_its_file(pages):
    for path in Path(conf_dir(), "experiment").iterdir():
        assert path.read_text(encoding="utf-8") in pages["settings.md"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_explained(pages, name):
    section = re.search(rf"^### `nnsweep {name}`.*?(?=^##|\Z)", pages["commands.md"], re.MULTILINE | re.DOTALL)
    command = commands.get_command(click.Context(commands), name)
    assert section is not None
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            assert re.search(rf"^`.*{max(option.opts, key=len)}\b.*`\n:   \S", section[0], re.MULTILINE), option.opts
    assert f"nnsweep {name} " in section[0].partition("```sh\n")[2] or not command.params or name == "completion"


def test_every_measure_is_explained(pages):
    for name, measure in MEASURES.items():
        entry = re.search(rf'id="{name}"></a>`{name}`\n:   (.*?)(?=\n\n\S|\Z)', pages["measures.md"], re.DOTALL)
        assert entry is not None, name
        assert ("Higher" if measure.greater_is_better else "Lower") + " is better, from" in entry[1]


def test_every_public_name_is_on_the_page_about_python(pages):
    assert sorted(re.findall(r"^::: nnsweep\.(\w+)$", pages["python.md"], re.MULTILINE)) == sorted(nnsweep.__all__)


def test_no_page_needs_to_be_scrolled_sideways_for_a_table(pages):
    assert [name for name, text in pages.items() if re.search(r"^\|", text, re.MULTILINE)] == []
