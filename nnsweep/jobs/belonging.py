"""Which choice of a group a setting belongs to: `schedule.gamma` is one of ``step`` and of ``exp``, not of ``cosine``.

A grid may mix choices that have different settings. Each job gets the settings that its own choices have; those that
only other jobs of the grid can have are left out of it, and so are those that a preset makes for a choice that has been
replaced. The user is told what is left out, and a setting that no job can have is an error.
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
        Its name in messages; empty for what the user typed for this sweep.
    chosen : mapping of str to collection of str
        The choices that it makes itself, by group: its settings in these groups belong to them.
    """

    name: str = ""
    chosen: Mapping[str, Collection[str]] = field(default_factory=dict)


class Line(NamedTuple):
    """One override of a job, with its source."""

    text: str
    source: Source


class _File(NamedTuple):
    """What a preset, or the main file, chooses and sets."""

    name: str
    chosen: dict[str, str]  # the choices that it makes
    settings: dict[str, list[str]]  # the names of its settings, by group


class _Mixture(NamedTuple):
    """The choices of a job."""

    config: DictConfig | None  # composed without the job's own settings; None if Hydra cannot
    chosen: Mapping[str, str]
    resets: Mapping[str, str]  # by key, the overrides that undo what a preset sets for another choice


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
        self._presets = _split_names(config.hydra.runtime.choices.get(PRESETS))
        self._mixtures: dict[tuple[str, ...], _Mixture] = {}
        self._files: dict[str, _File] = {}
        self._alone: dict[str, DictConfig | None] = {}
        self._having: dict[str, dict[str, None]] = {}
        self._lacking: dict[str, dict[str, list[str]]] = {}
        self._replaced: dict[tuple[str, str], dict[str, None]] = {}

    def preset(self) -> Source:
        """Return the source of what the sweep's presets sweep over (``hydra.sweeper.params``)."""
        files = [self._find_file(f"{PRESETS}/{name}") for name in self._presets]
        chosen = {group: [choice] for file in files for group, choice in file.chosen.items()}
        return Source(" ".join(file.name for file in files) or "the configuration", chosen)

    def fit(self, jobs: Iterable[Sequence[Line]]) -> list[list[str]]:
        """Fit the overrides of jobs to their choices; jobs that become equal are merged into one.

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
        split = [(job, tuple(line.text for line in job if is_choice(line.text))) for job in jobs]
        distinct = dict.fromkeys((choices, line) for job, choices in split for line in job)  # few, even of many jobs
        for choices, line in distinct:  # all of them first: what is left out of one job depends on the others
            self._note_setting(line, self._find_mixture(choices))
        texts = {(choices, line): self._fit_line(line, self._find_mixture(choices)) for choices, line in distinct}
        left: list[list[str]] = []
        seen: set[tuple[str, ...]] = set()
        for job, choices in split:
            mixture = self._find_mixture(choices)
            own = [text for line in job if (text := texts[choices, line])]
            keys = {self._read_key(text) for text in own} if mixture.resets else set()
            fitted = [*(text for key, text in mixture.resets.items() if key not in keys), *own]
            if len(own) == len(job) or tuple(fitted) not in seen:  # a job that the user wrote twice stays twice
                left.append(fitted)
            seen.add(tuple(fitted))
        return left

    def notes(self) -> list[str]:
        """Explain what was left out, one line for each reason."""
        lines = [f"{what}, and with it {', '.join(keys)}" for (_, what), keys in self._replaced.items()]
        for key, lacking in self._lacking.items():
            if having := self._having.get(key):
                lines.append(f"{key} is set for {', '.join(having)}; there is none for {', '.join(lacking)}")
        return lines

    def problems(self) -> list[str]:
        """Explain which settings none of several choices has."""
        problems = []
        for key, lacking in self._lacking.items():
            if key not in self._having and len(lacking) > 1:
                settings = {name: None for names in lacking.values() for name in names}
                question, _, _ = suggest_nearest(key.partition(".")[2], settings).partition("? ")
                hint = f"{question}? " if question.startswith("did you mean") else ""
                each = "; ".join(
                    f"{choice} has {', '.join(names) or 'no settings'}" for choice, names in lacking.items()
                )
                problems.append(f"{key}: there is no such key; {hint}{each}")
        return problems

    def _read_key(self, text: str) -> str:
        parsed = self._compose.parse(text)
        return parsed.key_or_group if parsed else text

    def _find_mixture(self, choices: tuple[str, ...]) -> _Mixture:
        if choices not in self._mixtures:
            try:
                chosen = _read_chosen(self._compose(choices))
                resets = dict(self._find_resets(choices, chosen))
                mixture = _Mixture(self._compose([*resets.values(), *choices]), chosen, resets)
            except (HydraException, OmegaConfBaseException):
                mixture = _Mixture(None, {}, {})
            self._mixtures[choices] = mixture
        return self._mixtures[choices]

    def _note_setting(self, line: Line, mixture: _Mixture) -> None:
        """Note whether the choice of a job has the setting that a line makes."""
        group, name, parsed = self._split_setting(line.text, mixture)
        if parsed is None or self._is_replaced(line, group, mixture):
            return
        key, chosen = parsed.key_or_group, f"{group}={mixture.chosen[group]}"
        if _has_setting(mixture.config, group, name, parsed):
            self._having.setdefault(key, {})[chosen] = None
        elif self._is_of_default(line, group, name):
            self._note_replaced(line.source.name, group, self._find_default(group), mixture.chosen[group], key)
        else:
            self._lacking.setdefault(key, {})[chosen] = _list_settings(mixture.config, group)

    def _fit_line(self, line: Line, mixture: _Mixture) -> str:
        """Fit one override to a job; empty if it is left out."""
        group, name, parsed = self._split_setting(line.text, mixture)
        if parsed is None:
            return line.text
        if self._is_replaced(line, group, mixture):
            own = " or ".join(line.source.chosen[group])
            self._note_replaced(line.source.name, group, own, mixture.chosen[group], parsed.key_or_group)
            return ""
        if not _has_setting(mixture.config, group, name, parsed):
            others = self._lacking.get(parsed.key_or_group, {})
            elsewhere = parsed.key_or_group in self._having or len(others) > 1
            return "" if elsewhere or self._is_of_default(line, group, name) else line.text
        is_there = name in _list_settings(mixture.config, group)
        return line.text[1:] if parsed.type == OverrideType.ADD and is_there else line.text

    def _split_setting(self, text: str, mixture: _Mixture) -> tuple[str, str, Override | None]:
        """Split an override of a choice's setting into group and name; the last is None for any other override."""
        parsed = self._compose.parse(text)
        if parsed is None or mixture.config is None or self._compose.is_choice(text):
            return "", "", None
        group, _, rest = parsed.key_or_group.partition(".")
        if not rest or group not in mixture.chosen or not isinstance(_find_node(mixture.config, group), DictConfig):
            return "", "", None
        return group, rest.partition(".")[0], parsed

    def _is_replaced(self, line: Line, group: str, mixture: _Mixture) -> bool:
        own = line.source.chosen.get(group)
        return own is not None and mixture.chosen[group] not in own

    def _is_of_default(self, line: Line, group: str, name: str) -> bool:
        """Tell whether a preset, without choosing in the group, makes a setting of the group's default choice."""
        if not line.source.name or group in line.source.chosen:
            return False
        alone = self._compose_choice(group, self._find_default(group))
        return alone is not None and name in _list_settings(alone, group)

    def _find_default(self, group: str) -> str:
        """Name the choice of a group that the main file and the presets make together."""
        lines = [f"{PRESETS}=[{','.join(self._presets)}]"] if self._presets else []
        return _read_chosen(self._compose(lines)).get(group, "")

    def _note_replaced(self, source: str, group: str, own: str, new: str, key: str) -> None:
        what = f"{source}: {group}={new} replaces {group}={own}"
        self._replaced.setdefault((group, what), {})[key] = None

    def _find_resets(self, choices: tuple[str, ...], chosen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Find the settings of presets, and of the main file, for choices that were replaced; give key and override."""
        presets = _split_names(chosen.get(PRESETS), apart=",")
        read = [self._find_file(path) for path in (self._main, *(f"{PRESETS}/{name}" for name in presets))]
        files = [file for file in read if file.settings]
        preset_lines = [line for line in choices if self._read_key(line) == PRESETS]
        defaults = _read_chosen(self._compose(preset_lines)) if files else {}
        for file in files:
            for group, names in file.settings.items():
                own, new = file.chosen.get(group) or defaults.get(group, ""), chosen.get(group, "")
                if new and own != new:
                    before, now = self._compose_choice(group, own), self._compose_choice(group, new)
                    if before is None or now is None:
                        continue
                    old_settings = {*_list_settings(before, group), *_read_built_in(group, own)}
                    new_settings = () if group in file.chosen else _list_settings(now, group)
                    for name in names:
                        if name in old_settings and name not in new_settings:
                            self._note_replaced(file.name, group, own, new, f"{group}.{name}")
                            yield f"{group}.{name}", self._make_reset(group, name, new)

    def _make_reset(self, group: str, name: str, new: str) -> str:
        """Write the override that gives a setting what the new choice has for it, or removes it."""
        alone = self._compose_choice(group, new)
        if alone is None or name not in _list_settings(alone, group):
            return f"~{group}.{name}"
        values: Any = OmegaConf.to_container(alone[group], resolve=False)
        if group == "arch":  # an override of its sizes alone would give the run the name of custom sizes
            return make_override(group, {name: values[name]})
        return make_override(f"{group}.{name}", values[name])

    def _compose_choice(self, group: str, choice: str) -> DictConfig | None:
        """Compose one choice of a group, and nothing else."""
        path = f"{group}/{choice}"
        if path not in self._alone:
            try:
                composed = self._loader.load_configuration(path, [], RunMode.RUN)
                self._alone[path] = composed if isinstance(_find_node(composed, group), DictConfig) else None
            except (HydraException, OmegaConfBaseException):
                self._alone[path] = None
        return self._alone[path]

    def _find_file(self, path: str) -> _File:
        """Read what a preset, or the main file, chooses and sets, itself or through presets that it includes."""
        if path not in self._files:
            group, _, name = path.rpartition("/")
            # stored before it is read, for presets may include each other in a circle
            self._files[path] = _File(f"{group}={name}" if group else f"{name}.yaml", {}, {})
            self._read_file(path, self._files[path])
        return self._files[path]

    def _read_file(self, path: str, file: _File) -> None:
        source = self._loader.repository.load_config(path) if hasattr(self._loader, "repository") else None
        is_preset = path.startswith(f"{PRESETS}/")
        if source is None or (is_preset and source.header.get("package") != "_global_"):
            return
        for default in source.defaults_list or () if is_preset else ():
            group, value = getattr(default, "group", None), getattr(default, "value", None)
            if group is not None and isinstance(value, str) and getattr(default, "package", None) is None:
                file.chosen[group.strip("/")] = value
            elif group is None and getattr(default, "path", "_self_") != "_self_":
                other = self._find_file(f"{PRESETS}/{str(default.path).rpartition('/')[2]}")
                file.chosen.update(other.chosen)
                file.settings.update(other.settings)
        own = source.config
        groups = [str(key) for key in own if key != "hydra"] if OmegaConf.is_dict(own) else []
        for group in groups:
            if isinstance(_find_node(own, group), DictConfig) and self._loader.get_group_options(group):
                names = [str(name) for name in own[group]]
                file.settings[group] = [*dict.fromkeys([*file.settings.get(group, []), *names])]


def _read_chosen(config: DictConfig) -> dict[str, str]:
    """Read the choices of a composed configuration, by group, without Hydra's own."""
    choices = config.hydra.runtime.choices
    return {
        str(group): ",".join(_split_names(choice))
        for group, choice in choices.items()
        if choice is not None and not str(group).startswith("hydra/")
    }


def _split_names(choice: Any, apart: str = "") -> list[str]:
    """List the choices of a group: none, one, or several."""
    if choice is None:
        return []
    if isinstance(choice, str):
        return choice.split(apart) if apart else [choice]
    return [str(name) for name in choice]


def _find_node(config: Any, group: str) -> Any:
    """Find the node of a group; None if it is missing, or only an interpolation."""
    if group not in set(config) or OmegaConf.is_interpolation(config, group) or OmegaConf.is_missing(config, group):
        return None
    return config[group]


def _list_settings(config: DictConfig | None, group: str) -> list[str]:
    node = None if config is None else _find_node(config, group)
    return [str(name) for name in node if name != "name"] if isinstance(node, DictConfig) else []


def _read_built_in(group: str, name: Any) -> dict[str, Any]:
    """Read the settings of nnsweep's own choice of that name; empty if there is none."""
    return read_choice_file([Path(conf_dir())], group, str(name))


def _has_setting(config: DictConfig | None, group: str, name: str, override: Override) -> bool:
    """Tell whether a choice has a setting, or can get one that only nnsweep's own choice of that name has."""
    node = None if config is None else _find_node(config, group)
    if node is None or name in {str(key) for key in node}:
        return True
    can_be_added = override.type in (OverrideType.ADD, OverrideType.FORCE_ADD)
    own = "???" if OmegaConf.is_missing(node, "name") else node.get("name")
    return can_be_added and name in _read_built_in(group, own)
