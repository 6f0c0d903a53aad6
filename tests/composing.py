"""Equal choices from nnsweep's own files are composed once in each process of the tests.

Half of what a small sweep takes is Hydra's composition: it lists the files that the chosen groups need, and merges
them. Both depend on nothing but these files and choices. What a command sets is put in anew each time.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from typing import Any

import pytest
from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra._internal.defaults_list import DefaultsList, Overrides
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.config_loader import make_copier

OURS = f"file://{conf_dir()}"


@contextlib.contextmanager
def composing_once() -> Iterator[None]:
    """Let equal choices be composed once within the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config_loader_impl, "create_defaults_list", _list_once(config_loader_impl.create_defaults_list))
        merge = ConfigLoaderImpl._compose_config_from_defaults_list
        patch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", _merge_once(merge))
        yield


def _list_once(create: Callable[..., DefaultsList]) -> Callable[..., DefaultsList]:
    known: dict[Any, DefaultsList] = {}

    def create_once(*, repo: IConfigRepository, overrides_list: list[Override], **options: Any) -> DefaultsList:
        groups = [one.input_line for one in overrides_list if repo.group_exists(one.key_or_group)]
        key = (_name_sources(repo), *groups, *sorted(options.items()))
        if not key[0]:
            return create(repo=repo, overrides_list=overrides_list, **options)
        if key not in known:
            known[key] = create(repo=repo, overrides_list=overrides_list, **options)
        found = known[key]
        settings = Overrides(repo=repo, overrides_list=overrides_list).config_overrides
        return DefaultsList(copy.deepcopy(found.defaults), found.defaults_tree, settings, found.overrides)

    return create_once


def _merge_once(merge: Callable[..., DictConfig]) -> Callable[..., DictConfig]:
    known: dict[Any, Callable[[], DictConfig]] = {}

    def merge_once(loader: ConfigLoaderImpl, defaults: Sequence[ResultDefault], repo: IConfigRepository) -> DictConfig:
        key = (_name_sources(repo), *(repr(astuple(one)) for one in defaults))
        if not key[0]:
            return merge(loader, defaults, repo)
        if key not in known:
            known[key] = make_copier(merge(loader, defaults, repo))
        return known[key]()

    return merge_once


def _name_sources(repo: IConfigRepository) -> tuple[str, ...]:
    """Name where files are looked for; nothing if some of them are the user's own, which may change."""
    sources = [source.full_path() for source in repo.get_sources()]
    return () if any(name.startswith("file:") and name != OURS for name in sources) else tuple(sources)
