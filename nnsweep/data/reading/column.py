"""One column of a table: what kind it is of, its values in that kind, and the cells that do not fit.

What reads as a number in every cell is a number; long texts of many words are text; anything else is a category.
A column that is nearly all numbers is meant as numbers, so the rest of its cells are wrong: a slip in one cell must
not turn a measurement into categories behind anybody's back. So are numbers with a currency or a decimal comma, and
dates: they are read when somebody says how, and never taken for categories unasked.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.prepared import whole_number
from nnsweep.data.problems import column_kind, write_setting
from nnsweep.data.reading import dates, numerals
from nnsweep.data.reading.cells import CellTexts, find_missing, matches, trim_texts
from nnsweep.data.reading.numerals import OTHER_KINDS, Notation, Numerals
from nnsweep.data.table_settings import GAP_WORDS, MISSING, CellFormat, Kind

if TYPE_CHECKING:
    import pandas as pd

LARGEST = float(np.finfo(np.float32).max)
"""Networks are trained in float32, and squares of larger numbers soon leave float64, too."""

_BEYOND_32 = "is beyond the numbers of 32 bits (3.4e38), in which networks are trained"
_BEYOND_64 = "is beyond the numbers of 64 bits (1.8e308)"
_TIME = "is a time"
_PARTS_OF_DATES = "numbers of it (day, month, weekday)"
_INFINITE = r"[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"
_LEADING_ZERO = r"[+-]?0[0-9]"
_MEANT_AS_NUMBERS = 0.8
_MORE_THAN_HALF, _MANY_NUMBERS = 0.5, 20
"""Of a column of many different numbers, half the cells tell what is meant if no other one has a digit."""
_FEWEST_NUMBERS, _MOST_MARKS = 3, 50
_LONG_CHARACTERS, _MANY_WORDS = 40, 5


class Misfit(NamedTuple):
    """A cell that cannot be what its column is.

    Attributes
    ----------
    row : int
        Its row in the file's table, from 0.
    value : str
        What is written there.
    rule : str
        What is wrong with it.
    """

    row: int
    value: str
    rule: str


@dataclass(frozen=True, eq=False)
class TableColumn:
    """A column of which the kind is known.

    Attributes
    ----------
    name : str
        Its name.
    kind : {"number", "date", "category", "text"}
        Its kind.
    values : ndarray of shape (n_rows,)
        float64, NaN where missing, for numbers, and for dates as days since 1970-01-01; str, None where missing, for
        the other kinds.
    misfits : sequence of Misfit
        The cells that do not fit.
    way_out : str or None
        What lets the column be read all the same; None for the usual.
    written : mapping
        How its cells are written, as JSON values, where that is not plain: ``decimal``, ``thousands`` and ``affix``
        of numbers, ``format`` of dates, and ``missing``, texts that stand for a missing value in it alone. A number
        that is made of dates has ``of`` and ``part`` besides.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    misfits: Sequence[Misfit] = ()
    way_out: str | None = None
    written: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_missing(self) -> NDArray[np.bool_]:
        """Where no value is, (n_rows,); a cell that does not fit is not missing."""
        is_missing = find_missing(self.values)
        is_missing[[misfit.row for misfit in self.misfits]] = False
        return is_missing

    def take(self, rows: NDArray[np.intp]) -> "TableColumn":
        """Give the column in those rows alone, in their order (n_taken,)."""
        return TableColumn(self.name, self.kind, self.values[rows], self.misfits, self.way_out, self.written)

    def features(self) -> list["TableColumn"]:
        """Give the columns that features are made of: a date's parts, and any other column itself."""
        if self.kind != "date":
            return [self]
        form = self.written["format"]
        return [self.part(part) for part in dates.parts_of(self.values, form)]

    def part(self, part: str) -> "TableColumn":
        """Give a number that is made of dates; see `nnsweep.data.reading.dates`."""
        written = {"of": self.name, "part": part, **self.written}
        name = dates.part_name(self.name, part)
        return TableColumn(name, "number", dates.part_of(self.values, part), written=written)


def make_column(
    series: "pd.Series[Any]",
    *,
    asked: Kind | None = None,
    cell_format: CellFormat | None = None,
    marks: Collection[str] = MISSING,
    written: Mapping[str, Any] | None = None,
) -> TableColumn:
    """Find out what a column is.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        Its cells, as texts or typed, under its name.
    asked : {"number", "date", "category", "text"}, optional
        The kind that somebody has decided on; None to infer it.
    cell_format : CellFormat, optional
        How cells are written, as far as somebody has said it.
    marks : collection of str
        The texts that stand for a missing value.
    written : mapping, optional
        How the cells of the same column were written before, as `TableColumn.written`: other ways are not looked for.

    Returns
    -------
    TableColumn
        Its values, and what does not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> make_column(pd.Series(["1.5", "", "2"], name="age")).values
    array([1.5, nan, 2. ])
    >>> make_column(pd.Series(["red", "NA", "blue"], name="colour")).values
    array(['red', None, 'blue'], dtype=object)
    >>> make_column(pd.Series(["$1,234.50", "$3"], name="price"), asked="number").values
    array([1234.5,    3. ])
    """
    import pandas as pd

    name, cell_format = str(series.name), cell_format or CellFormat()
    if is_numeric(series) and asked in (None, "number"):
        return _make_number_column(name, _convert_numbers(series))
    if asked is None and isinstance(series.dtype, pd.CategoricalDtype):
        asked = "category"
    kind = pd.api.types.infer_dtype(series, skipna=True) if asked != "category" else ""
    if asked == "date" and kind.startswith("date"):
        return TableColumn(name, "date", dates.convert_dates(series), written={"format": dates.ISO})
    if asked in (None, "number", "date") and (rule := _explain_type(series, kind)):
        way_out = (
            f"{column_kind(name, 'date')} makes {_PARTS_OF_DATES}, {OTHER_KINDS}" if kind.startswith("date") else None
        )
        values = np.full(len(series), "", dtype=object)
        row = int(series.notna().to_numpy().argmax())
        return TableColumn(name, "category", values, [Misfit(row, str(series.iloc[row]), rule)], way_out)
    if asked == "text":
        return _make_text_column(name, series)
    texts = trim_texts(series, marks)
    if asked == "date":
        return _read_dates(name, texts, cell_format, written or {})
    if asked != "category":
        if numbers := _read_numbers(name, texts, cell_format, asked=asked == "number", written=written):
            return numbers
        if (misfits := _find_dates(texts)) and asked is None:
            parts = "a number of it (hour)" if {misfit.rule for misfit in misfits} == {_TIME} else _PARTS_OF_DATES
            way_out = f"{column_kind(name, 'date')} makes {parts}, {OTHER_KINDS}"
            return TableColumn(name, "date", texts.objects(), misfits, way_out)
        if _is_text(texts):
            return _make_text_column(name, series)
    return TableColumn(name, "category", _unify_whole_numbers(texts.objects()))


def is_numeric(series: "pd.Series[Any]") -> bool:
    """Tell whether a column's cells are numbers by their type; truth values are none."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_complex_dtype(series.dtype):
        return False
    if pd.api.types.is_numeric_dtype(series.dtype):
        return True
    numbers = ("integer", "floating", "mixed-integer-float", "decimal")
    return series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) in numbers


def _explain_type(series: "pd.Series[Any]", kind: str) -> str | None:
    """Say why cells of a type cannot be read: dates that nobody has asked for, bytes and nested values."""
    if kind.startswith(("date", "time", "period", "interval", "bytes", "complex")):
        return f"is of a type that is not read ({kind}): turn it into numbers or texts"
    if kind == "mixed" and any(isinstance(cell, list | tuple | dict | set | np.ndarray) for cell in series):
        return "is a nested value: give each of its parts a column"
    return None


def _convert_numbers(series: "pd.Series[Any]") -> NDArray[np.float64]:
    """Give typed numbers; infinity for a whole number beyond all floats."""
    import pandas as pd

    def convert(cell: Any) -> float:
        try:
            return math.nan if pd.isna(cell) else float(cell)
        except OverflowError:
            return math.inf

    try:
        return np.asarray(pd.to_numeric(series).to_numpy(dtype=np.float64, na_value=np.nan))
    except OverflowError:
        return np.array([convert(cell) for cell in series])


def _make_number_column(
    name: str, values: NDArray[np.float64], written: Mapping[str, Any] | None = None, texts: Any = None
) -> TableColumn:
    """Make a column of numbers; those that are too large do not fit, and are shown as they are in Arrow's texts."""
    misfits = []
    for row in np.flatnonzero(np.abs(values) > LARGEST).tolist():
        beyond = "is infinite" if texts is None else _BEYOND_64
        cell = str(values[row] if texts is None else texts[row])
        misfits.append(Misfit(row, cell, beyond if np.isinf(values[row]) else _BEYOND_32))
    return TableColumn(name, "number", values, misfits, written=written or {})


class _Cells(NamedTuple):
    """What may be numbers: the cells, each different text once, and those texts taken apart."""

    texts: CellTexts
    different: Any
    which: NDArray[np.intp]
    numerals: Numerals

    @classmethod
    def of(cls, texts: CellTexts, unit: str = "") -> "_Cells":
        different, which = texts.different()
        return cls(texts, different, which, numerals.take_apart(different, unit))

    @property
    def counts(self) -> NDArray[np.intp]:
        """How often each text is there, (n_different,)."""
        return np.bincount(self.which, minlength=len(self.different))

    def misfits(self, rules: Mapping[int, str]) -> list[Misfit]:
        """List the cells whose texts break a rule, by the text's number."""
        rows, places = np.flatnonzero(~self.texts.is_missing), np.flatnonzero(np.isin(self.which, [*rules]))
        written = {text: str(self.different[text]) for text in rules}
        return [
            Misfit(int(rows[place]), written[text], rules[text])
            for place, text in zip(places, self.which[places].tolist(), strict=True)
        ]


def _read_numbers(
    name: str, texts: CellTexts, cell_format: CellFormat, *, asked: bool, written: Mapping[str, Any] | None
) -> TableColumn | None:
    """Read a column as numbers; None if it is not meant as such."""
    import pyarrow.compute as pc

    usual = Notation.of(cell_format)
    if written is not None:
        notation = Notation(**{key: written[key] for key in Notation._fields if key in written})
        return _read_notation(name, _Cells.of(texts, notation.affix), notation, written=written)
    plain = numerals.is_plain(texts.trimmed, usual)
    is_code = not asked and pc.any(pc.match_substring_regex(texts.trimmed, f"^{_LEADING_ZERO}")).as_py()
    if plain.any() and not is_code and (plain | texts.is_missing).all():
        values = np.full(len(texts.is_missing), np.nan)
        values[~texts.is_missing] = numerals.read_plain_values(texts.values(), usual)
        return _make_number_column(name, values, usual.written(), texts.trimmed)
    cells = _Cells.of(texts)
    gaps = [] if is_code else _find_gaps(cells, cell_format)
    cells = _Cells.of(texts.without(gaps)) if gaps else cells
    if not asked and (is_code or not _is_meant(cells)):
        return None
    notations = numerals.infer(cells.numerals, cells.counts, cell_format)
    notation = notations[0] if asked and len(notations) == 1 else usual
    written = notation.written() | ({"missing": gaps} if gaps else {})
    if asked:
        way_out = numerals.advise(name, notations, usual) if len(notations) > 1 else None
        return _read_notation(name, cells, notation, way_out=way_out, written=written)
    is_plain = numerals.is_plain(cells.different, usual)
    others = cells.numerals.is_numeral & ~is_plain
    is_readable = [np.isfinite(numerals.read_values(cells.numerals, one)[others]).all() for one in notations]
    way_out = numerals.advise(name, notations, usual) if others.any() and all(is_readable) else None
    return _read_notation(name, cells, usual, way_out=way_out, written=written, only=is_plain)


def _find_gaps(cells: _Cells, cell_format: CellFormat) -> list[str]:
    """Find the texts that stand for a missing value among numbers: known ones, and the only other one that repeats."""
    is_number = cells.numerals.is_numeral
    others = np.flatnonzero(~is_number)
    if not len(others) or len(others) > _MOST_MARKS or not is_number.any():
        return []
    words = {int(text): str(cells.different[int(text)]) for text in others}
    words = {text: word for text, word in words.items() if not re.fullmatch(_INFINITE, word)}
    values = {value.lower() for value in cell_format.values}
    gaps = [word for word in words.values() if word.lower() in GAP_WORDS - values]
    unknown = [(text, word) for text, word in words.items() if word not in gaps]
    if len(unknown) == 1 and int(is_number.sum()) >= _FEWEST_NUMBERS:
        ((text, word),) = unknown
        if cells.counts[text] > 1 and not re.search("[0-9]", word) and word.lower() not in values:
            gaps.append(word)
    return gaps


def _is_meant(cells: _Cells) -> bool:
    """Tell whether a column that nobody has decided on is meant as numbers."""
    is_number = cells.numerals.is_numeral | matches(cells.different, _INFINITE)
    n_meant, n_values = int(cells.counts[is_number].sum()), int(cells.counts.sum())
    if not n_meant or n_meant < _MORE_THAN_HALF * n_values:
        return False
    if n_meant >= _MEANT_AS_NUMBERS * n_values:
        return True
    has_digit = matches(cells.different, ".*[0-9].*")
    return int(is_number.sum()) > _MANY_NUMBERS and not (has_digit & ~is_number).any()


def _read_notation(
    name: str,
    cells: _Cells,
    notation: Notation,
    *,
    written: Mapping[str, Any],
    way_out: str | None = None,
    only: NDArray[np.bool_] | None = None,
) -> TableColumn:
    """Read numbers in a notation, all of them or some of the texts only; what is not read does not fit."""
    values = numerals.read_values(cells.numerals, notation)
    if only is not None:
        values[~only] = np.nan
    n_read = int(cells.counts[np.isfinite(values)].sum())
    usual = notation.affix if only is None else numerals.usual_affix(cells.numerals, cells.counts)
    others = f", as {n_read:,} other cells of the column are" if n_read > 1 else ""
    rules: dict[int, str] = {}
    for text in np.flatnonzero(~(np.abs(values) <= LARGEST)).tolist():
        rule = f"is not a number{others}"
        if not np.isnan(values[text]):
            rule = _BEYOND_64 if np.isinf(values[text]) else _BEYOND_32
        elif re.fullmatch(_INFINITE, str(cells.different[text])):
            rule = "is infinite"
        elif cells.numerals.is_numeral[text]:
            rule = numerals.describe_numerals(cells.numerals, text, notation, usual) or rule
        rules[text] = rule
    return TableColumn(name, "number", cells.texts.spread(values, cells.which), cells.misfits(rules), way_out, written)


def _find_dates(texts: CellTexts) -> list[Misfit]:
    """List the dates and times of a column that consists of them."""
    import pyarrow.compute as pc

    is_time = matches(texts.trimmed, dates.TIME) & ~texts.is_missing
    is_date = (matches(texts.trimmed, dates.PATTERN) & ~texts.is_missing) | is_time
    if not is_date.any() or is_date.sum() < _MEANT_AS_NUMBERS * (~texts.is_missing).sum():
        return []
    rows = np.flatnonzero(is_date)
    written = pc.take(texts.trimmed, rows).to_pylist()
    kinds = [_TIME if its else "is a date" for its in is_time[rows]]
    return [Misfit(int(row), text, kind) for row, text, kind in zip(rows, written, kinds, strict=True)]


def _read_dates(name: str, texts: CellTexts, cell_format: CellFormat, written: Mapping[str, Any]) -> TableColumn:
    """Read a column as dates, in the format that fits it."""
    cells = _Cells.of(texts)
    different = cells.different.to_pylist()
    if "format" in written:
        reading = dates.Dates(dates.parse_dates(different, written["format"]), written["format"])
    else:
        reading = dates.read_dates(different, cell_format.date_format)
    rules, way_out = {}, None
    if reading.date_format is None:
        way_out = f"say how the dates are written, such as {write_setting('data.date_format', '%d.%m.%Y')}"
    if reading.other is not None:
        rules = {0: "may have its day or its month first"}
        ways = [write_setting("data.date_format", str(one)) for one in (reading.date_format, reading.other)]
        way_out = f"say which: {' or '.join(ways)}"
    form = f" that is written as {reading.date_format}" if reading.date_format else ""
    rules |= {int(text): f"is no date{form}" for text in np.flatnonzero(np.isnan(reading.days))}
    values = texts.spread(reading.days, cells.which)
    return TableColumn(
        name, "date", values, cells.misfits(rules), way_out, {"format": reading.date_format or dates.ISO}
    )


def _unify_whole_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Make one category of whole numbers that are written differently, as labels have it: 1.0 is 1, 01 is not."""
    levels = [level for level in dict.fromkeys(values.tolist()) if level is not None]
    numbers = {level: number for level in levels if (number := whole_number(level)) is not None}
    if len({*numbers.values()}) == len(numbers):
        return values
    counts = Counter(numbers.values())
    names = {level: number for level, number in numbers.items() if counts[number] > 1}
    return np.array([names.get(value, value) for value in values.tolist()], dtype=object)


def _is_text(texts: CellTexts) -> bool:
    """Tell whether the cells are long texts of many words, most of them different."""
    import pyarrow.compute as pc

    cells = texts.values()
    if len(cells) < 2 or pc.mean(pc.utf8_length(cells)).as_py() < _LONG_CHARACTERS:
        return False
    n_words = pc.mean(pc.add(pc.count_substring(cells, " "), 1)).as_py()
    return bool(n_words >= _MANY_WORDS and 2 * len(pc.unique(cells)) > len(cells))


def _make_text_column(name: str, series: "pd.Series[Any]") -> TableColumn:
    """Take texts as they are; only one without any character is missing."""
    cells = series.astype(object).map(str, na_action="ignore").to_numpy(dtype=object, copy=True)
    cells[[not str(cell).strip() for cell in cells]] = None
    cells[find_missing(cells)] = None
    return TableColumn(name, "text", cells)
