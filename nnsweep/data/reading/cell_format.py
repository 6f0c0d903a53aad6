"""How the cells of a table are written, as far as somebody says so: decimals, thousands, dates and gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nnsweep.data.reading.cell_texts import GAP_WORDS, MISSING
from nnsweep.messages import quote_argument

Decimal: TypeAlias = Literal["point", "comma", ".", ","]
Thousands: TypeAlias = Literal["comma", "point", "apostrophe", "blank", ",", ".", "'", " "]
Mark: TypeAlias = str | int | float | None

SIGNS: Mapping[str, str] = {"point": ".", "comma": ",", "apostrophe": "'", "blank": " "}
"""What separates digits, by the word for it, which no shell and no grammar of overrides takes for anything else."""
WORDS: Mapping[str, str] = {sign: word for word, sign in SIGNS.items()}
_NOT = "not "


@dataclass(frozen=True, kw_only=True)
class CellFormat:
    """How cells are written.

    Attributes
    ----------
    decimal : {"point", "comma", ".", ","} or None
        What stands before the decimals of numbers; None for a point.
    thousands : {"comma", "point", "apostrophe", "blank", ",", ".", "'", " "} or None
        What stands between the thousands of numbers; None for nothing.
    date_format : str or None
        How dates are written, as `datetime.strptime` has it, where that is not seen in them.
    missing_marks : tuple of str or number, or None
        More texts that stand for a missing value; ``not X`` takes the usual mark X away.
    """

    decimal: Decimal | None = None
    thousands: Thousands | None = None
    date_format: str | None = None
    missing_marks: tuple[Mark, ...] | None = None

    @property
    def decimal_sign(self) -> str | None:
        """The sign before decimals; None if nobody has named it."""
        return None if self.decimal is None else SIGNS.get(self.decimal, self.decimal)

    @property
    def thousands_sign(self) -> str | None:
        """The sign between thousands; None if nobody has named it."""
        return None if self.thousands is None else SIGNS.get(self.thousands, self.thousands)

    def marks(self, *, has_nulls: bool = False) -> tuple[str, ...]:
        """Give the texts that stand for a missing value.

        Parameters
        ----------
        has_nulls : bool
            Whether the format has a way of its own to say that there is no value, as Parquet and JSON have: then every
            text but an empty one is a value.

        Examples
        --------
        >>> CellFormat(missing_marks=(-999, "not None")).marks()[-2:]
        ('-', '-999')
        >>> CellFormat(missing_marks=("unknown",)).marks(has_nulls=True)
        ('', 'unknown')
        """
        usual = ("",) if has_nulls else MISSING
        given = ["null" if mark is None else str(mark) for mark in self.missing_marks or ()]
        kept = self.values
        return (*(mark for mark in usual if mark not in kept), *(mark for mark in given if not _is_value(mark)))

    def keep(self, *marks: str) -> str:
        """Write the setting, for a shell, that makes values of usual marks."""
        given = ["null" if one is None else str(one) for one in self.missing_marks or ()]
        texts = ", ".join(f'"{text}"' for text in (*given, *(f"{_NOT}{mark}" for mark in marks)))
        return quote_argument(f"data.missing_marks=[{texts}]")

    @property
    def values(self) -> frozenset[str]:
        """The usual marks that are values here."""
        return frozenset(str(mark)[len(_NOT) :] for mark in self.missing_marks or () if _is_value(str(mark)))


def _is_value(mark: str) -> bool:
    """Tell whether an entry takes a usual mark away; ``not available`` is a mark like others."""
    text = mark[len(_NOT) :]
    return mark.startswith(_NOT) and (text in MISSING or text.lower() in GAP_WORDS)
