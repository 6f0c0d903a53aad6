"""A candidate: one way in which the last word of a command line may go on."""

from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["word", "start", "file", "folder"]
"""A ``word`` is whole and ends with a space, a ``start`` goes on; a ``file`` or ``folder`` is the shell's to find."""
LONGEST_REMARK = 50


class Candidate(NamedTuple):
    """What a word may become.

    Attributes
    ----------
    kind : str
        See `Kind`.
    text : str
        The whole word; for a file or folder, what stands before its name in the word.
    remark : str
        What it means, for shells that show it.
    """

    kind: Kind
    text: str
    remark: str = ""


def remark(text: str) -> str:
    r"""Make a text fit beside a candidate.

    Examples
    --------
    >>> remark("two\nlines"), len(remark(50 * "long "))
    ('two lines', 50)
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REMARK else f"{line[: LONGEST_REMARK - 3]}..."
