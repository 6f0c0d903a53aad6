"""Models: a run's network as a folder that MLflow loads, as a logged model, and in the model registry.

MLflow loads and serves the folder without nnsweep: it holds code, an `.npz` file, and a description for MLflow. It is
written file by file. MLflow's own way looks through every installed package to find out what a model needs, which takes
longer than everything else, and notes paths of this machine. Nothing in the folder has to be unpickled.
"""

import contextlib
import json
import platform
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nnsweep.data import prepared
from nnsweep.errors import ConfigError, DataError, StoreError
from nnsweep.mlp.measures import SELECTED
from nnsweep.model import predictor
from nnsweep.model.packed import DAMAGES, PREPARATION, WEIGHTS, bundle_predictor, pack_model
from nnsweep.model.predictor import Model
from nnsweep.scratch import scratch_folder
from nnsweep.text import printable, shorten
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.artifacts import open_artifact
from nnsweep.tracking.backend import LoggedModel, find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.ensembles import MODEL
from nnsweep.tracking.query import ENSEMBLE, make_record
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

CODE = Path(__file__).with_name("served.py")
_PARTS = {"model": "model.npz", "predictor": "predictor.py", "prepared": "prepared.py"}
_TYPES = {"number": "double", "category": "string", "text": "string"}
_EXAMPLE, _REQUEST = "input_example.json", "serving_input_example.json"
CARD = "model_card.md"
"""The file of a model's folder that tells a person what the model is for."""
MODEL_FILE = "artifacts/model.npz"
"""The file of a model's folder with its network and preparation."""
LONGEST_DESCRIPTION = 5000
"""Characters that MLflow's databases keep of what is told of a model or a version."""


def save_model_folder(model: Model, folder: Path, *, run_id: str | None = None, model_id: str | None = None) -> None:
    """Write a model as a folder.

    Parameters
    ----------
    model : Model
        What is written.
    folder : Path
        Must not exist.
    run_id, model_id : str or None
        What the folder says of the run that it comes from, and of itself.
    """
    (folder / "artifacts").mkdir(parents=True)
    origin = {name: value for name, value in model.about["run"].items() if value is not None}
    example = _write_example(model.about.get("example"), folder)
    flavor = {
        "artifacts": {name: {"path": f"artifacts/{file}", "uri": f"artifacts/{file}"} for name, file in _PARTS.items()},
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": CODE.name,
        "python_version": platform.python_version(),
        "streamable": False,
    }
    description = {
        "flavors": {"python_function": flavor},
        "is_signature_from_type_hint": False,
        "metadata": {"nnsweep": origin},
        "mlflow_version": metadata.version("mlflow"),
        "model_id": model_id,
        "model_uuid": uuid.uuid4().hex,
        "prompts": None,
        **({"run_id": run_id} if run_id else {}),
        **({"saved_input_example_info": example} if example else {}),
        "signature": _signature(model),
        "type_hint_from_example": False,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }
    shutil.copyfile(CODE, folder / CODE.name)
    shutil.copyfile(str(prepared.__file__), folder / "artifacts" / _PARTS["prepared"])
    (folder / "artifacts" / _PARTS["predictor"]).write_text(bundle_predictor(), encoding="utf-8")
    with open(folder / "artifacts" / _PARTS["model"], "wb") as file:
        predictor.write(model, file)
    _write_environment(model, folder)
    if card := model.about.get("card"):
        (folder / CARD).write_text(card, encoding="utf-8")
    (folder / "MLmodel").write_text(yaml.safe_dump(description), encoding="utf-8")


def _signature(model: Model) -> dict[str, str | None]:
    """Write the columns of what goes in and of what comes out, each list as JSON within the YAML."""
    inputs = [(_TYPES[column["kind"]], column["name"]) for column in model.columns]
    outputs = [(kind, name) for name, kind in predictor.output_columns(model)]
    return {"inputs": _columns(inputs), "outputs": _columns(outputs), "params": None}


def _columns(columns: Iterable[tuple[str, str]]) -> str:
    return json.dumps([{"type": kind, "name": name, "required": True} for kind, name in columns])


def _write_example(example: dict[str, Any] | None, folder: Path) -> dict[str, str] | None:
    """Write some rows, and a request to predict them; return how MLflow describes the two files."""
    if example is None:
        return None
    (folder / _EXAMPLE).write_text(json.dumps(example), encoding="utf-8")
    (folder / _REQUEST).write_text(json.dumps({"dataframe_split": example}, indent=2), encoding="utf-8")
    return {
        "artifact_path": _EXAMPLE,
        "pandas_orient": "split",
        "serving_input_path": _REQUEST,
        "type": "dataframe",
    }


def _write_environment(model: Model, folder: Path) -> None:
    """Write the exact versions that the model was made with, in the three forms that MLflow knows."""
    names = ["mlflow", "numpy", "pandas", "scipy"]
    names += ["scikit-learn"] if any(column["kind"] == "text" for column in model.columns) else []
    needed = [f"{name}=={metadata.version(name)}" for name in names]
    python = platform.python_version()
    conda = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": needed}],
        "name": "mlflow-env",
    }
    virtualenv = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "requirements.txt").write_text("\n".join(needed) + "\n", encoding="utf-8")
    (folder / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False), encoding="utf-8")
    (folder / "python_env.yaml").write_text(yaml.safe_dump(virtualenv, sort_keys=False), encoding="utf-8")


NAME = "model"
"""What the model of a run is called, so that ``runs:/RUN/model`` finds it."""


def find_result(record: RunRecord) -> tuple[str, float | None]:
    """Find what a run is judged by on the test part: the metric, and its value if there is one.

    Examples
    --------
    >>> find_result(RunRecord(run_id="r", name="", state="finished", metrics={"test_rmse": 2.0, "test_mae": 1.5}))
    ('test_rmse', 2.0)
    """
    selected = str(record.settings.get("trainer.select") or "").replace("val_", "test_", 1)
    metrics = [selected, *(f"test_{measure}" for measure in SELECTED.values())]
    metric = next((metric for metric in metrics if metric in record.metrics), "test_accuracy")
    return metric, record.metrics.get(metric)


def make_model(store: Store, run_id: str) -> Model:
    """Make the model of a run from what the store has of it.

    Raises
    ------
    DataError
        If the run has left no weights or no preparation, or they are damaged.
    StoreError
        If the store refuses.
    """
    with explain_errors(store.uri):
        run = find_backend(store.uri).get_run(run_id)
    record = make_record(run)
    title = f"run {printable(record.name)} ({run_id})"
    origin = {
        "run_id": record.run_id,
        "name": record.name,
        "key": record.key,
        "data": str(record.settings.get("data", "")),
        "data_digest": record.data_digest,
        **dict([find_result(record)]),
        "best_epoch": record.metrics.get("best_epoch"),
    }
    if run.data.tags.get("nnsweep.kind") == ENSEMBLE:
        return _read_ensemble(store, run_id, title)
    with contextlib.ExitStack() as files:
        names = (WEIGHTS, PREPARATION, "config.yaml")
        weights, preparation, config = (files.enter_context(open_artifact(store, run_id, name)) for name in names)
        if weights is None or config is None:
            raise DataError(f"{title} has no weights (it is {record.state}); choose a run that has finished")
        if preparation is None:
            raise DataError(f"{title} has no {PREPARATION}, as an earlier version left it; run it again (rerun=all)")
        try:
            return pack_model(preparation, weights, yaml.safe_load(config.read_text(encoding="utf-8")), origin)
        except (DataError, yaml.YAMLError, UnicodeError) as error:
            raise DataError(f"{title}: {printable(str(error))}") from error


def _read_ensemble(store: Store, run_id: str, title: str) -> Model:
    """Read the model that the run of an ensemble has among its files."""
    with open_artifact(store, run_id, MODEL) as path:
        if path is None:
            raise DataError(f"{title} has no {MODEL}; make the ensemble again: nnsweep ensemble SWEEP")
        try:
            return predictor.read(path)
        except DAMAGES as error:
            what = f"{MODEL} is damaged ({printable(str(error))})"
            raise DataError(f"{title}: {what}; make the ensemble again") from error


def shorten_card(card: str, most: int = LONGEST_DESCRIPTION) -> str:
    """Give a card as MLflow can show it: without head and title, cut before the first section that makes it too long.

    Parameters
    ----------
    card : str
        What `nnsweep.results.report.model_card.write_model_card` has written.
    most : int
        The most characters.
    """
    body = card.partition("\n# ")[2].partition("\n")[2].strip()
    while len(body) > most:
        body, _, cut = body.rpartition("\n\n## ")
        if not body:
            return cut[:most]
    return body


def find_logged_model(store: Store, run_id: str) -> str | None:
    """Give the id of the model that the store has of a run, if it has a whole one."""
    with explain_errors(store.uri):
        return find_backend(store.uri).find_logged_model(store.experiment_id, run_id, NAME)


def log_model(store: Store, run_id: str, make: Callable[[], Model]) -> str:
    """Keep the model of a run in the store, beside the run; once, however often it is asked for.

    Parameters
    ----------
    store, run_id : Store, str
        The run.
    make : callable
        Gives the model, with its card; called if the store has none yet.

    Returns
    -------
    str
        The model's id: ``models:/ID`` and ``runs:/RUN_ID/model`` load it.

    Raises
    ------
    DataError
        If the run has not left what a model needs.
    StoreError
        If the store refuses; a model that was begun is no model then, and is made anew the next time.
    """
    model_id = find_logged_model(store, run_id)
    if model_id is None:
        model = make()
        with _create_logged_model(store, run_id, model) as logged, scratch_folder() as temporary:
            model_id, folder = logged.model_id, temporary / NAME
            save_model_folder(model, folder, run_id=run_id, model_id=model_id)
            with explain_errors(store.uri):
                find_backend(store.uri).log_model_artifacts(logged, folder)
    with explain_errors(store.uri):  # let MLflow show the model as what came out of the run
        backend = find_backend(store.uri)
        backend.log_outputs(run_id, model_id, int(make_record(backend.get_run(run_id)).metrics.get("best_epoch", 0)))
    return model_id


@contextlib.contextmanager
def _create_logged_model(store: Store, run_id: str, model: Model) -> Iterator[LoggedModel]:
    """Begin a model in the store: it is ready when the block ends, and has failed when the block raises."""
    about = {name: str(value) for name, value in model.about["run"].items() if value not in (None, "")}
    tags = {f"nnsweep.{name}": text for name, text in about.items() if name not in ("run_id", "name")}
    tags |= {"mlflow.note.content": shorten_card(model.about["card"])} if "card" in model.about else {}
    with explain_errors(store.uri):
        backend = find_backend(store.uri)
        logged = backend.create_logged_model(store.experiment_id, name=NAME, source_run_id=run_id, tags=tags)
    try:
        yield logged
    except BaseException:
        with contextlib.suppress(StoreError), explain_errors(store.uri):
            backend.finalize_logged_model(logged.model_id, "FAILED")
        raise
    with explain_errors(store.uri):
        backend.finalize_logged_model(logged.model_id, "READY")


class RegisteredVersion(NamedTuple):
    """A version of a registered model.

    Attributes
    ----------
    name : str
        The model's.
    version : str
        Its number.
    is_new : bool
        Whether it was not there before.
    """

    name: str
    version: str
    is_new: bool


def check_model_names(name: str, alias: str | None) -> None:
    """Refuse names that MLflow has no place for.

    Raises
    ------
    ConfigError
        Telling the rule.
    """
    if not name.strip() or re.search(r"[/:%]", name) or not name.isprintable():
        raise ConfigError(f"--name={_quote(name)}: must be printable text without / : and %; choose another name")
    if alias is not None and (not re.fullmatch(r"[\w-]{1,255}", alias) or re.fullmatch(r"latest|v\d+", alias, re.I)):
        raise ConfigError(
            f"--alias={_quote(alias)}: must be letters, digits, _ and -, and neither latest nor like v1; choose another"
        )


def _quote(text: str) -> str:
    return repr(shorten(printable(text)))


def make_model_name(experiment: str) -> str:
    """Give the name of a model that is named after its experiment.

    Examples
    --------
    >>> make_model_name("depth/width: digits")
    'depth-width- digits'
    """
    return re.sub(r"[/:%]", "-", experiment)


def register_model(
    store: Store,
    run_id: str,
    model_id: str,
    *,
    name: str,
    alias: str | None = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> RegisteredVersion:
    """Put a run's model into the registry, once, and let an alias point at it.

    Parameters
    ----------
    store : Store
        Where the model is.
    run_id, model_id : str
        The run that made it, and its id.
    name : str
        What it is registered as; made if there is no such name yet.
    alias : str or None
        Is taken from the version that has it.
    description, tags : str, mapping
        What is told of a new version.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    from mlflow.exceptions import MlflowException

    with explain_errors(store.uri):
        client = open_client(store.uri)
        versions = [one for one in client.search_model_versions(f"run_id = '{run_id}'") if one.name == name]
        if versions:
            version = str(max(int(one.version) for one in versions))
        else:
            try:
                client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            # a source "models:/ID" would be looked for in the store of the environment, which may be another
            source = client.get_logged_model(model_id).artifact_location
            created = client.create_model_version(
                name,
                source=source,
                run_id=run_id,
                tags=dict(tags or {}),
                description=description,
                model_id=model_id,
            )
            version = str(created.version)
        if alias is not None:
            client.set_registered_model_alias(name, alias, version)
    return RegisteredVersion(name, version, is_new=not versions)
