"""The reference leaves nothing out: its generated pages of the code, its written ones of what a sweep really leaves."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

import nnsweep
from nnsweep.cli.commands import COMMANDS, commands
from nnsweep.cli.main import main
from nnsweep.errors import ExitCode
from nnsweep.jobs import worker
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.job_folder import WAITING
from nnsweep.jobs.ray_driver import LOG
from nnsweep.jobs.settings import list_all_settings
from nnsweep.jobs.summary import DRAWN
from nnsweep.jobs.sweep_folder import END, OUTBOX, STOP
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


# ---- the pages that somebody has written


TERMS = re.compile(r"^(?:<a [^>]*></a>)?((?:`[^`]+`(?:, )?(?:\.\.\.)?)+).*\n:   \S", re.MULTILINE)


def read_terms(page: str, anchor: str = "") -> list[str]:
    """List what a page explains, or one of its sections with what is below it."""
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    if anchor:
        heading = re.search(rf"^(#+) .*\{{#{anchor}\}}$", text, re.MULTILINE)
        assert heading is not None, anchor
        text = re.split(rf"^#{{1,{len(heading[1])}}} ", text[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    return [term for line in TERMS.findall(text) for term in re.findall("`([^`]+)`", line)]


def test_every_exit_code_has_its_entry():
    signals = [128 + signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    assert [int(term) for term in read_terms("exit-codes.md")] == [*map(int, ExitCode), *signals]


def test_every_variable_that_is_read_is_listed():
    read = re.compile(r"""(?:place_of|environ\.get|environ\.setdefault)\(\s*"([A-Z_]+)\"""")
    files = Path(nnsweep.__file__).parent.rglob("*.py")
    names = {name for file in files for name in read.findall(file.read_text(encoding="utf-8"))}
    assert len(names) > 3
    assert names - {*read_terms("index.md")} == {"HYDRA_FULL_ERROR"}  # which is nnsweep's own to set


@pytest.fixture(scope="module")
def swept(new_study) -> Iterator[tuple[Path, set[str]]]:
    """Run a sweep in which jobs finish, diverge and fail; give its place, and the names of all files in it."""
    seen: set[str] = set()
    train = worker.train

    def planted(examples, network, members, training, **more):
        for epoch in train(examples, network, members, training, **more):
            if members[0].seed == 1:
                raise ValueError("planted")
            yield epoch
            seen.update(name_files(Path()))

    grid = "seed=0,1", "optimizer.learning_rate=0.1,1e9", "data=iris", "trainer.epochs=3"
    more = "checkpoint_every=1", "tracking.pictures=true", "trainer.calibrate=temperature"
    with new_study("swept") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "train", planted)
        assert main([*grid, *more, "sweep.max_stack_memory=1KB"]) == 3
        yield folder, seen | name_files(folder)


def name_files(folder: Path) -> set[str]:
    """Name all files by their path, in which SWEEP, RUN and a number stand for what differs."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    names = {re.sub(r"multirun/[^/]+", "SWEEP", name) for name in names}
    return {re.sub(r"^SWEEP/\d+/", "JOB/", re.sub(r"[0-9a-f]{32}", "RUN", name)) for name in names}


def test_every_file_that_a_sweep_leaves_is_explained(swept):
    _, seen = swept
    places = {"SWEEP/": "sweep", "JOB/": "job", "mlartifacts/RUN/artifacts/": ""}
    for start, anchor in places.items():
        terms = read_terms("job-folder.md", anchor)
        left = {name.removeprefix(start) for name in seen if name.startswith(start)}
        assert left - {*terms} == set(), start
    own = {*read_terms("job-folder.md", "sweep"), *read_terms("job-folder.md", "job")}
    passing = {WAITING, f"{OUTBOX}/", STOP, END, ".submitit/", LOG, *(f"{name}.png" for name in DRAWN)}
    assert own - passing - {name.partition("/")[2] for name in seen} == set()


def test_every_tag_param_and_metric_is_explained(swept):
    folder, _ = swept
    with closing(sqlite3.connect(folder / "mlflow.db")) as store:
        for table, anchor in {"params": "params", "metrics": "metrics", "tags": "tags"}.items():
            patterns = [re.escape(term) for term in read_terms("store.md", anchor)]
            for word, pattern in {"MEASURE": r"\w+", r"\*": ".+", "0000": r"\d+"}.items():
                patterns = [term.replace(word, pattern) for term in patterns]
            names = {name for (name,) in store.execute(f"SELECT DISTINCT key FROM {table}")}
            assert len(names) > 10
            unknown = [name for name in names if not any(re.fullmatch(pattern, name) for pattern in patterns)]
            assert unknown == [], table
        kinds = {kind for (kind,) in store.execute("SELECT DISTINCT value FROM tags WHERE key = 'nnsweep.kind'")}
        assert kinds <= {*read_terms("store.md")}
