"""What Hydra and OmegaConf say when a configuration cannot be composed, in one line each."""

import re
from collections.abc import Mapping

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from nnsweep.messages import nearest, visible


def told(error: BaseException) -> str:
    """Say in one line what is wrong and, for a name, which one was probably meant.

    Parameters
    ----------
    error : Exception
        Raised by Hydra or OmegaConf.
    """
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: there is no such choice; {nearest(name, sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return f"{visible(error.override)}: cannot be read ({_first_line(error)}); settings are written key=value"
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause)
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key}: must be given, as in {error.full_key}=..."
    if isinstance(error, InterpolationResolutionError | ConfigAttributeError | ConfigKeyError):
        return f"{error.full_key}: {_first_line(error)}"
    said = _first_line(error)
    return f"{said} ({_first_line(cause)})" if isinstance(cause, OmegaConfBaseException | HydraException) else said


def absent_plugin(error: BaseException) -> str | None:
    """Say in one line which extra brings the launcher that was asked for; None if the error is another.

    Parameters
    ----------
    error : Exception
        Raised by Hydra, which has only a `RuntimeError` with the class's name for it.
    """
    name = re.match(r"Unknown plugin class : 'hydra_plugins\.hydra_(\w+)_launcher\.", str(error))
    if name is None:
        return None
    return f"hydra/launcher: Hydra's {name[1]} launcher is not installed; pip install 'nnsweep[{name[1]}]'"


def _unknown_key(error: OmegaConfBaseException) -> str:
    key = str(error.full_key)
    name = key.rpartition(".")[2]
    siblings = [str(sibling) for sibling in error.parent_node] if isinstance(error.parent_node, Mapping) else []
    known = [sibling for sibling in siblings if sibling not in ("hydra", "name", name)]
    return f"{key}: there is no such key; {nearest(name, known)}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return visible(re.sub(r"\s+", " ", lines[0])) if lines else type(error).__name__
