"""A finding: what was looked at, how it is, and what is to be done about it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from nnsweep.errors import ConfigError, DifferenceError, StoreError, UserError

State: TypeAlias = Literal["ok", "warning", "problem"]
"""With a ``warning`` sweeps run, if slower or less safely; with a ``problem`` some or all do not."""


class Finding(NamedTuple):
    """What a check has found.

    Attributes
    ----------
    what : str
        What was looked at.
    state : str
        See `State`.
    says : str
        How it is.
    way_out : str
        What to do; empty if there is nothing to be done.
    error : type of UserError
        What it ends the program as.
    """

    what: str
    state: State
    says: str
    way_out: str = ""
    error: type[UserError] = ConfigError

    def in_words(self) -> str:
        """Say it in a line.

        Examples
        --------
        >>> Finding("disk", "warning", "500 MB are free", "make room").in_words()
        'warning  disk: 500 MB are free; make room'
        """
        return f"{self.state:<8} {self.what}: {self.says}{f'; {self.way_out}' if self.way_out else ''}"


Check: TypeAlias = Callable[[], Iterable[Finding]]


def run_check(what: str, check: Check) -> Iterator[Finding]:
    """Make a check; one that cannot be made is a finding, too: an installation may be broken in any way.

    Parameters
    ----------
    what : str
        What is looked at.
    check : callable
        Gives findings.
    """
    try:
        yield from check()
    except UserError as error:
        for problem in error.problems:
            kinds = (one for one in (StoreError, DifferenceError) if isinstance(error, one))
            yield Finding(what, "problem", problem, error=next(kinds, ConfigError))
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding(what, "problem", f"it could not be looked at ({said})", "install nnsweep again")
