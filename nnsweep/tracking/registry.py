"""The model registry: a run's model under a name, in versions, and an alias that points at one of them."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from nnsweep.errors import ConfigError
from nnsweep.messages import shortened, visible
from nnsweep.tracking.client import client, explained
from nnsweep.tracking.store import Store


class Registered(NamedTuple):
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


def check_names(name: str, alias: str | None) -> None:
    """Refuse names that MLflow has no place for.

    Raises
    ------
    ConfigError
        Telling the rule.
    """
    if not name.strip() or re.search(r"[/:%]", name) or not name.isprintable():
        raise ConfigError(f"--name={_shown(name)}: must be printable text without / : and %; choose another name")
    if alias is not None and (not re.fullmatch(r"[\w-]{1,255}", alias) or re.fullmatch(r"latest|v\d+", alias, re.I)):
        raise ConfigError(
            f"--alias={_shown(alias)}: must be letters, digits, _ and -, and neither latest nor like v1; choose another"
        )


def _shown(text: str) -> str:
    return repr(shortened(visible(text)))


def model_name(experiment: str) -> str:
    """Give the name of a model that is named after its experiment.

    Examples
    --------
    >>> model_name("depth/width: digits")
    'depth-width- digits'
    """
    return re.sub(r"[/:%]", "-", experiment)


def register(
    store: Store,
    run_id: str,
    model_id: str,
    *,
    name: str,
    alias: str | None = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> Registered:
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
    with explained(store.uri):
        known = [one for one in _versions(store, run_id) if one.name == name]
        if known:
            version = str(max(int(one.version) for one in known))
        else:
            _make_name(store, name)
            # a source "models:/ID" would be looked for in the store of the environment, which may be another
            source = client(store.uri).get_logged_model(model_id).artifact_location
            made = client(store.uri).create_model_version(
                name,
                source=source,
                run_id=run_id,
                tags=dict(tags or {}),
                description=description,
                model_id=model_id,
            )
            version = str(made.version)
        if alias is not None:
            client(store.uri).set_registered_model_alias(name, alias, version)
    return Registered(name, version, not known)


def _versions(store: Store, run_id: str) -> list[Any]:
    return [*client(store.uri).search_model_versions(f"run_id = '{run_id}'")]


def _make_name(store: Store, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client(store.uri).create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
