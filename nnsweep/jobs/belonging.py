"""Which choice of a group a setting belongs to: `schedule.gamma` is one of ``step`` and of ``exp``, not of ``cosine``.

A grid may mix choices that have different settings. Each job gets the settings that its own choices have; what only
other jobs of the grid can have is left out of it, and so is what a preset sets for a choice that somebody has replaced.
What is left out is said, and a setting that no job can have is a mistake.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnsweep.jobs.compose import Composer
from nnsweep.jobs.conf_tree import conf_dir, read_choice_file
from nnsweep.jobs.overrides import make_override
from nnsweep.text import suggest_nearest

PRESETS = "experiment"


@dataclass(frozen=True, eq=False)
class Source:
    """Where overrides come from.

    Attributes
    ----------
    name : str
        What people call it; empty for what somebody has just asked for.
    chosen : mapping of str to collection of str
        The choices that it makes itself, by group: its settings of these groups belong to them.
    """

    name: str = ""
    chosen: Mapping[str, Collection[str]] = field(default_factory=dict)


class Line(NamedTuple):
    """One override of a job, and where it comes from."""

    text: str
    source: Source


class _File(NamedTuple):
    """What a preset, or the main file, says."""

    name: str
    chosen: dict[str, str]  # the choices that it makes
    settings: dict[str, list[str]]  # the names of its settings, by group


class _Mixture(NamedTuple):
    """The choices of a job."""

    config: DictConfig | None  # composed without the job's settings; None if that cannot be
    chosen: Mapping[str, str]
    resets: Mapping[str, str]  # by key, the overrides that take back what a preset sets for another choice


class Belonging:
    """Gives each job of a grid the settings that its own choices have.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    config : DictConfig
        Hydra's configuration of the sweep.
    compose : Composer
        Composes a job.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig, compose: Composer) -> None:
        self._loader, self._compose = loader, compose
        self._main = str(config.hydra.job.config_name)
        self._presets = _names(config.hydra.runtime.choices.get(PRESETS))
        self._mixtures: dict[tuple[str, ...], _Mixture] = {}
        self._files: dict[str, _File] = {}
        self._alone: dict[str, DictConfig | None] = {}
        self._having: dict[str, dict[str, None]] = {}
        self._lacking: dict[str, dict[str, list[str]]] = {}
        self._replaced: dict[tuple[str, str], dict[str, None]] = {}

    def preset(self) -> Source:
        """Give the source of what the sweep's presets sweep over (``hydra.sweeper.params``)."""
        files = [self._file(f"{PRESETS}/{name}") for name in self._presets]
        chosen = {group: [choice] for file in files for group, choice in file.chosen.items()}
        return Source(" ".join(file.name for file in files) or "the configuration", chosen)

    def fit(self, jobs: Iterable[Sequence[Line]]) -> list[list[str]]:
        """Fit the overrides of jobs to their choices; jobs that become the same by that are one.

        Parameters
        ----------
        jobs : iterable of sequences of Line
            All jobs of the grid.

        Returns
        -------
        list of lists of str
            The overrides of the jobs that are left.
        """
        is_choice = self._compose.is_choice
        parted = [(job, tuple(line.text for line in job if is_choice(line.text))) for job in jobs]
        distinct = dict.fromkeys((choices, line) for job, choices in parted for line in job)  # few, also of many jobs
        for choices, line in distinct:
            self._look(line, self._mixture(choices))
        texts = {(choices, line): self._kept(line, self._mixture(choices)) for choices, line in distinct}
        left: list[list[str]] = []
        seen: set[tuple[str, ...]] = set()
        for job, choices in parted:
            mixture = self._mixture(choices)
            kept = [text for line in job if (text := texts[choices, line])]
            given = {self._key(text) for text in kept} if mixture.resets else set()
            fitted = [*(text for key, text in mixture.resets.items() if key not in given), *kept]
            if len(kept) == len(job) or tuple(fitted) not in seen:
                left.append(fitted)
            seen.add(tuple(fitted))
        return left

    def notes(self) -> list[str]:
        """Say what was left out, in a line for each reason."""
        lines = [f"{what}, and with it {', '.join(keys)}" for (_, what), keys in self._replaced.items()]
        for key, lacking in self._lacking.items():
            if having := self._having.get(key):
                lines.append(f"{key} is set for {', '.join(having)}; there is none for {', '.join(lacking)}")
        return lines

    def problems(self) -> list[str]:
        """Say which settings none of several choices has."""
        found = []
        for key, lacking in self._lacking.items():
            if key not in self._having and len(lacking) > 1:
                known = {name: None for names in lacking.values() for name in names}
                meant, _, _ = suggest_nearest(key.partition(".")[2], known).partition("? ")
                hint = f"{meant}? " if meant.startswith("did you mean") else ""
                each = "; ".join(
                    f"{choice} has {', '.join(names) or 'no settings'}" for choice, names in lacking.items()
                )
                found.append(f"{key}: there is no such key; {hint}{each}")
        return found

    def _key(self, text: str) -> str:
        parsed = self._compose.parse(text)
        return parsed.key_or_group if parsed else text

    def _mixture(self, choices: tuple[str, ...]) -> _Mixture:
        if choices not in self._mixtures:
            self._mixtures[choices] = self._mixed(choices)
        return self._mixtures[choices]

    def _mixed(self, choices: tuple[str, ...]) -> _Mixture:
        try:
            chosen = _chosen(self._compose(choices))
            resets = dict(self._resets(choices, chosen))
            return _Mixture(self._compose([*resets.values(), *choices]), chosen, resets)
        except (HydraException, OmegaConfBaseException):
            return _Mixture(None, {}, {})

    def _look(self, line: Line, mixture: _Mixture) -> None:
        """Note whether the choice of a job has a setting."""
        group, name, parsed = self._setting(line.text, mixture)
        if parsed is None or self._is_replaced(line, group, mixture):
            return
        key, chosen = parsed.key_or_group, f"{group}={mixture.chosen[group]}"
        if _has(mixture.config, group, name, parsed):
            self._having.setdefault(key, {})[chosen] = None
        elif self._is_of_default(line, group, name):
            self._note_replaced(line.source.name, group, self._default(group), mixture.chosen[group], key)
        else:
            self._lacking.setdefault(key, {})[chosen] = _names_in(mixture.config, group)

    def _kept(self, line: Line, mixture: _Mixture) -> str:
        """Give an override as it holds for a job; empty where it does not."""
        group, name, parsed = self._setting(line.text, mixture)
        if parsed is None:
            return line.text
        if self._is_replaced(line, group, mixture):
            own = " or ".join(line.source.chosen[group])
            self._note_replaced(line.source.name, group, own, mixture.chosen[group], parsed.key_or_group)
            return ""
        if not _has(mixture.config, group, name, parsed):
            others = self._lacking.get(parsed.key_or_group, {})
            elsewhere = parsed.key_or_group in self._having or len(others) > 1
            return "" if elsewhere or self._is_of_default(line, group, name) else line.text
        is_there = name in _names_in(mixture.config, group)
        return line.text[1:] if parsed.type == OverrideType.ADD and is_there else line.text

    def _setting(self, text: str, mixture: _Mixture) -> tuple[str, str, Override | None]:
        """Give the group and the name of what an override sets, if that is a setting of a choice."""
        parsed = self._compose.parse(text)
        if parsed is None or mixture.config is None or self._compose.is_choice(text):
            return "", "", None
        group, _, rest = parsed.key_or_group.partition(".")
        if not rest or group not in mixture.chosen or not isinstance(_node(mixture.config, group), DictConfig):
            return "", "", None
        return group, rest.partition(".")[0], parsed

    def _is_replaced(self, line: Line, group: str, mixture: _Mixture) -> bool:
        own = line.source.chosen.get(group)
        return own is not None and mixture.chosen[group] not in own

    def _is_of_default(self, line: Line, group: str, name: str) -> bool:
        """Tell whether a preset sets what only the choice has that it would be without anybody's."""
        if not line.source.name or group in line.source.chosen:
            return False
        alone = self._choice_alone(group, self._default(group))
        return alone is not None and name in _names_in(alone, group)

    def _default(self, group: str) -> str:
        """Name the choice that is made where nobody but the presets of the sweep chooses."""
        lines = [f"{PRESETS}=[{','.join(self._presets)}]"] if self._presets else []
        return _chosen(self._compose(lines)).get(group, "")

    def _note_replaced(self, who: str, group: str, own: str, new: str, key: str) -> None:
        what = f"{who}: {group}={new} replaces {group}={own}"
        self._replaced.setdefault((group, what), {})[key] = None

    def _resets(self, choices: tuple[str, ...], chosen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Take back what presets, and the main file, set for choices that are others now."""
        presets = _names(chosen.get(PRESETS), apart=",")
        read = [self._file(path) for path in (self._main, *(f"{PRESETS}/{name}" for name in presets))]
        files = [file for file in read if file.settings]
        before = _chosen(self._compose([line for line in choices if self._key(line) == PRESETS])) if files else {}
        for file in files:
            for group, names in file.settings.items():
                own, new = file.chosen.get(group) or before.get(group, ""), chosen.get(group, "")
                if new and own != new:
                    for name in self._unwanted(file, group, names, own, new):
                        self._note_replaced(file.name, group, own, new, f"{group}.{name}")
                        yield f"{group}.{name}", self._reset(group, name, new)

    def _unwanted(self, file: _File, group: str, names: Iterable[str], own: str, new: str) -> list[str]:
        before, now = self._choice_alone(group, own), self._choice_alone(group, new)
        if before is None or now is None:
            return []
        known = {*_names_in(before, group), *_built_in(group, own)}
        there = () if group in file.chosen else _names_in(now, group)
        return [name for name in names if name in known and name not in there]

    def _reset(self, group: str, name: str, new: str) -> str:
        alone = self._choice_alone(group, new)
        if alone is None or name not in _names_in(alone, group):
            return f"~{group}.{name}"
        values: Any = OmegaConf.to_container(alone[group], resolve=False)
        if group == "arch":  # else the run would be called one of custom sizes
            return make_override(group, {name: values[name]})
        return make_override(f"{group}.{name}", values[name])

    def _choice_alone(self, group: str, choice: str) -> DictConfig | None:
        """Compose one choice of a group, and nothing else."""
        path = f"{group}/{choice}"
        if path not in self._alone:
            try:
                composed = self._loader.load_configuration(path, [], RunMode.RUN)
                self._alone[path] = composed if isinstance(_node(composed, group), DictConfig) else None
            except (HydraException, OmegaConfBaseException):
                self._alone[path] = None
        return self._alone[path]

    def _file(self, path: str) -> _File:
        """Read what a preset, or the main file, sets and chooses itself, or lets another preset set and choose."""
        if path not in self._files:
            group, _, name = path.rpartition("/")
            self._files[path] = _File(f"{group}={name}" if group else f"{name}.yaml", {}, {})  # also ends a circle
            self._read(path, self._files[path])
        return self._files[path]

    def _read(self, path: str, file: _File) -> None:
        found = self._loader.repository.load_config(path) if hasattr(self._loader, "repository") else None
        is_preset = path.startswith(f"{PRESETS}/")
        if found is None or (is_preset and found.header.get("package") != "_global_"):
            return
        for default in found.defaults_list or () if is_preset else ():
            group, value = getattr(default, "group", None), getattr(default, "value", None)
            if group is not None and isinstance(value, str) and getattr(default, "package", None) is None:
                file.chosen[group.strip("/")] = value
            elif group is None and getattr(default, "path", "_self_") != "_self_":
                other = self._file(f"{PRESETS}/{str(default.path).rpartition('/')[2]}")
                file.chosen.update(other.chosen)
                file.settings.update(other.settings)
        own = found.config
        groups = [str(key) for key in own if key != "hydra"] if OmegaConf.is_dict(own) else []
        for group in groups:
            if isinstance(_node(own, group), DictConfig) and self._loader.get_group_options(group):
                names = [str(name) for name in own[group]]
                file.settings[group] = [*dict.fromkeys([*file.settings.get(group, []), *names])]


def _chosen(config: DictConfig) -> dict[str, str]:
    """Name the choices of a composed configuration by group, Hydra's own left out."""
    choices = config.hydra.runtime.choices
    return {
        str(group): ",".join(_names(choice))
        for group, choice in choices.items()
        if choice is not None and not str(group).startswith("hydra/")
    }


def _names(choice: Any, apart: str = "") -> list[str]:
    """Give the names that were chosen of a group, which may be a list."""
    if choice is None:
        return []
    if isinstance(choice, str):
        return choice.split(apart) if apart else [choice]
    return [str(name) for name in choice]


def _node(config: Any, group: str) -> Any:
    """Give what a configuration has for a group; None if that is not certain."""
    if group not in set(config) or OmegaConf.is_interpolation(config, group) or OmegaConf.is_missing(config, group):
        return None
    return config[group]


def _names_in(config: DictConfig | None, group: str) -> list[str]:
    node = None if config is None else _node(config, group)
    return [str(name) for name in node if name != "name"] if isinstance(node, DictConfig) else []


def _built_in(group: str, name: Any) -> dict[str, Any]:
    """Give the settings of nnsweep's own choice of a name; none if there is no such choice."""
    return read_choice_file([Path(conf_dir())], group, str(name))


def _has(config: DictConfig | None, group: str, name: str, override: Override) -> bool:
    """Tell whether a choice has a setting; one that its file leaves out, and nnsweep's own has, can be added."""
    node = None if config is None else _node(config, group)
    if node is None or name in {str(key) for key in node}:
        return True
    can_be_added = override.type in (OverrideType.ADD, OverrideType.FORCE_ADD)
    own = "???" if OmegaConf.is_missing(node, "name") else node.get("name")
    return can_be_added and name in _built_in(group, own)
