"""What Hydra leaves in a job's folder: its configuration, as composed, and Hydra's own, under ``.hydra``.

Hydra writes these files job by job when it runs one; a stacked job gets the same files, byte for byte, from here.
"""

import contextlib
import functools
import os
import pickle
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from nnsweep.text import has_credentials, mask_secrets

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
        From `configuration`.

    Returns
    -------
    dict
        Texts for ``config.yaml``, ``hydra.yaml`` and ``overrides.yaml``.
    """
    task = configuration["hydra"]["overrides"]["task"]
    ours = {key: value for key, value in configuration.items() if key != "hydra"}
    return {
        "config.yaml": "".join(_entry(key, value) for key, value in ours.items()) or _text(ours),
        "hydra.yaml": _entry("hydra", configuration["hydra"]),
        "overrides.yaml": _items(task) or _text(task),
    }


def _entry(key: Any, value: Any, depth: int = 0) -> str:
    """Write one entry of a mapping: what is simple directly, for Hydra writes this of every job, and PyYAML is slow."""
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
    quick = _write_yaml(values, _Quick)
    return quick if _written_alike(quick) else _write_yaml(values, _Exact)


def _write_yaml(values: Mapping[str, Any] | list[Any], dumper: type) -> str:
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


_MARGIN = "  "
_PLAIN = re.compile(r"\+{0,2}[A-Za-z_/$][\w.,/=$\[\]{}+-]{,99}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{,99}|0")
_ODD = re.compile(r""""|'':|^.{100,}:""", re.MULTILINE)  # an escape, an empty key, a long key
_TRUTH_VALUES = {
    written
    for word in ("y", "yes", "n", "no", "true", "false", "on", "off")
    for written in (word, word.capitalize(), word.upper())
}
_Exact.add_representer(str, _string)
_Quick.add_representer(str, _string)

_LEFT_BY_HYDRA = ("config.yaml", "hydra.yaml", "overrides.yaml")
_SWEEPS = "multirun.yaml"


class _Fresh(NamedTuple):
    folder: Path
    top: Path  # the uppermost folder that has to be made for it
    output_subdir: str


_fresh: list[_Fresh] = []  # of the command that this process is at


class NotedFolders(Callback):
    """Notes which folders are not there yet when Hydra is about to begin: a callback of conf/config.yaml."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a single run."""
        _note(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a sweep."""
        _note(config, "sweep")


def _note(config: DictConfig, kind: str) -> None:
    with contextlib.suppress(OmegaConfBaseException):  # who makes the folder tells what is wrong with its name
        folder = Path(os.path.abspath(str(config.hydra[kind].dir)))
        absent = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        if absent:
            _fresh.append(_Fresh(folder, absent[-1], str(config.hydra.output_subdir)))


def remove_if_empty() -> None:
    """Remove the noted folders that have come to nothing, with the folders above them that were made for them."""
    while _fresh:
        noted = _fresh.pop()
        if not _came_to_nothing(noted):
            continue
        shutil.rmtree(noted.folder, ignore_errors=True)
        for path in noted.folder.parents:
            if not path.is_relative_to(noted.top):
                break
            with contextlib.suppress(OSError):  # somebody else's things are in it
                path.rmdir()


def _came_to_nothing(noted: _Fresh) -> bool:
    """Tell whether a folder holds only what Hydra writes by itself: configurations, and logs in which nothing is."""
    if not os.path.isdir(noted.folder):  # it was never made, perhaps because nothing can have its name
        return True
    return all(_is_hydras(path, noted) for path in _files(noted.folder))


def _files(folder: Path) -> Iterator[Path]:
    """Give all that is below a folder and is no folder itself, as far as is asked for: there may be very much."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in files)
        yield from (path for name in folders if (path := Path(place, name)).is_symlink())


def _is_hydras(path: Path, noted: _Fresh) -> bool:
    if path.is_symlink():
        return False
    configuration = path.name in _LEFT_BY_HYDRA and path.parent.name == Path(noted.output_subdir).name
    return configuration or path.name == _SWEEPS or (path.suffix == ".log" and path.stat().st_size == 0)


class FrozenConfigurations(ConfigLoader):
    """Gives the configurations of jobs as they were composed once; for all else there is Hydra's own loader.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    compose : callable
        Composes one job from its overrides, and has composed it before.
    """

    def __init__(self, loader: ConfigLoader, compose: Callable[[Sequence[str]], DictConfig]) -> None:
        self._loader, self._compose = loader, compose

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Give a job's configuration, without the password of its store: jobs have that from the environment."""
        config = self._compose(sweep_overrides)
        if has_credentials(str(config.tracking.uri)):
            with open_dict(config):
                config.tracking.uri = None
        own = config.hydra
        if any(map(has_credentials, own.overrides.task)):
            with read_write(own), open_dict(own):
                own.overrides.task = [mask_secrets(override) for override in own.overrides.task]
                own.job.override_dirname = mask_secrets(own.job.override_dirname)
        return config

    def load_configuration(self, *arguments: Any, **named: Any) -> DictConfig:
        """See Hydra."""
        return self._loader.load_configuration(*arguments, **named)

    def get_search_path(self) -> Any:
        """See Hydra."""
        return self._loader.get_search_path()

    def get_sources(self) -> Any:
        """See Hydra."""
        return self._loader.get_sources()

    def list_groups(self, *arguments: Any, **named: Any) -> list[str]:
        """See Hydra."""
        return self._loader.list_groups(*arguments, **named)

    def get_group_options(self, *arguments: Any, **named: Any) -> list[str]:
        """See Hydra."""
        return self._loader.get_group_options(*arguments, **named)

    def compute_defaults_list(self, *arguments: Any, **named: Any) -> Any:
        """See Hydra."""
        return self._loader.compute_defaults_list(*arguments, **named)


def freeze_configurations(launcher: Launcher, compose: Callable[[Sequence[str]], DictConfig]) -> None:
    """Let a launcher of Hydra's have frozen configurations."""
    context: HydraContext = launcher.hydra_context  # type: ignore[attr-defined]
    loader = FrozenConfigurations(context.config_loader, compose)
    launcher.hydra_context = HydraContext(config_loader=loader, callbacks=context.callbacks)  # type: ignore[attr-defined]
