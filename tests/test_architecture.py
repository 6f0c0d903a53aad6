"""The rooms and the arrows between them, read from the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnsweep

PACKAGE = Path(nnsweep.__file__).parent
LEAVES = {
    "conf_tree", "errors", "messages", "masking", "palette", "files", "flock", "kernel", "rule", "scratch", "streams",
}  # fmt: skip
KNOWS = {  # room: the rooms that it may import
    "mlp": {"mlp"},
    "data": {"data", "mlp", *LEAVES},
    "model": {"model", "data", *LEAVES},
    "tracking": {"tracking", "model", "data", "mlp", *LEAVES},
    "results": {"results", "tracking", *LEAVES},
    "sweep": {"sweep", "data", "mlp", "model", "tracking", "interruption", *LEAVES},
    "estimator": {"estimator", "sweep", "data", "mlp", *LEAVES},
}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ([f"{node.module}.{alias.name}" for alias in node.names] if node.module else [])


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("room", KNOWS)
def test_a_room_imports_only_the_rooms_it_needs(room):
    known = {name.split(".")[1] for file in modules(room) for name in imports(file) if name.startswith("nnsweep.")}
    assert known - {"__version__"} <= KNOWS[room]


def test_the_results_know_of_tracking_no_more_than_its_records():
    known = {name for file in modules("results") for name in imports(file) if name.startswith("nnsweep.tracking")}
    assert {name.rpartition(".")[0] for name in known} == {"nnsweep.tracking.record"}


def test_the_network_knows_numpy_scipy_and_marks_of_types():
    known = {name.split(".")[0] for file in modules("mlp") for name in imports(file)}
    assert known - set(sys.stdlib_module_names) == {"numpy", "scipy", "annotated_types", "nnsweep"}


@pytest.mark.parametrize(
    ("library", "door"),
    [("mlflow", {"tracking"}), ("hydra", {"app", "hydra_job", "sweep"}), ("omegaconf", {"hydra_job", "sweep"})],
)
def test_a_foreign_library_has_one_door(library, door):
    users = {
        file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for file in PACKAGE.rglob("*.py")
        for name in imports(file)
        if name.split(".")[0] == library
    }
    assert users == door


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("nnsweep.mlp.history", {"sklearn", "pandas", "mlflow", "hydra"}),
        ("nnsweep.cli.main", {"sklearn", "pandas", "mlflow", "matplotlib", "pydantic"}),
        ("nnsweep.jobs.tasks", {"mlflow", "matplotlib", "sklearn"}),
        ("nnsweep.cli.commands", {"mlflow", "pandas", "matplotlib"}),
        ("nnsweep.jobs.worker", {"mlflow", "hydra", "omegaconf", "sqlalchemy", "pandas", "sklearn", "matplotlib"}),
    ],
)
def test_heavy_libraries_are_imported_late(module, absent):
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


SLOW = ("mlflow", "sklearn", "scipy.stats", "pandas", "pyarrow", "matplotlib")
_SWEEP = """
import sys
from nnsweep.cli.main import main
from nnsweep.sweep import work

before, trained = [], work.train

def look(*given, **named):
    before.extend([] if before else sys.modules)
    return trained(*given, **named)

work.train = look
code = main(sys.argv[1:])
print("MODULES", *(before or sys.modules))
print("AFTER", *sys.modules)
sys.exit(code)
"""


@pytest.mark.parametrize("words", [["dry_run=true"], ["rerun=all"]], ids=["planned", "trained"])
def test_nothing_slow_is_imported_before_the_first_network_trains(words, study, ready_store_file):
    """A store and cached data are there; what is slow is imported by the step that needs it, and mlflow by none."""
    for command in ([], words):
        told = subprocess.run(
            [sys.executable, "-c", _SWEEP, "-m", "arch=linear,shallow", "trainer.epochs=2", *command],
            capture_output=True,
            text=True,
            check=True,
        )
    before, after = (line.split()[1:] for line in told.stdout.splitlines() if line.startswith(("MODULES", "AFTER")))
    assert len(before) > 500
    assert [name for name in SLOW if name in before] == []
    assert [name for name in ("mlflow", "sklearn", "scipy.stats") if name in after] == []


def is_text_without_encoding(call: ast.Call) -> bool:
    """Tell whether a call opens a text file without naming its encoding; archives have an `open` of their own."""
    is_method = isinstance(call.func, ast.Attribute)
    named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    modes = [value for value in given if isinstance(value, str) and set(value) <= set("rwaxbt+")]
    is_open = named == "open" and (bool(modes) or not is_method) and not any("b" in mode for mode in modes)
    is_text = named in ("read_text", "write_text") or is_open
    return is_text and not any(keyword.arg == "encoding" for keyword in call.keywords)


def test_every_text_file_names_its_encoding():
    found = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_text_without_encoding(node)
    ]
    assert found == []
