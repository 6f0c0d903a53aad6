"""The Tab key: what it offers, how soon, and in real shells."""

import os
import pty
import re
import select
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hydra._internal.utils import get_args_parser

from nnsweep.cli import completion
from nnsweep.cli.commands import COMMANDS
from nnsweep.cli.completion import VALUES, answer_shell, complete_command_line, read_script, read_words
from nnsweep.jobs.conf_tree import conf_dir, list_groups

TREE = Path(conf_dir())


def texts(*words: str) -> list[str]:
    return [one.text for one in complete_command_line(words)]


def kinds(*words: str) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in complete_command_line(words)]


# ---- what is offered


def test_the_first_word_is_a_command_a_group_or_a_setting():
    offered = texts("")
    assert offered[: len(COMMANDS)] == [*COMMANDS]
    assert {"arch=", "experiment=", "seed=", "trainer.", "trainer=", "hydra/", "hydra."} < {*offered}
    assert len(offered) == len({*offered})
    assert texts("exp") == ["export", "experiment="]


def test_a_second_word_is_no_command():
    assert not {*COMMANDS} & {*texts("arch=wide", "")}


@pytest.mark.parametrize("group", ["activation", "arch", "data", "init", "optimizer", "schedule", "experiment"])
def test_a_group_has_all_its_choices(group):
    files = sorted(path.stem for path in (TREE / group).glob("*.yaml"))
    assert texts(f"{group}=") == [f"{group}={name}" for name in files]


def test_list_of_choices_is_completed_with_the_remaining_ones():
    assert texts("arch=shallow,") == [
        f"arch=shallow,{name}" for name in ("custom", "deep", "linear", "uniform", "wide")
    ]
    assert texts("arch=shallow,wide,d") == ["arch=shallow,wide,deep"]


LAYERS = ("normalization", "residual", "scaling_layer", "parametrization")
"""Settings that every architecture has."""


def test_the_settings_are_those_of_the_choices_that_are_made():
    assert texts("arch=uniform", "arch.") == [f"arch.{name}=" for name in ("depth", "width", *LAYERS)]
    both = ["gamma", "stepsize", "every", "compound", "power", "max_iter"]
    assert texts("schedule=step,poly", "schedule.") == [f"schedule.{name}=" for name in both]
    assert "schedule.gamma=" in texts("experiment=notebook", "schedule.")
    assert texts("trainer.ep") == ["trainer.epochs="]
    assert texts("hydra.sweep.d") == ["hydra.sweep.dir="]


def test_the_comments_of_the_files_are_shown_beside_the_settings():
    (patience,) = complete_command_line(["trainer.pati"])
    assert patience.remark.startswith("end when the selected measure has not improved")
    (batch_size,) = complete_command_line(["trainer=full_batch", "trainer.batch"])
    assert batch_size.remark == "examples in each step; null: all of them"


def test_word_settings_offer_values_and_others_their_default():
    assert texts("dry_run=") == ["dry_run=true", "dry_run=false"]
    assert texts("rerun=f") == ["rerun=failed"]
    assert texts("output_activation=t") == ["output_activation=tanh"]
    assert texts("trainer.epochs=") == ["trainer.epochs=40"]
    assert texts("trainer.patience=") == []
    assert texts("sweep.exclude=") == []


def test_hydras_signs_before_a_setting_are_kept():
    assert texts("+arch=sh") == ["+arch=shallow"]
    assert texts("++trainer.ep") == ["++trainer.epochs="]


def test_own_folder_wins_and_a_broken_one_stays_quiet(tmp_path):
    for name in ("mine", "shallow"):
        (tmp_path / "arch").mkdir(exist_ok=True)
        (tmp_path / "arch" / f"{name}.yaml").write_text(f"defaults: [wide]\nname: {name}\nown: 3 # of mine\n")
    shown = ("hidden_layer_sizes", *LAYERS, "own")
    for given in (["--config-dir", str(tmp_path)], [f"--config-dir={tmp_path}"], ["-cd", str(tmp_path)]):
        assert texts(*given, "arch=m") == ["arch=mine"]
        assert texts(*given, "arch=shallow", "arch.") == [f"arch.{name}=" for name in shown]
    (tmp_path / "config.yaml").write_text("a: [\n")
    assert answer_shell("zsh", ["--config-dir", str(tmp_path), "trainer."]) == ""
    assert texts("--config-dir", str(tmp_path / "none"), "arch=w") == ["arch=wide"]


def test_files_and_folders_are_left_to_the_shell():
    assert kinds("data.path=x") == [("file", "data.path=")]
    assert kinds("data.home=") == [("folder", "data.home=")]
    assert kinds("--config-dir", "") == [("folder", "")]
    assert kinds("--config-dir=c") == [("folder", "--config-dir=")]
    assert kinds("export", "nnsweep", "--output", "t") == [("file", "")]
    assert kinds("export", "nnsweep", "--output=t") == [("file", "--output=")]
    assert kinds("verify", "t") == [("file", "")]
    assert kinds("sync", "m") == kinds("init", "m") == [("folder", "")]


def test_commands_have_their_options_and_what_those_take():
    assert {"--output", "--filter", "--sort", "--uri"} < {*texts("export", "nnsweep", "--")}
    assert texts("plot", "x", "--format", "") == ["svg", "png", "pdf", "both", "all"]
    assert texts("plot", "x", "--format=s") == ["--format=svg"]
    assert texts("plot", "x", "--width", "c") == ["column"]
    assert texts("completion", "") == ["bash", "zsh", "fish"]
    assert texts("help", "ex") == ["export", "experiment"]
    assert {"schedule", "settings"} < {*texts("help", "s")}


def test_the_options_of_sweeps_are_hydras():
    known = {option for action in get_args_parser()._actions for option in action.option_strings}
    wanted = {option for option in known if option.startswith("--")}
    assert wanted - {"--shell-completion", "--config-path", "--experimental-rerun"} == {*completion.OPTIONS}
    choices = {option: action.choices for action in get_args_parser()._actions for option in action.option_strings}
    for option, values in completion.OPTION_VALUES.items():
        assert {*values} == {*choices[option]}


@pytest.mark.parametrize("key", VALUES)
def test_the_words_offered_for_a_setting_are_accepted(key, nnsweep, study):
    (study / "table.csv").write_text("a,b\n" + "".join(f"{n * 7 % 11},{n % 2}\n" for n in range(40)))
    given = ["data=table", "data.path=table.csv", "data.target=b"] if key.startswith("data.") else ["data=iris"]
    for value in VALUES[key]:
        assert nnsweep(f"{key}={value}", *given, "dry_run=true").code == 0


def test_offered_experiments_and_runs_come_from_the_local_store(nnsweep, study):
    assert nnsweep("data=iris", "trainer.epochs=1", "tracking.experiment=one", "tracking.pictures=false").code == 0
    (sweep,) = (study / "multirun").iterdir()
    assert texts("report", "") == ["one"]
    assert texts("export", "o") == ["one"]
    assert texts("plot", "--uri", "sqlite:///none.db", "") == []
    assert texts("report", "one", "--sweep", "2") == [sweep.name]
    assert texts("report", "one", "--measure", "") == ["accuracy", "cost"]
    assert texts("reproduce", "") == texts("diff", "x", "iris-") == ["iris-32-relu-cosine-s0"]
    assert texts("reproduce", "x", "--experiment", "") == ["one"]
    assert texts("diff", "%") == []


@pytest.mark.parametrize("content", [b"", b"no database" * 100, None])
def test_unreadable_store_offers_nothing_and_is_left_alone(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is None:
        with closing(sqlite3.connect("mlflow.db")) as other:
            other.execute("CREATE TABLE other (name)")
    else:
        (tmp_path / "mlflow.db").write_bytes(content)
    before = (tmp_path / "mlflow.db").read_bytes()
    assert texts("report", "") == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"mlflow.db": before}


def test_no_store_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert texts("report", "") == []
    assert [*tmp_path.iterdir()] == []


# ---- how it is asked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nnsweep a", ["nnsweep", "a"]),
        ("nnsweep a ", ["nnsweep", "a", ""]),
        ("nnsweep 'a b' \"c ", ["nnsweep", "a b", "c "]),
        ("nnsweep a\\ b", ["nnsweep", "a b"]),
        ("nnsweep it's", ["nnsweep", "its"]),
    ],
)
def test_unfinished_line_is_split_as_a_shell_would(line, words):
    assert read_words(line)[0] == words


def test_bash_gets_the_rest_of_a_word_and_quoted_words_whole():
    assert answer_shell("bash", ["nnsweep arch=sh", " =:"]).split("\t")[1] == "shallow"
    assert answer_shell("bash", ["nnsweep 'arch=sh", " =:"]).split("\t")[1] == "arch=shallow"
    assert answer_shell("bash", ["nnsweep arch=sh", " "]).split("\t")[1] == "arch=shallow"
    assert answer_shell("bash", ["nnsweep data.path=some/fi", " =:"]) == "file\tsome/fi\t\n"


def test_a_word_at_which_a_shell_would_stumble_is_not_offered(tmp_path):
    (tmp_path / "arch").mkdir()
    (tmp_path / "arch" / "two\nlines.yaml").write_text("name: a\n")
    assert "two" not in answer_shell("zsh", ["--config-dir", str(tmp_path), "arch="])


def test_completion_is_quick_and_imports_nothing_slow(tmp_path):
    code = (
        "import sys; from nnsweep.cli.main import main; "
        "main(['completion', 'zsh', '--', *sys.argv[1:]]); "
        "print(*sorted({'mlflow', 'pandas', 'sklearn', 'numpy', 'matplotlib', 'pydantic'} & set(sys.modules)))"
    )
    for words in (["arch="], ["trainer."], ["export", "--"], ["report", ""]):
        command = [sys.executable, "-c", code, *words]
        spent = []
        for _ in range(3):
            before = time.perf_counter()
            said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
            spent.append(time.perf_counter() - before)
        assert said.stdout.splitlines()[-1:] == [""]
        assert min(spent) < 1.0  # 0.15 s on an idle machine


def test_what_is_no_shell_is_told_in_a_line(nnsweep):
    said = nnsweep("completion", "tcsh")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "'bash', 'zsh', 'fish'" in said.err


# ---- real shells


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Give a working folder with a program `nnsweep`, which is this checkout's, and files to be completed."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "bin").mkdir()
    program = folder / "bin" / "nnsweep"
    paths = os.pathsep.join(filter(None, sys.path))
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{paths}" exec "{sys.executable}" -m nnsweep "$@"\n')
    program.chmod(0o755)
    (folder / "own conf" / "arch").mkdir(parents=True)
    (folder / "own conf" / "arch" / "mine.yaml").write_text("name: mine\nhidden_layer_sizes: [3]\n")
    (folder / "table one.csv").write_text("a,b\n")
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "HOME": str(folder), "TERM": "dumb", "PS1": "> ", "OMP_NUM_THREADS": "1"}


START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(nnsweep completion bash)"; bind "set bell-style none"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(nnsweep completion zsh)"'),
    "fish": (["fish", "--no-config", "--interactive"], "nnsweep completion fish | source"),
}


class Terminal:
    """A shell at a terminal, which sees what is typed and shows what comes."""

    def __init__(self, shell: str, folder: Path) -> None:
        program, start = START[shell]
        self.seen = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(program[0], program, environment(folder))
        self.type(f"{start}; echo rea''dy\r")
        self.until("ready")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, wanted: str, seconds: float = 30.0) -> str:
        """Wait until something is shown, and give all that has been since the last time."""
        end = time.monotonic() + seconds
        while wanted not in _plain(self.seen):
            left = end - time.monotonic()
            assert left > 0, f"{wanted!r} was not shown, but {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
        shown, self.seen = _plain(self.seen), ""
        return shown

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


def _plain(shown: str) -> str:
    """Take out what moves the cursor and sets colours; what was deleted again is left."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r|\x08|\x07", "", shown)


@pytest.fixture(scope="module", params=["bash", "zsh"])
def terminal(request, folder):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    opened = Terminal(request.param, folder)
    yield opened
    opened.close()


TYPED = [  # what is typed before the Tab key, and what the line then is
    ("nnsweep compl", "nnsweep completion "),
    ("nnsweep arch=sh", "nnsweep arch=shallow "),
    ("nnsweep arch=shallow,wi", "nnsweep arch=shallow,wide "),
    ("nnsweep trainer.ep", "nnsweep trainer.epochs="),
    ("nnsweep arch=uniform arch.w", "nnsweep arch=uniform arch.width="),
    ("nnsweep --config-dir 'own conf' arch=mi", "nnsweep --config-dir 'own conf' arch=mine "),
    ("nnsweep export x --outp", "nnsweep export x --output "),
    ("nnsweep plot x --format sv", "nnsweep plot x --format svg "),
    ("nnsweep verify tab", "nnsweep verify table\\ one.csv "),
    ("nnsweep data.path=tab", "nnsweep data.path=table\\ one.csv "),
    ("nnsweep --config-dir ow", "nnsweep --config-dir own\\ conf/"),
    ("bin/nnsweep activation=gel", "bin/nnsweep activation=gelu "),
]


@pytest.mark.parametrize(("typed", "line"), TYPED)
def test_the_tab_key_completes_a_line(typed, line, terminal):
    terminal.type(f"{typed}\t")
    terminal.until(line[len(typed) :].rstrip())
    terminal.type("\x01printf '[%s]' \x05 END\r")  # the shell tells which words it now has
    told = terminal.until("[END]").splitlines()[-1]
    wanted = "".join(f"[{word}]" for word in [*shlex.split(line), "END"])
    assert wanted.replace("/]", "]") in told.replace("/]", "]")  # zsh takes a slash back before a space


@pytest.fixture(scope="module")
def fish(folder):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")

    def offered(line: str) -> list[str]:
        code = f"nnsweep completion fish | source; complete -C {line!r}"
        said = subprocess.run(
            ["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True, cwd=folder,
            env=environment(folder),
        )  # fmt: skip
        assert said.stderr == ""
        return [line.split("\t")[0] for line in said.stdout.splitlines()]

    return offered


def test_fish_offers_the_same(fish):
    assert fish("nnsweep arch=") == [f"arch={name}" for name in list_groups([TREE])["arch"]]
    assert fish("nnsweep arch=shallow,wi") == ["arch=shallow,wide"]
    assert fish("nnsweep trainer.ep") == ["trainer.epochs="]
    assert fish('nnsweep --config-dir "own conf" arch=mi') == ["arch=mine"]
    assert {"--output", "--filter"} < {*fish("nnsweep export x --")}
    assert fish("nnsweep plot x --format s") == ["svg"]
    assert fish("nnsweep verify tab") == ["table one.csv"]
    assert fish("nnsweep data.path=tab") == ["data.path=table one.csv"]
    assert fish("nnsweep --config-dir ow") == ["own conf/"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_one_the_shell_can_read(shell, folder):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    said = subprocess.run(
        [shell, "-n"], input=read_script(shell), capture_output=True, text=True, env=environment(folder)
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_bash_of_a_program_that_is_gone_says_nothing(folder):
    code = f"{read_script('bash')}\nCOMP_LINE='gone arch='; COMP_POINT=10; COMP_WORDS=(gone arch =); COMP_CWORD=2\n"
    said = subprocess.run(
        ["bash", "--norc", "-c", f"{code}_nnsweep_complete; echo ${{#COMPREPLY[@]}}"],
        capture_output=True, text=True, check=True, env=environment(folder),
    )  # fmt: skip
    assert (said.stdout, said.stderr) == ("0\n", "")
