"""What Hydra leaves in a job's folder: its configuration, as composed, and Hydra's own, under ``.hydra``.

Hydra writes these files job by job when it runs one; a stacked job gets the same files, byte for byte, from here.
"""

import functools
import pickle
import re
from collections.abc import Mapping
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf


def configuration(config: DictConfig) -> dict[str, Any]:
    """Give a job's whole configuration in plain values, its interpolations as they are written.

    Parameters
    ----------
    config : DictConfig
        With Hydra's own part, the job's folder and number included.
    """
    values: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    return dict(values)


def hydra_files(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Write the files of a job.

    Parameters
    ----------
    configuration : mapping
        From `configuration`.

    Returns
    -------
    dict
        Texts for ``config.yaml``, ``hydra.yaml`` and ``overrides.yaml``.
    """
    hydra = configuration["hydra"]
    return {
        "config.yaml": _text({key: value for key, value in configuration.items() if key != "hydra"}),
        "hydra.yaml": _HYDRA + "".join(_entry(pickle.dumps({"hydra": {key: value}})) for key, value in hydra.items()),
        "overrides.yaml": _text(hydra["overrides"]["task"]),
    }


@functools.lru_cache(maxsize=100)
def _entry(pickled: bytes) -> str:
    """Write one entry of Hydra's own part; most are the same for all jobs of a sweep, and Hydra's help is slow."""
    return _text(pickle.loads(pickled)).removeprefix(_HYDRA)


def _text(values: Mapping[str, Any] | list[Any]) -> str:
    quick = _written(values, _Quick)
    return quick if _written_alike(quick) else _written(values, _Exact)


def _written(values: Mapping[str, Any] | list[Any], dumper: type) -> str:
    text: str = yaml.dump(values, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=dumper)
    return text


class _Exact(yaml.Dumper):
    """Writes as OmegaConf does."""


class _Quick(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """Writes several times quicker, where PyYAML has libyaml."""


def _written_alike(text: str) -> bool:
    """Tell whether PyYAML would write what libyaml wrote: they differ in what they escape, and in odd keys."""
    return text.isascii() and not _ODD.search(text)


def _string(dumper: Any, text: str) -> Any:
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


_HYDRA = "hydra:\n"
_ODD = re.compile(r""""|'':|^.{100,}:""", re.MULTILINE)  # an escape, an empty key, a long key
_TRUTH_VALUES = {
    written
    for word in ("y", "yes", "n", "no", "true", "false", "on", "off")
    for written in (word, word.capitalize(), word.upper())
}
_Exact.add_representer(str, _string)
_Quick.add_representer(str, _string)
