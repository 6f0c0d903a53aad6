"""The content of a report: sections of sentences, tables and pictures, before anybody decides how they look.

A section is a class in a file named ``section_NAME.py``, by which it is found. All text is plain: whoever renders it
escapes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

import pandas as pd

from nnsweep.results.frame import plain
from nnsweep.results.wording import count
from nnsweep.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nnsweep.results.report.study import Study  # which computes with SciPy: a card of a model does without


PHONE = 3.6
"""Inches that the screen of a phone has room for."""
Row: TypeAlias = Mapping[str, object]
Sentences: TypeAlias = Callable[["Study"], list[str]]
"""Gives the sentences of one matter, none where there is nothing to say of it."""


def write_text(value: object) -> str:
    """Write a value as it is; nothing for none."""
    return "" if value is None else str(value)


class Column(NamedTuple):
    """A column of a table as it is shown.

    Attributes
    ----------
    heading : str
        Its name for a reader.
    key : str
        The column of the frame that it shows and is sorted by.
    write : callable
        Writes a cell, given its value.
    is_wide : bool
        Whether only a screen has room for it.
    needs_row : bool
        Whether `write` is given the whole row, because a cell says more than one value.
    """

    heading: str
    key: str
    write: Callable[[Any], str] = write_text
    is_wide: bool = False
    needs_row: bool = False

    def text(self, row: Row) -> str:
        """Write the cell of a row."""
        return self.write(row if self.needs_row else row[self.key])


def drop_empty(frame: pd.DataFrame, *columns: Column) -> tuple[Column, ...]:
    """Leave out the columns in which no row has anything."""
    return tuple(column for column in columns if any(value not in (None, "") for value in plain(frame[column.key])))


@dataclass(frozen=True, kw_only=True, repr=False)
class Table:
    """A table: all numbers in a frame, and which of them are shown how.

    Attributes
    ----------
    name : str
        One word.
    caption : str
        What is to be seen.
    frame : pandas.DataFrame
        The numbers with all their digits.
    columns : tuple of Column
        What is shown.
    best : frozenset of int
        Positions of the rows to be set in bold.
    indistinguishable : frozenset of int
        Positions of the rows that are not significantly different from the best.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    best: frozenset[int] = frozenset()
    indistinguishable: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"<Table {self.name}, {count(len(self.frame), 'row')}: {printable(self.caption)}>"

    def notes(self, n_shown: int) -> str:
        """Say what is to be seen, what the mark means and how many rows are left out if only the first are shown."""
        n_left = len(self.frame) - n_shown
        marked = ["† not significantly different from the best."] if self.indistinguishable else []
        left_out = [f"{count(n_left, 'further row')} not shown."] if n_left > 0 else []
        return " ".join([self.caption, *marked, *left_out])

    @property
    def narrow_columns(self) -> list[Column]:
        """The columns that paper has room for."""
        return [column for column in self.columns if not column.is_wide]

    def is_number(self, column: Column) -> bool:
        """Tell whether a column is of numbers."""
        values = [value for value in plain(self.frame[column.key]) if value is not None]
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, drawn when somebody looks at it.

    Attributes
    ----------
    name : str
        Its file's name without suffix.
    caption : str
        What is to be seen, in a sentence.
    draw : callable
        Draws it, or the same for the screen of a phone where pictures are laid out for that.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]

    @cached_property
    def figure(self) -> Figure:
        """The picture."""
        return self.draw()

    @cached_property
    def narrow(self) -> Figure:
        """The same for the screen of a phone."""
        from nnsweep.results.plots.figure import lay_out_for  # with Matplotlib, which a card of a model does without

        with lay_out_for(width=PHONE):
            return self.draw()


@dataclass(frozen=True, kw_only=True, repr=False)
class SectionContent:
    """A part of the report under one heading.

    Attributes
    ----------
    name : str
        One word, which a link can lead to.
    heading : str
        Its heading.
    sentences : tuple of str
        A paragraph.
    points : tuple of str
        Sentences of a list.
    tables, pictures : tuple
        What there is to see.
    commands : tuple of str
        Lines for a terminal.
    """

    name: str
    heading: str
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    commands: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([f"<Section {self.name}: {printable(self.heading)}>", *map(printable, self.sentences)])

    def _repr_html_(self) -> str:
        from nnsweep.results.report.cell import write_section  # which is a writer, and writers import this module

        return write_section(self)

    def is_empty(self, pictures: Collection[str]) -> bool:
        """Tell whether nothing is left to be read if only some pictures, by their names, can be shown."""
        shown = any(picture.name in pictures for picture in self.pictures)
        return not (shown or self.sentences or self.points or self.tables or self.commands)


SECTIONS: list[Section] = []
"""The sections in the order in which they are read."""


class Section(ABC):
    """A section of the report; a subclass is registered when it is defined.

    Attributes
    ----------
    order : int
        Its place among the sections.
    answers : sequence of (int, callable)
        What it says in the answer: the place among all that is said there, and what gives the sentences.
    scope : str
        Whether it is about one data set, about several, or about either.
    """

    order: ClassVar[int]
    scope: ClassVar[Literal["one data set", "several data sets", "either"]] = "one data set"
    answers: ClassVar[Sequence[tuple[int, Sentences]]] = ()

    def __init_subclass__(cls) -> None:
        SECTIONS.append(cls())
        SECTIONS.sort(key=lambda section: section.order)

    @abstractmethod
    def build(self, study: Study) -> SectionContent | None:
        """Build what stands under its heading; None where the study has nothing for it."""

    def method_notes(self, study: Study) -> list[str]:
        """Say how its numbers were computed."""
        return []


def choose_sections(study: Study) -> list[Section]:
    """Choose the sections for a study: what compares accuracies of several data sets would compare the data."""
    scope = "several data sets" if study.has_several_data_sets else "one data set"
    return [section for section in SECTIONS if section.scope in (scope, "either")]
