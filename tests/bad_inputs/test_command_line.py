"""Commands, options, and what export and ui are asked for."""

import os

import pytest

TAB = {"mine/arch/bad.yaml": "name: bad\n\thidden_layer_sizes: [3]\n"}
LONG = "x" * 300
EXPORT = ["export", "Default"]
BAD = [
    ("a misspelt command", "exprt", "exprt: there is no such command; did you mean 'export'?"),
    ("a command of another case", ["Export", "x"], "Export: there is no such command"),
    ("a command that does not exist", "sweep", "sweep: there is no such command; nnsweep --help lists them all"),
    ("a key without a value", "seed", "seed: is a setting; write seed=VALUE"),
    ("a key without a value after others", ["data=iris", "epochs"], "epochs: is a setting; write trainer.epochs=VALUE"),
    ("a group without a choice", ["arch", "shallow"], "arch: is a group of choices; write arch=custom, or another"),
    ("a choice without its group", "shallow", "shallow: is a choice; write arch=shallow"),
    ("a choice of two groups", "sigmoid", "sigmoid: is a choice; write activation=sigmoid or schedule=sigmoid"),
    ("a table without a key", "my.csv", "my.csv: is a file; a table is read with data=table data.path=my.csv"),
    ("a table as data", "data=my.csv.gz", "data=my.csv.gz: is a file; a table is read with data=table"),
    ("a key without its group", "epochs=5", "epochs: there is no such key; did you mean trainer.epochs?"),
    ("a choice with dashes", "--arch=shallow", "unrecognized arguments: --arch=shallow; write arch=shallow"),
    ("nothing in quotes", "", "cannot be read"),
    ("a key with a NUL", "a\0b=1", "a\\x00b: holds a NUL"),
    ("a group without a name", "+@=", "+@="),
    ("an unknown option", "--nosuch", "--nosuch"),
    ("an unknown short option", "-x", "-x"),
    ("an unknown way to show", ["--cfg", "x"], "--cfg"),
    ("an unknown thing to tell", ["--info", "x"], "--info"),
    ("two modes at once", ["-m", "--cfg", "job"], "Only one of --run, --multirun"),
    ("resolving nothing", "--resolve", "--resolve"),
    ("a completion without its verb", "--shell-completion", "--shell-completion"),
    ("another main file", ["--config-name", "nosuch"], "'nosuch'"),
    ("another place of the main file", ["--config-path", "nosuch"], "nosuch"),
    ("export: no experiment", "export", "Missing argument 'EXPERIMENT'; nnsweep help export"),
    ("export: an unknown experiment", ["export", "nothing"], "there is no experiment 'nothing'"),
    ("export: an experiment without a name", ["export", ""], "there is no experiment ''"),
    ("export: an experiment with a NUL", ["export", "a\0b"], "there is no experiment 'a\\x00b'"),
    ("export: an experiment with half a character", ["export", "a\udcff"], "there is no experiment 'a\\udcff'"),
    ("export: two experiments", [*EXPORT, "other"], "other"),
    ("export: an unknown option", [*EXPORT, "--nosuch"], "--nosuch"),
    ("export: an option without its value", [*EXPORT, "--format"], "--format"),
    ("export: an unknown format", [*EXPORT, "--format", "xlsx"], "format: unknown name 'xlsx'"),
    ("export: a misspelt format", [*EXPORT, "--format", "jsn"], "did you mean 'json'?"),
    ("export: a suffix of another format", [*EXPORT, "-o", "table.xlsx"], "'table.xlsx'"),
    ("export: no suffix", [*EXPORT, "-o", "table"], "'table'"),
    ("export: only a suffix", [*EXPORT, "-o", ".csv"], "'.csv'"),
    ("export: a folder that is not there", [*EXPORT, "-o", "nowhere/table.csv"], "there is no folder nowhere"),
    (
        "export: a folder in its place",
        [*EXPORT, "-o", "table.csv"],
        "table.csv: it is a folder",
        2,
        {"table.csv/x": ""},
    ),
    ("export: below a device", [*EXPORT, "-o", "/dev/null/table.csv"], "/dev/null/table.csv"),
    ("export: below a file", [*EXPORT, "-o", "mlflow.db/table.csv"], "mlflow.db/table.csv"),
    ("export: a file with a NUL", [*EXPORT, "-o", "a\0.csv"], "a\\x00.csv: no file can have this name"),
    (
        "export: a file with half a character",
        [*EXPORT, "-o", "a\ud800.csv"],
        "a\\ud800.csv: no file can have this name",
    ),
    ("export: a file with too long a name", [*EXPORT, "-o", f"{LONG}.csv"], "no file can have this name"),
    ("verify: no manifest", ["verify", "none.csv"], "none.csv has no manifest"),
    ("verify: a name that no file can have", ["verify", f"{LONG}.csv"], "no file can have this name"),
    ("reproduce: no such run", ["reproduce", "none"], "there is no run 'none'"),
    ("reproduce: no such experiment", ["reproduce", "none", "--experiment", "x"], "there is no experiment 'x'"),
    ("reproduce: half a character", ["reproduce", "a\ud800"], "there is no run 'a\\ud800'"),
    ("diff: half a character", ["diff", "a", "b", "--experiment", "a\ud800"], "no text can have half a character"),
    ("diff: one run", ["diff", "none"], "Missing argument 'RUN'"),
    ("export: half a rule", [*EXPORT, "--filter", "depth >"], "rule 'depth >'"),
    (
        "export: a rule with an unknown name",
        [*EXPORT, "--filter", "nme == 'x'"],
        "unknown name 'nme'; did you mean 'name'?",
    ),
    ("export: a rule that calls", [*EXPORT, "--filter", "name.upper()"], "`name.upper()` is not allowed"),
    ("export: a rule that imports", [*EXPORT, "--filter", "__import__('os')"], "is not allowed"),
    ("export: a rule of brackets", [*EXPORT, "--filter", "(" * 300], "rule '((("),
    ("export: a rule that is too long", [*EXPORT, "--filter", "x" * 3000], "3000 characters long"),
    ("export: a rule with a NUL", [*EXPORT, "--filter", "a\0"], "rule 'a\\x00'"),
    (
        "export: sorted by an unknown column",
        [*EXPORT, "--sort", "nme"],
        "sort: unknown name 'nme'; did you",
    ),
    ("export: sorted by nothing", [*EXPORT, "--sort", "-"], "unknown name ''"),
    ("export: unknown columns, each told", [*EXPORT, "--columns", "nme,name,stat"], ["'nme'", "'stat'"]),
    ("export: columns without names", [*EXPORT, "--columns", ","], "unknown name ''"),
    ("export: a store of no kind", [*EXPORT, "--uri", "nonsense"], "tracking.uri=nonsense: must be sqlite:///FILE"),
    ("export: a store that is not there", [*EXPORT, "--uri", "sqlite:///none.db"], "none.db yet", 5),
    ("export: a store that is a folder", [*EXPORT, "--uri", "sqlite:///"], "it is not a file", 5),
    ("export: a server that is not there", [*EXPORT, "--uri", "http://127.0.0.1:9"], "http://127.0.0.1:9", 5),
    (
        "report: a fragment without a file",
        ["report", "x", "--fragment"],
        "--fragment is for a file: name it",
    ),
    (
        "report: pictures without a file",
        ["report", "x", "--pictures"],
        "--pictures is for a file: name it",
    ),
    ("ui: a port that is a word", ["ui", "--port", "x"], ["--port", "'x'"]),
    ("ui: a port below all", ["ui", "--port", "-1"], ["--port", "-1"]),
    ("ui: a port of zero", ["ui", "--port", "0"], ["--port", "0"]),
    ("ui: a port above all", ["ui", "--port", "65536"], ["--port", "65536"]),
    ("ui: an argument", ["ui", "extra"], "extra"),
    ("ui: a store of no kind", ["ui", "--uri", "nonsense"], "tracking.uri=nonsense"),
    ("ui: a store that is not there", ["ui", "--uri", "sqlite:///none.db"], "none.db yet", 5),
    ("ui: a store that is a text", ["ui", "--uri", "sqlite:///a.txt"], "a.txt cannot be read", 5, {"a.txt": "x" * 999}),
]
REAL = [
    ("a value in a grid", "optimizer.learning_rate=0.1,0", "optimizer.learning_rate=0: must be > 0"),
    ("a folder of one's own", ["--config-dir", "mine", "arch=bad"], "mine/arch/bad.yaml:2:", 2, TAB),
    ("data", ["data=wine", "data.val_fraction=0.999"], "data.val_fraction=0.999", 4),
    ("a store", "tracking.uri=sqlite:////dev/null/mlflow.db", "/dev/null/mlflow.db", 5),
    ("an experiment", ["export", "nothing"], "there is no experiment 'nothing'"),
]


@pytest.fixture(autouse=True)
def _no_other_program(monkeypatch):
    """Stay in this process, where `ui` would become a server."""
    monkeypatch.setattr(os, "execv", lambda *arguments: pytest.fail(f"started {arguments}"))


def test_a_bad_command_line_is_refused(bad, refused):
    refused(bad)


@pytest.mark.parametrize("name", [name for name, *_ in REAL])
def test_a_process_of_its_own_says_the_same(name, processes):
    processes[name]()
