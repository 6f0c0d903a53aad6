"""A recorded run's network: used on other data, written as a file that goes anywhere, or registered."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nnsweep.api.load import check_name
from nnsweep.data.problems import combine_problems
from nnsweep.errors import ConfigError, DataError
from nnsweep.files import expand_home, temporary_folder, whole_file
from nnsweep.jobs.consistency import require_consistent
from nnsweep.model import predictor
from nnsweep.model.predictor import Model
from nnsweep.results.frame import frame
from nnsweep.results.metrics import metric_text
from nnsweep.results.selection import rank_runs
from nnsweep.text import mask_secrets, printable, warn
from nnsweep.tracking import models, query, recorded_run
from nnsweep.tracking.models import CARD, save_model_folder
from nnsweep.tracking.record import RunRecord, Setting
from nnsweep.tracking.store import Store, follow_store, resolve_uri

if TYPE_CHECKING:
    import pandas as pd

    from nnsweep.data.table_settings import Layout


MODEL_KINDS = ("job", query.ENSEMBLE)
"""The kinds of runs that have a model."""


class FoundModel(NamedTuple):
    """A run that was found in its store.

    Attributes
    ----------
    store : Store
        Where it is.
    record : RunRecord
        What became of it.
    """

    store: Store
    record: RunRecord

    @property
    def title(self) -> str:
        """Its name and id."""
        return self.record.title

    def model(self) -> Model:
        """Make its model; see `nnsweep.tracking.models.make_model`."""
        return models.make_model(self.store, self.record.run_id)


def find_model(run: str, experiment: str | None, uri: str | None) -> FoundModel:
    """Find a job's run or an ensemble by its id, the beginning of its id, or its name.

    See `nnsweep.tracking.query.find_job_run`.

    Raises
    ------
    DifferenceError
        If what is recorded of it does not agree with itself.
    """
    check_name(experiment or "")
    store, found = query.find_job_run(resolve_uri(uri, Path.cwd()), run, experiment, kinds=MODEL_KINDS)
    recorded = recorded_run.read_found_run(store, found)
    require_consistent(recorded)
    return FoundModel(store, recorded.record)


def predict(
    model: Model, data: str, query: str | None = None, settings: Mapping[str, Setting] | None = None
) -> "pd.DataFrame":
    """Predict the rows of a table, or the files of a folder of texts.

    Parameters
    ----------
    model : Model
        The network.
    data, query : str
        Any table that `nnsweep.data.reading.read.read_table` reads, or a folder.
    settings : mapping, optional
        The run's, by dotted name: a text is laid out as the one that the network was trained on.

    Returns
    -------
    DataFrame
        See `nnsweep.model.predictor.predictions`; for a folder, the ``file`` of each row comes first.

    Raises
    ------
    DataError
        If the data cannot be read, or are not what the model wants: a category that it has not seen is warned of, a
        column without any that it has is refused.
    """
    from nnsweep.data import prepared
    from nnsweep.data.reading.read import read_table
    from nnsweep.data.reading.table_columns import read_features
    from nnsweep.data.table_settings import AS_WRITTEN

    data = expand_home(data)
    shown = mask_secrets(printable(data))
    is_folder = query is None and os.path.isdir(data)
    if is_folder:
        table = _read_texts(model, Path(data))
    else:
        kinds: Any = {column["name"]: column["kind"] for column in model.columns}
        written: Any = {column["name"]: column["written"] for column in model.columns if "written" in column}
        layout = _restore_layout(settings or {}) if query is None else AS_WRITTEN
        raw = read_table(data, query=query, layout=layout, key="DATA")
        table = read_features(raw, kinds, written, model.about["preparation"]["missing"])
    warnings, problems = prepared.explain_unseen(table, model.about["preparation"])
    for line in warnings:
        warn(f"{mask_secrets(data)}: {line}")
    if problems:
        raise combine_problems(f"{shown}: {printable(line)}" for line in problems)
    try:
        predictions = predictor.predictions(model, table, prepared.features)
    except ValueError as error:
        raise DataError(f"{shown}: {printable(str(error))}") from error
    if is_folder:
        predictions.insert(0, "file", table["file"].tolist())
    return predictions


def _restore_layout(settings: Mapping[str, Setting]) -> "Layout":
    """Give the layout of the table that a run was trained on."""
    from nnsweep.data.table_settings import Layout

    values: dict[str, Any] = {name: settings.get(f"data.{name}") for name in vars(Layout())}
    values = {name: value for name, value in values.items() if value is not None}
    texts = {name: str(value) for name, value in values.items() if name not in ("header", "skip_lines")}
    return Layout(**values | texts)


def _read_texts(model: Model, folder: Path) -> "pd.DataFrame":
    """Read the files of a folder and of those in it, in the order of their names."""
    import pandas as pd

    columns = [column["name"] for column in model.columns]
    if len(columns) != 1 or model.columns[0]["kind"] != "text":
        listed = printable(", ".join(columns))
        raise DataError(f"{printable(str(folder))}: is a folder, and the model wants a table with the columns {listed}")
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    if not names:
        raise DataError(f"{printable(str(folder))}: has no files to predict")
    texts = [_read_text(folder / name) for name in names]
    return pd.DataFrame({columns[0]: pd.Series(texts, dtype=object)}).assign(file=[*map(str, names)])


def _read_text(path: Path) -> str:
    shown = printable(str(path))
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{shown}, byte {error.start + 1}: is no UTF-8; save the file as UTF-8") from error


def save_model(found: FoundModel, output: Path) -> Path:
    """Write the model of a run as what a suffix says: ``.onnx``, ``.npz``, or none for a folder of MLflow's.

    Returns
    -------
    Path
        Where its card is: beside a file, or in the folder.

    Raises
    ------
    ConfigError
        If it cannot be written there, or onnx is wanted and not installed.
    DataError, DifferenceError, StoreError
        If the run has not left what a model needs, or cannot be read.
    """
    from nnsweep.jobs.model_card import make_model_with_card  # which a prediction does not need

    suffix = output.suffix.lower()
    if suffix not in (".onnx", ".npz", ""):
        raise ConfigError(
            f"--output={printable(str(output))}: must end in .onnx or .npz, or name a new folder, without a suffix"
        )
    model = make_model_with_card(found.store, found.record.run_id)
    if not suffix:
        _save_folder(model, output)
        return output / CARD
    content = io.BytesIO()
    if suffix == ".onnx":
        from nnsweep.model.onnx import make_onnx_model

        content.write(make_onnx_model(model).SerializeToString())
    else:
        predictor.write(model, content)
    card = output.with_suffix(".card.md")
    for path, written in ((output, content.getvalue()), (card, model.about["card"].encode())):
        with whole_file(path) as file:
            file.write(written)
    return card


def _save_folder(model: Model, output: Path) -> None:
    shown = f"cannot write {printable(str(output))}"
    if os.path.lexists(output):
        raise ConfigError(f"{shown}: it is there already; choose another folder")
    if not output.parent.is_dir():
        raise ConfigError(f"{shown}: there is no folder {printable(str(output.parent))}; create it first")
    try:
        with temporary_folder(output.parent) as temporary:  # it gets its own name when it is whole
            save_model_folder(model, temporary / "model", run_id=model.about["run"]["run_id"])
            os.rename(temporary / "model", output)
    except OSError as error:
        raise ConfigError(f"{shown}: {error.strerror or error}; choose another folder") from error


def register_best(
    sweep: str,
    *,
    name: str | None = None,
    alias: str | None = None,
    run: str | None = None,
    experiment: str | None = None,
    uri: str | None = None,
) -> list[str]:
    """Put the best run of a sweep, or another one of its runs, into the model registry.

    Returns
    -------
    list of str
        What to tell the user.

    Raises
    ------
    ConfigError
        If there is no such sweep or run, or a name is none.
    DataError
        If the run has not left what a model needs.
    DifferenceError
        If what is recorded of the run does not agree with itself.
    StoreError
        If the store cannot be used.
    """
    from nnsweep.jobs.model_card import make_model_with_card

    check_name(experiment or "")
    address = resolve_uri(uri, Path.cwd())
    if name is not None:
        models.check_model_names(name, alias)
    store = query.find_store_of_sweep(address, sweep, experiment)
    follow_store(store)
    name = name or models.make_model_name(store.experiment)
    models.check_model_names(name, alias)
    record = _choose_run(store, sweep, run)
    require_consistent(recorded_run.read_run(store.uri, record.run_id, store.experiment, kinds=MODEL_KINDS))
    metric, value = models.find_result(record)
    result = f"no {metric_text(metric)}" if value is None else f"{metric_text(metric)} {value:.4f}"
    settings = ", ".join(f"{key}={record.settings[key]}" for key in ("data", "activation") if key in record.settings)
    tags = {
        "run_id": record.run_id,
        "sweep": sweep,
        "key": record.key,
        "data_digest": record.data_digest,
        metric: "" if value is None else repr(value),
    }
    model = make_model_with_card(store, record.run_id)
    summary = f"{record.name} of sweep {sweep} ({settings}): {result}\n\n"
    version = models.register_model(
        store,
        record.run_id,
        models.log_model(store, record.run_id, lambda: model),
        name=name,
        alias=alias,
        description=summary + models.shorten_card(model.about["card"], models.LONGEST_DESCRIPTION - len(summary)),
        tags={f"nnsweep.{key}": text for key, text in tags.items() if text},
    )
    address = mask_secrets(store.uri)
    model_uri = f"models:/{version.name}@{alias}" if alias else f"models:/{version.name}/{version.version}"
    is_old = "" if version.is_new else ", which was there already"
    pointer = f"; {alias} points at it" if alias else ""
    return [
        f"{version.name}, version {version.version}{is_old}: {record.title}, {result}{pointer}",
        f"Load it:   mlflow.set_tracking_uri('{address}'); mlflow.pyfunc.load_model('{model_uri}').predict(frame)",
        f"Serve it:  MLFLOW_TRACKING_URI='{address}' mlflow models serve --model-uri '{model_uri}' --env-manager local",
    ]


def _choose_run(store: Store, sweep: str, run: str | None) -> RunRecord:
    """Give the run of a sweep that is asked for, or its best."""
    records = {record.run_id: record for record in query.find_job_runs(store, sweep)}
    if run is not None:
        _, found = query.find_job_run(store.uri, run, store.experiment, kinds=MODEL_KINDS)
        record = query.make_record(found)
        if record.run_id not in records and record.sweep != sweep:
            raise ConfigError(f"--run={printable(run)}: is none of sweep {printable(sweep)}")
        return record
    best = rank_runs(frame([*records.values()]))["run_id"].tolist()[:1]
    if not best or records[best[0]].state != "finished":
        raise ConfigError(f"sweep {printable(sweep)} has no run that finished: there is nothing to register")
    return records[best[0]]
