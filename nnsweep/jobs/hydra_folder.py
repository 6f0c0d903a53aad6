"""The files that Hydra leaves in a job's folder, under ``.hydra``: the configuration as composed, and Hydra's own.

Hydra writes them when it runs a job; a stacked job gets the same files, byte for byte, from this module. PyYAML would
take longer than a short training, so simple values are written directly, and entries that jobs share only once.
"""

import functools
import pickle
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from omegaconf import DictConfig


def make_plain_configuration(config: "DictConfig") -> dict[str, Any]:
    """Convert a job's whole configuration to plain values, without resolving interpolations.

    Parameters
    ----------
    config : DictConfig
        With Hydra's own node, in which the job's folder and number are set.
    """
    from omegaconf import OmegaConf  # workers, which only write the result, do without it

    values: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    return dict(values)


def make_hydra_files(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Write the files of a job.

    Parameters
    ----------
    configuration : mapping
        From `make_plain_configuration`.

    Returns
    -------
    dict
        Texts for ``config.yaml``, ``hydra.yaml`` and ``overrides.yaml``.
    """
    hydra = configuration["hydra"]
    task = hydra["overrides"]["task"]
    return {
        "config.yaml": write_yaml({key: value for key, value in configuration.items() if key != "hydra"}),
        "hydra.yaml": "hydra:\n" + "".join(_write_pickled(pickle.dumps(each), 1) for each in hydra.items()),
        "overrides.yaml": _write_items(task) or _write_values(task),
    }


def write_yaml(values: Mapping[str, Any]) -> str:
    """Write plain values as OmegaConf does."""
    return "".join(_write_pickled(pickle.dumps(each)) for each in values.items()) or _write_values(values)


@functools.lru_cache(maxsize=1000)
def _write_pickled(pickled: bytes, depth: int = 0) -> str:
    """Write an entry from its pickle, which the cache can hash; most entries are the same for all jobs of a sweep."""
    key, value = pickle.loads(pickled)
    return _write_entry(key, value, depth)


def _write_entry(key: Any, value: Any, depth: int = 0) -> str:
    """Write one entry of a mapping."""
    # a long key is written in another way; a long value without blanks is not, as it cannot be broken
    name, margin = _write_scalar(key) if len(str(key)) <= _LONGEST_KEY else "", depth * _MARGIN
    if name and isinstance(value, dict) and value:
        return f"{margin}{name}:\n" + "".join(_write_entry(inner, each, depth + 1) for inner, each in value.items())
    if name and isinstance(value, list) and (items := _write_items(value, margin)):
        return f"{margin}{name}:\n{items}"
    if name and (word := _write_scalar(value)):
        return f"{margin}{name}: {word}\n"
    return _write_complex(pickle.dumps({key: value}), depth)


def _write_items(values: list[Any], margin: str = "") -> str:
    """Write the items of a list; empty if there are none, or one is not simple."""
    words = [_write_scalar(value) for value in values]
    return "".join(f"{margin}- {word}\n" for word in words) if all(words) else ""


def _write_scalar(value: Any) -> str:
    """Write a simple value; empty for any other."""
    if type(value) is str:
        return _write_word(value)
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if type(value) is int else "null" if value is None else ""


@functools.lru_cache(maxsize=10_000)
def _write_word(text: str) -> str:
    """Write text that needs no quotes, or is a number or truth value in quotes; empty for any other."""
    if _NUMBER.fullmatch(text) or text in _TRUTH_VALUES:
        return f"'{text}'"
    return text if _PLAIN.fullmatch(text) and text.lower() != "null" and not _reads_as_another(text) else ""


@functools.lru_cache(maxsize=1000)
def _write_complex(pickled: bytes, depth: int) -> str:
    """Write an entry that is not simple, from its pickle."""
    values = pickle.loads(pickled)
    for _ in range(depth):  # PyYAML indents, and breaks long lines, by how deep an entry is
        values = {"_": values}
    return _write_values(values).split("\n", depth)[-1]


def _write_values(values: Mapping[str, Any] | list[Any]) -> str:
    quick = _dump(values, _Quick)
    # libyaml and PyYAML differ in what they escape, and in odd keys
    return quick if quick.isascii() and not _ODD.search(quick) else _dump(values, _Exact)


def _dump(values: Mapping[str, Any] | list[Any], dumper: type) -> str:
    text: str = yaml.dump(values, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=dumper)
    return text


class _Exact(yaml.Dumper):
    """A dumper that writes exactly as OmegaConf does."""


class _Quick(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """A dumper that is several times faster where PyYAML has libyaml."""


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _reads_as_another(text) else None)


def _reads_as_another(text: str) -> bool:
    """Tell whether OmegaConf would quote a text because it looks like a number or a truth value."""
    if text in _TRUTH_VALUES:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


_MARGIN = "  "
_LONGEST_KEY = 100
_PLAIN = re.compile(r"\+{0,2}[A-Za-z_/$][\w.,/=$\[\]{}+-]*", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{,99}|0")
_ODD = re.compile(r""""|'':|^.{100,}:""", re.MULTILINE)  # an escape, an empty key, a long key
_TRUTH_VALUES = {
    form
    for word in ("y", "yes", "n", "no", "true", "false", "on", "off")
    for form in (word, word.capitalize(), word.upper())
}
_Exact.add_representer(str, _represent_text)
_Quick.add_representer(str, _represent_text)
