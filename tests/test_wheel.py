"""The same commands work from a built wheel, in an empty folder."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import nnsweep

CHECKOUT = Path(nnsweep.__file__).parents[1]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    said = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with what the wheel, built from the source distribution, holds."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        pytest.skip("this is not a checkout: there is nothing to build")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", CHECKOUT, cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    target = folder / "installed"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel, cwd=folder)
    return target


def test_the_wheel_has_its_configurations_and_its_plugin(installed):
    names = {str(path.relative_to(installed)) for path in installed.rglob("*.*")}
    shipped = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "conf").rglob("*.yaml")}
    assert {f"nnsweep/{name}" for name in shipped} <= names
    assert {"hydra_plugins/nnsweep_plugins/grid_sweeper.py", "nnsweep/py.typed"} <= names
    files = (path for path in (CHECKOUT / "nnsweep" / "templates").rglob("*") if path.is_file())
    assert {str(path.relative_to(CHECKOUT)) for path in files} <= {
        str(path.relative_to(installed)) for path in installed.rglob("*")
    }
    assert not {name for name in names if name.startswith(("tests", "experiments", "conf"))}


def test_the_source_has_what_runs_its_tests_and_nothing_stray(installed):
    (source,) = (installed.parent / "dist").glob("*.tar.gz")
    with tarfile.open(source) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"tests/conftest.py", "docs/index.md", "experiments/README.md", "constraints.txt"} - names == set()
    if (CHECKOUT / ".git").exists():
        kept = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=CHECKOUT)
        assert names - {*kept.splitlines()} == {"PKG-INFO"}


def test_a_sweep_runs_from_the_wheel_in_an_empty_folder(installed, tmp_path):
    where = run(
        sys.executable,
        "-c",
        "from nnsweep.jobs.conf_tree import conf_dir; print(conf_dir())",
        cwd=tmp_path,
        PYTHONPATH=str(installed),
    )
    assert Path(where.strip()) == installed / "nnsweep" / "conf"
    said = run(
        sys.executable, "-m", "nnsweep", "-m", "arch=linear,shallow", "data=iris", "trainer.epochs=2",
        cwd=tmp_path, PYTHONPATH=str(installed),
    )  # fmt: skip
    assert "2 jobs: 2 finished" in said
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlartifacts", "multirun"}
