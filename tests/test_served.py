"""A model that has left: MLflow serves it in a process that cannot import nnsweep, and real requests come."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pandas as pd
import pytest

from nnsweep.data.load import load
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.store import find_store
from tests.outside import free_port, wait_until

BLOCKED = "import sys\nsys.modules['nnsweep'] = None\n"
LOADED = """
import json, sys
import mlflow, pandas
assert sys.modules["nnsweep"] is None
frame = pandas.read_csv(sys.argv[1])
for address in sys.argv[2:]:
    print(json.dumps(mlflow.pyfunc.load_model(address).predict(frame).to_dict("records")))
assert "mlflow" in sys.modules and not [name for name in sys.modules if name.startswith("nnsweep.")]
"""


@pytest.fixture
def abroad(study):
    """Give the environment of a process that cannot import nnsweep, and unpickles nothing."""
    (study / "abroad").mkdir()
    (study / "abroad" / "sitecustomize.py").write_text(BLOCKED)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))}
    return {
        **kept,
        "PATH": os.pathsep.join(
            [os.path.dirname(sys.executable), os.environ["PATH"]]
        ),  # MLflow looks there for uvicorn
        "PYTHONPATH": str(study / "abroad"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{study}/mlflow.db",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }


def write_iris(study):
    """Write a table of flowers to predict."""
    iris = load("iris", val_fraction=0.1)
    names = [column.name for column in iris.preparation.columns]
    pd.DataFrame(iris.test.X + 3, columns=names).to_csv(study / "flowers.csv", index=False)
    return ["data=iris"]


def write_petals(study):
    """Write tables whose petals are to be told from the sepals: to learn from, and to predict."""
    iris = load("iris", val_fraction=0.1)
    names = [column.name.removesuffix(" (cm)") for column in iris.preparation.columns]
    pd.DataFrame(iris.train.X, columns=names).to_csv(study / "petals.csv", index=False)
    pd.DataFrame(iris.test.X[:, :2], columns=names[:2]).to_csv(study / "flowers.csv", index=False)
    return ["data=table", "data.path=petals.csv", "data.target=[petal length,petal width]"]


@pytest.fixture(params=[write_iris, write_petals])
def told(request, nnsweep, study, monkeypatch):
    """Train a network and register it; give a table, and what `nnsweep predict` says of it."""
    monkeypatch.setenv("NNSWEEP_CACHE", str(study / "cache"))
    said = nnsweep(*request.param(study), "trainer.epochs=20", "tracking.pictures=false")
    assert said.code == 0, said.err
    (folder,) = (study / "multirun").iterdir()
    assert nnsweep("register", folder.name, "--name", "flowers").code == 0
    (record,) = find_job_runs(find_store(f"sqlite:///{study}/mlflow.db", "nnsweep"))
    assert nnsweep("predict", record.run_id, "flowers.csv", "-o", "told.json").code == 0
    return pd.read_csv(study / "flowers.csv"), json.loads((study / "told.json").read_text())


@pytest.fixture
def served(study, abroad, told) -> Iterator[str]:
    """Serve the registered model on loopback; give its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/flowers@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    with open(study / "serve.log", "w") as log:
        server = subprocess.Popen(command, env=abroad, cwd=study, stdout=log, stderr=log, start_new_session=True)

    def answers() -> bool:
        assert server.poll() is None, (study / "serve.log").read_text()[-2000:]
        return is_open(port)

    try:
        wait_until(answers, "the served model", 120)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
        wait_until(lambda: not is_open(port), "a closed port", 30)


def is_open(port):
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def ask(address, question):
    request = urllib.request.Request(address, json.dumps(question).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def test_served_model_matches_nnsweep_predict_bit_for_bit(served, told):
    frame, wanted = told
    assert ask(served, {"dataframe_split": frame.to_dict("split")}) == wanted
    assert ask(served, {"dataframe_records": frame.iloc[:, ::-1].to_dict("records")}) == wanted
    (answer,) = ask(served, {"dataframe_records": [{**frame.iloc[0].round().astype(int).to_dict(), "more": "x"}]})
    assert answer.keys() == wanted[0].keys()
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(served, {"dataframe_records": [{frame.columns[0]: 1.0}]})
    with refused.value as answer:
        assert (answer.code, "missing inputs" in json.load(answer)["message"]) == (400, True)


def test_model_loads_without_nnsweep_from_each_of_its_addresses(study, abroad, told):
    store = find_store(f"sqlite:///{study}/mlflow.db", "nnsweep")
    (record,) = find_job_runs(store)
    (model,) = (study / "mlartifacts" / "models").iterdir()
    addresses = [
        "models:/flowers@champion",
        "models:/flowers/1",
        f"models:/{model.name}",
        f"runs:/{record.run_id}/model",
    ]
    said = subprocess.run(
        [sys.executable, "-c", LOADED, "flowers.csv", *addresses],
        env=abroad, cwd=study, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "Warning" not in said.stderr
    assert [json.loads(line) for line in said.stdout.splitlines()] == 4 * [told[1]]
