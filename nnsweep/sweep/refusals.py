"""Refusals: what is told of an error that ends the program, and the exit code that goes with it.

Hydra, OmegaConf and click have errors of their own for what a user gets wrong; they are told as ours are.
"""

import sys
import traceback
from pathlib import Path

import hydra
import omegaconf
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from nnsweep.errors import UserError
from nnsweep.masking import masked
from nnsweep.messages import shortened, visible
from nnsweep.sweep.composing import absent_plugin, told

USAGE = 2
_LONGEST = 200  # characters of what a library says
_READERS = {Path(package.__path__[0]) for package in (hydra, omegaconf)}
_UNREADABLE = (ValueError, TypeError, AssertionError, AttributeError, LookupError, RecursionError, OSError)
"""What these raise at a command line that they cannot read, and have no word for."""


def refused(error: Exception) -> int:
    """Tell an error on standard error: a line for each problem of the user's, a traceback for a fault of ours.

    Returns
    -------
    int
        The exit code.
    """
    found = problems(error)
    if found is None:
        print(masked("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        return 1
    for problem in found:
        print(f"nnsweep: error: {masked(visible(problem))}", file=sys.stderr)
    return error.exit_code if isinstance(error, UserError) else USAGE


def problems(error: Exception) -> tuple[str, ...] | None:
    """Say in lines what the user can mend; None if the error is nobody's but ours.

    Parameters
    ----------
    error : Exception
        Of ours, of Hydra, OmegaConf or click, or one that they let through.
    """
    import click

    if isinstance(error, UserError):
        return error.problems
    if isinstance(error, click.ClickException):
        return (" ".join(error.format_message().split()),)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return (told(error),)
    if absent := absent_plugin(error):
        return (absent,)
    if isinstance(error, UserWarning) and "hydra.searchpath" in str(error):
        return (f"hydra.searchpath: {str(error).partition(', ')[2]}",)
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if isinstance(error, _UNREADABLE) and _READERS & {*Path(raised_in).parents}:
        said = f"{type(error).__name__}: {error}".removeprefix("ValueError: ").removesuffix(": ")
        given = masked(" ".join(map(shortened, sys.argv[1:])))  # it does not say which argument it means
        return (f"{said[:_LONGEST]} (in: {given}); settings are written key=value",)
    return None
