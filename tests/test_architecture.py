"""The rooms and the arrows between them, read from the imports."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnsweep
from nnsweep.cli.main import main
from tests.conftest import LONGEST

PACKAGE = Path(nnsweep.__file__).parent
LEAVES = {"errors", "files", "filters", "flock", "scratch", "streams", "text"}
KNOWS = {  # room: the rooms that it may import
    "mlp": {"mlp"},
    "data": {"data", "mlp", *LEAVES},
    "model": {"model", "data", "mlp", *LEAVES},
    "tracking": {"tracking", "model", "data", "mlp", *LEAVES},
    "results": {"results", "tracking", "mlp", *LEAVES},
    "jobs": {"jobs", "results", "tracking", "model", "data", "mlp", *LEAVES},
    "estimator": {"estimator", "jobs", "data", "mlp", *LEAVES},
    "api": {"api", "jobs", "results", "tracking", "model", "data", "mlp", *LEAVES},
    "cli": {"cli", "api", "jobs", "results", "tracking", "model", "data", "mlp", *LEAVES},
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


def test_the_results_know_of_the_network_only_its_measures():
    known = {name for file in modules("results") for name in imports(file) if name.startswith("nnsweep.mlp")}
    assert {name.rpartition(".")[0] for name in known} == {"nnsweep.mlp.measures"}


def test_the_network_knows_numpy_scipy_and_marks_of_types():
    known = {name.split(".")[0] for file in modules("mlp") for name in imports(file)}
    assert known - set(sys.stdlib_module_names) == {"numpy", "scipy", "annotated_types", "nnsweep"}


@pytest.mark.parametrize(
    ("library", "door"),
    [("mlflow", {"tracking"}), ("hydra", {"cli", "jobs"}), ("omegaconf", {"jobs"})],
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
JOBS = ("arch=linear,shallow", "trainer.epochs=2")
_SWEEP = """
import sys
from nnsweep.cli.main import main
from nnsweep.jobs import worker

before, trained = [], worker.train

def look(*given, **named):
    before.extend([] if before else sys.modules)
    return trained(*given, **named)

worker.train = look
code = main(sys.argv[1:])
print("MODULES", *(before or sys.modules))
print("AFTER", *sys.modules)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def swept(new_study) -> Path:
    """Give a folder with a store and a sweep's runs."""
    with new_study("swept") as folder:
        assert main(["-m", *JOBS]) == 0
    return folder


@pytest.mark.parametrize("words", [["dry_run=true"], ["rerun=all"]], ids=["planned", "trained"])
def test_nothing_slow_is_imported_before_the_first_training(words, swept):
    """A store and cached data are there; what is slow is imported by the step that needs it, and mlflow by none."""
    told = subprocess.run(
        [sys.executable, "-c", _SWEEP, "-m", *JOBS, *words], cwd=swept, capture_output=True, text=True, check=True
    )
    before, after = (line.split()[1:] for line in told.stdout.splitlines() if line.startswith(("MODULES", "AFTER")))
    assert len(before) > 500
    assert [name for name in SLOW if name in before] == []
    assert [name for name in ("mlflow", "sklearn", "scipy.stats") if name in after] == []


_AHEAD = """
import sys, time
from nnsweep.cli.main import main
from nnsweep.jobs.recorder import Recorder
from nnsweep.jobs.result import Ended

seen, taken = [], Recorder.take

def take(self, event):
    patience = time.monotonic() + 30
    while isinstance(event, Ended) and "workers=2" in sys.argv[-1] and time.monotonic() < patience:
        if "nnsweep.jobs.model_card" in sys.modules and "matplotlib" in sys.modules:
            break
        time.sleep(0.01)
    seen.append("pandas" in sys.modules)
    return taken(self, event)

Recorder.take = take
code = main(sys.argv[1:])
print("SEEN", seen[0], seen[-1])
sys.exit(code)
"""


@pytest.mark.parametrize(("n_workers", "at_last"), [(1, "False"), (2, "True")])
def test_what_the_end_needs_is_imported_while_workers_train(n_workers, at_last, swept):
    """From the first event on, and not where this process trains by itself."""
    words = ["-m", *JOBS, "rerun=all", f"sweep.workers={n_workers}"]
    told = subprocess.run([sys.executable, "-c", _AHEAD, *words], cwd=swept, capture_output=True, text=True, check=True)
    assert f"SEEN False {at_last}" in told.stdout.splitlines()


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


TWICE = {"sigmoid"}
"""Choices of two groups, which users call by one name: an activation and a schedule."""


def test_no_public_name_is_defined_in_two_modules():
    places = defaultdict(list)
    for file in PACKAGE.rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(file.relative_to(PACKAGE).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1 and name not in TWICE} == {}


def test_few_modules_lie_outside_the_rooms():
    loose = {file.stem for file in PACKAGE.glob("*.py")}
    assert loose == {"__init__", "__main__", *LEAVES}


def test_every_module_opens_with_what_it_is():
    heads = {file: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) for file in PACKAGE.rglob("*.py")}
    assert [file for file, head in heads.items() if not head] == []


def test_the_name_of_a_test_is_at_most_60_letters():
    names = [
        node.name
        for file in Path(__file__).parent.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert [name for name in names if len(name) > 60] == []


def test_the_modules_that_are_given_out_first_are_there():
    assert {*LONGEST} <= {file.name for file in Path(__file__).parent.rglob("test_*.py")}
