"""The files that Hydra leaves in a job's folder, under ``.hydra``: the configuration as composed, and Hydra's own.

Hydra writes them when it runs a job; a stacked job gets the same files, byte for byte, from here. PyYAML would take
longer than a short training does, so what is simple is written directly, and what jobs have in common only once.
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
    """Give a job's whole configuration in plain values, its interpolations as they are written.

    Parameters
    ----------
    config : DictConfig
        With Hydra's own part, the job's folder and number included.
    """
    from omegaconf import OmegaConf  # workers, which write what it gives, need it not

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
        "hydra.yaml": "hydra:\n" + "".join(_same_entry(pickle.dumps(each), 1) for each in hydra.items()),
        "overrides.yaml": _items(task) or _text(task),
    }


def write_yaml(values: Mapping[str, Any]) -> str:
    """Write plain values as OmegaConf does."""
    return "".join(_same_entry(pickle.dumps(each)) for each in values.items()) or _text(values)


@functools.lru_cache(maxsize=1000)
def _same_entry(pickled: bytes, depth: int = 0) -> str:
    """Write an entry, given as its pickle; most are the same for all jobs of a sweep."""
    key, value = pickle.loads(pickled)
    return _entry(key, value, depth)


def _entry(key: Any, value: Any, depth: int = 0) -> str:
    """Write one entry of a mapping."""
    name, margin = _word(key), depth * _MARGIN
    if name and isinstance(value, dict) and value:
        return f"{margin}{name}:\n" + "".join(_entry(inner, each, depth + 1) for inner, each in value.items())
    if name and isinstance(value, list) and (items := _items(value, margin)):
        return f"{margin}{name}:\n{items}"
    if name and (word := _word(value)):
        return f"{margin}{name}: {word}\n"
    return _other(pickle.dumps({key: value}), depth)


def _items(values: list[Any], margin: str = "") -> str:
    """Write the items of a list; nothing if there are none, or one of them is not simple."""
    words = [_word(value) for value in values]
    return "".join(f"{margin}- {word}\n" for word in words) if all(words) else ""


def _word(value: Any) -> str:
    """Write a value that is simple; nothing for another."""
    if type(value) is str:
        return _simple(value)
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if type(value) is int else "null" if value is None else ""


@functools.lru_cache(maxsize=10_000)
def _simple(text: str) -> str:
    if _NUMBER.fullmatch(text) or text in _TRUTH_VALUES:
        return f"'{text}'"
    return text if _PLAIN.fullmatch(text) and text.lower() != "null" and not _reads_as_another(text) else ""


@functools.lru_cache(maxsize=1000)
def _other(pickled: bytes, depth: int) -> str:
    """Write an entry that is not simple; most are the same for all jobs of a sweep."""
    values = pickle.loads(pickled)
    for _ in range(depth):
        values = {"_": values}
    return _text(values).split("\n", depth)[-1]


def _text(values: Mapping[str, Any] | list[Any]) -> str:
    quick = _dump(values, _Quick)
    # libyaml and PyYAML differ in what they escape, and in odd keys
    return quick if quick.isascii() and not _ODD.search(quick) else _dump(values, _Exact)


def _dump(values: Mapping[str, Any] | list[Any], dumper: type) -> str:
    text: str = yaml.dump(values, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=dumper)
    return text


class _Exact(yaml.Dumper):
    """Writes as OmegaConf does."""


class _Quick(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """Writes several times quicker, where PyYAML has libyaml."""


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _reads_as_another(text) else None)


def _reads_as_another(text: str) -> bool:
    """Tell whether OmegaConf would quote a text: it could be taken for a number or a truth value."""
    if text in _TRUTH_VALUES:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


_MARGIN = "  "
_PLAIN = re.compile(r"\+{0,2}[A-Za-z_/$][\w.,/=$\[\]{}+-]{,99}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{,99}|0")
_ODD = re.compile(r""""|'':|^.{100,}:""", re.MULTILINE)  # an escape, an empty key, a long key
_TRUTH_VALUES = {
    written
    for word in ("y", "yes", "n", "no", "true", "false", "on", "off")
    for written in (word, word.capitalize(), word.upper())
}
_Exact.add_representer(str, _represent_text)
_Quick.add_representer(str, _represent_text)
