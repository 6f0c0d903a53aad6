"""Secrets are planted wherever a user may have them; then every byte written or printed is searched for them."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.outside import QUICK, Said, begin_python, ended, fork_eager, free_port, n_points, run_forked, wait_until

JOB = ("data=iris", "trainer.epochs=5", "sweep.workers=1", QUICK)
LONG = ("data=iris", "trainer.epochs=10000000", "sweep.workers=1", QUICK)

IN_ADDRESSES = {"user": "canary-user-01", "password": "canary/pass@word-02", "query": "canary-query-03"}
IN_ENVIRONMENT = {
    "MLFLOW_TRACKING_PASSWORD": "canary-env-04",
    "MLFLOW_TRACKING_TOKEN": "canary-env-05",
    "AWS_SECRET_ACCESS_KEY": "canary+env/06",
    "AWS_SESSION_TOKEN": "canary-env-07",
    "GITHUB_TOKEN": "canary-env-08",
    "MY_API_KEY": "canary-env-09",
    "DB_PASSPHRASE": "canary env 10",
    "SERVICE_CREDENTIALS": "canary-env-11",
}
IN_SHAPES = (
    "AKIA" + "CANARY1200000000",
    "ghp_" + "canary13canary13canary13",
    "github_pat_" + "canary14canary14canary14",
    "glpat-" + "canary15canary15cana",
    "sk-" + "canary16canary16canary16",
    "xoxb-" + "canary17-canary17",
    "eyJ" + "canary18canary18.canary18canary18.canary18",
)
IN_OVERRIDES = ("canary-override-19", "canary-override-20")
SECRETS = (*IN_ADDRESSES.values(), *IN_ENVIRONMENT.values(), *IN_SHAPES, *IN_OVERRIDES)


def test_twenty_secrets_are_planted():
    assert len(set(SECRETS)) == 20


def with_user(address: str) -> str:
    return address.replace("://", f"://{IN_ADDRESSES['user']}:{IN_ADDRESSES['password'].replace('/', '%2F')}@")


def with_query(address: str) -> str:
    return f"{address}/?token={IN_ADDRESSES['query']}"


def assert_nothing_leaked(folder: Path, said: Said) -> None:
    """Search all files of a folder but the user's own, and what was printed."""
    files = (path for path in folder.rglob("*") if path.is_file() and "own" not in path.parts)
    written = {
        str(path.relative_to(folder)): str(path.relative_to(folder)).encode() + path.read_bytes() for path in files
    }
    assert_not_in({**written, "standard output": said.out.encode(), "standard error": said.err.encode()})


def assert_not_in(texts: dict[str, bytes]) -> None:
    forms = {form.encode() for secret in SECRETS for form in (secret, secret.replace("/", "%2F"))}
    leaks = [(name, form.decode()) for name, text in texts.items() for form in forms if form in text]
    assert leaks == []


@pytest.fixture
def secret_environment(monkeypatch):
    for name, value in IN_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


# ---- sweeps that end well, or are interrupted, on a server whose address has a password


def ways(folder: Path, address: str) -> dict[str, tuple[tuple[str, ...], dict[str, str]]]:
    """Give the ways in which a user may name a store: arguments, and the environment."""
    own = folder / "own"
    (own / "experiment").mkdir(parents=True)
    (own / "experiment" / "mine.yaml").write_text(f"# @package _global_\ntracking:\n  uri: {address}\n")
    return {
        "command line": ((f"tracking.uri={address}",), {}),
        "environment": ((), {"MLFLOW_TRACKING_URI": address}),
        "resolver": (("tracking.uri=${oc.env:STORE}",), {"STORE": address}),
        "own file": (("--config-dir", "own", "experiment=mine"), {}),
    }


def test_a_sweep_and_what_is_made_of_it_leak_nothing(server, nnsweep, study, secret_environment, monkeypatch):
    address = with_user(server.uri)
    said = []
    for seed, (arguments, environment) in enumerate(ways(study, address).values()):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            said.append(nnsweep(*JOB, *arguments, f"seed={seed}", "tracking.experiment=read"))
    where = ("--uri", address)
    said += [
        nnsweep("export", "read", "--output", "table.csv", *where),
        nnsweep("report", "read", "--output", "report.html", *where),
        nnsweep("report", "read", *where),
        nnsweep("plot", "read", "--format", "both", *where),
        nnsweep("verify", "table.csv", *where),
    ]
    ids = [line.rsplit(",", 3)[1] for line in (study / "table.csv").read_text().splitlines()[1:]]
    assert len(ids) == 4
    said += [nnsweep("diff", *ids[:2], *where), nnsweep("reproduce", ids[0], *where)]
    sweep = next((study / "multirun").iterdir())
    said += [nnsweep("register", sweep.name, *where), nnsweep("save", ids[0], "-o", "model", *where)]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    said.append(nnsweep("verify", "table.csv"))
    assert [one.code for one in said] == [0] * len(said), said
    assert_nothing_leaked(study, Said(0, "".join(one.out for one in said), "".join(one.err for one in said)))
    assert_nothing_leaked(server.folder, Said(0, "", ""))


def test_an_interrupted_sweep_and_its_sync_leak_nothing(server, tmp_path, secret_environment):
    address = with_user(server.uri)
    sweep = fork_eager(tmp_path, *LONG, f"tracking.uri={address}", "tracking.experiment=interrupted")
    wait_until(lambda: n_points(server.database, "interrupted") > 0, "the first points")
    os.killpg(sweep.pid, signal.SIGINT)
    said = ended(sweep)
    assert said.code == 130
    synced = run_forked(tmp_path, "sync", "multirun", "--uri", address)
    exported = run_forked(tmp_path, "export", "interrupted", "--uri", address, "--output", "table.csv")
    assert (synced.code, exported.code) == (0, 0)
    assert_nothing_leaked(tmp_path, Said(0, *map("".join, zip(said[1:], synced[1:], exported[1:], strict=True))))


# ---- jobs that fail, and say why


_FAILING = """
import os, sys
from nnsweep.jobs import worker

def fail(*_, **__):
    raise RuntimeError(os.environ["SAYS"])

worker.train = fail
from nnsweep.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
_SAYS = "\n".join(
    [
        f"cannot reach {with_user('postgresql://host/db')}",
        f"cannot reach {with_query('https://host')}",
        *IN_ENVIRONMENT.values(),
        *IN_SHAPES,
        *(f"password={secret}" for secret in IN_OVERRIDES),
    ]
)


def failed(folder: Path, *arguments: str) -> Said:
    said = ended(begin_python(folder, "-c", _FAILING, *JOB, *arguments, SAYS=_SAYS, **IN_ENVIRONMENT))
    assert said.code == 3
    assert "RuntimeError" in said.out
    return said


def without_logs(folder: Path) -> Path:
    for path in folder.rglob("*.log"):
        path.unlink()
    return folder


@pytest.mark.parametrize("launcher", ["stacked", pytest.param("basic", marks=pytest.mark.soak)])
def test_what_a_failing_job_says_is_masked_in_its_records(study, launcher):
    said = failed(study, f"hydra/launcher={launcher}", "seed=0,1")
    assert_nothing_leaked(without_logs(study), said)


def test_what_a_failing_job_says_is_masked_in_its_log(study):
    said = failed(study)
    assert_nothing_leaked(study, said)


# ---- what is refused: in this process, because nothing runs


REFUSED = [
    (f"+db.password={IN_OVERRIDES[0]}",),
    (f"+api_key={IN_OVERRIDES[0]}",),
    (f"tracking.token={IN_OVERRIDES[0]}",),
    (f"hydra.job.env_set.API_TOKEN={IN_OVERRIDES[0]}",),
    (f"+hydra.job.env_set={{DB_PASSWORD: {IN_OVERRIDES[1]}}}",),
    (f"hydra.job.env_set.DB_PASSWORD='{IN_OVERRIDES[0]} {IN_OVERRIDES[1]}'",),
    *((f"arch={shape}",) for shape in IN_SHAPES[:5]),
    (f"seed={IN_SHAPES[0]}",),
    (f"trainer.epochs={IN_SHAPES[1]}", f"optimizer.learning_rate={IN_SHAPES[2]}"),
    (f"data.{IN_SHAPES[3]}=1",),
    (f"--config-dir={IN_SHAPES[1]}",),
    (f"sweep.exclude='{IN_SHAPES[1]} > 3'",),
    (f"hydra.sweep.subdir=../{IN_SHAPES[0]}",),
    (IN_SHAPES[1],),
]


@pytest.mark.parametrize("arguments", REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_does_not_repeat_a_secret(nnsweep, study, secret_environment, arguments):
    said = nnsweep(*JOB, *arguments) if "=" in arguments[0] else nnsweep(*arguments)
    assert said.code == 2
    assert_nothing_leaked(study, said)


def addresses() -> list[str]:
    here = f"http://127.0.0.1:{free_port()}"
    databases = ("postgresql://127.0.0.1:1/db", "mysql+pymysql://127.0.0.1:1/db", "mssql://127.0.0.1:1/db")
    return [with_user(here), with_query(here), *map(with_user, databases), with_user("ftp://127.0.0.1/db")]


COMMANDS = [
    JOB,
    (*JOB, "dry_run=true"),
    ("sync", "."),
    ("export", "nnsweep"),
    ("report", "nnsweep"),
    ("diff", "a", "b"),
    ("register", "a"),
    ("predict", "a", "b.csv"),
    ("doctor",),
]


def unreachable() -> list[Any]:
    """Give each address with a sweep, and each command with the first address; all pairs are for `soak`."""
    everything = [(address, command) for address in addresses() for command in COMMANDS]
    first = everything[0][0]
    return [
        pytest.param(
            address,
            command,
            id=f"{address.split(':')[0]}-{command[-1] if '=' in command[0] else command[0]}",
            marks=() if command is JOB or address == first else pytest.mark.soak,
        )
        for address, command in everything
    ]


@pytest.mark.parametrize(("address", "command"), unreachable())
def test_a_store_out_of_reach_is_told_without_its_secrets(
    nnsweep, study, secret_environment, monkeypatch, address, command
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    said = nnsweep(*command)
    assert said.code in (0, 2, 5)
    assert "Traceback" not in said.err
    assert_nothing_leaked(study, said)
    named = nnsweep(*command, *((f"tracking.uri={address}",) if "=" in command[0] else ("--uri", address)))
    assert named.code in (0, 2, 5)
    assert_nothing_leaked(study, named)
