"""A section: all that a report says of one matter, as one object that is registered by being defined.

It may add sentences to the answer, a part under a heading of its own and notes on the methods; the report puts each in
its place. `nnsweep.results.report.report` finds the modules ``section_*.py`` beside this one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from nnsweep.results.report.content import Part
from nnsweep.results.report.study import Study

SECTIONS: list["Section"] = []
"""The sections in the order in which they are read."""
Sentences: TypeAlias = Callable[[Study], list[str]]
"""Gives the sentences of one matter, none where there is nothing to say of it."""


class Section(ABC):
    """A section of the report; a subclass is registered when it is defined.

    Attributes
    ----------
    order : int
        Its place among the sections.
    answers : sequence of (int, callable)
        What it says in the answer: the place among all that is said there, and what gives the sentences.
    """

    order: ClassVar[int]
    answers: ClassVar[Sequence[tuple[int, Sentences]]] = ()

    def __init_subclass__(cls) -> None:
        SECTIONS.append(cls())
        SECTIONS.sort(key=lambda section: section.order)

    @abstractmethod
    def build(self, study: Study) -> Part | None:
        """Build what stands under its heading; None where the study has nothing for it."""

    def method_notes(self, study: Study) -> list[str]:
        """Say how its numbers were computed."""
        return []
