"""The cells of a table as a reader of one format hands them over, before anybody asks what they mean."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Kind: TypeAlias = Literal["number", "date", "category", "text"]


class Cells(NamedTuple):
    """What a file's bytes say.

    Attributes
    ----------
    frame : pandas.DataFrame
        The cells (n_rows, n_columns): texts as they are written, or typed if the format has types.
    typed : bool
        Whether the format has types.
    lines : callable, optional
        Gives the line number, from 1, at which each row begins (n_rows,); for texts.
    kinds : mapping of str to str
        Kinds that the format itself declares, by column.
    target : str, optional
        The column with the labels, if the format has one.
    absent : float, optional
        What the cells of columns are that the file does not have, as in sparse formats.
    nulls : frozenset of str
        Columns of texts in which the format itself says where no value is, so that every text is one.
    """

    frame: "pd.DataFrame"
    typed: bool
    lines: Callable[[], Sequence[int]] | None = None
    kinds: Mapping[str, Kind] = MappingProxyType({})
    target: str | None = None
    absent: float | None = None
    nulls: frozenset[str] = frozenset()


Reader: TypeAlias = Callable[[bytes, str], Cells]
"""Reads a file's content, unpacked, whose name is for messages; raises `DataError` with all problems of a kind."""
