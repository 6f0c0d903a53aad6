"""From configuration to finished jobs: checking, running and naming them."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """The package, which is the function `nnsweep.sweeping.sweep` as well.

    Importing any module of it makes the package an attribute of `nnsweep`, in the place of the function that users
    call by the same name; so it can be called, and tells of itself what the function tells.
    """

    @property
    def __call__(self) -> Any:  # a property, so that no call of ours stands between the caller and the function
        return _function()

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        told: str | None = _function().__doc__
        return told

    @property
    def __signature__(self) -> Any:
        from inspect import signature

        return signature(_function())


def _function() -> Any:
    # not imported above: the room does not know the house, which is built of it
    return import_module(f"{__name__.rpartition('.')[0]}.sweeping").sweep


sys.modules[__name__].__class__ = _Room
