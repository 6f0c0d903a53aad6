"""The settings of tables: what columns are, how a file is laid out and its cells are written, what fills gaps.

They are records and types without any code that reads a table, so that a sweep can be checked without importing a
reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, TypedDict, TypeVar, get_args, get_type_hints

from nnsweep.data.problems import show_value
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Task
from nnsweep.mlp.choices import Index
from nnsweep.mlp.choices import settings as get_settings
from nnsweep.text import quote_argument, suggest_null

T = TypeVar("T")

Scaling: TypeAlias = Literal["standard", "robust_smooth_clip", "none"]
"""How numbers are scaled: by mean and variance, by `nnsweep.data.pipeline_steps`, or not at all."""


def choose_scaling(scaling: Scaling | None, *, standardize: bool) -> Scaling:
    """Say how numbers are scaled by two settings, of which the younger one wins where it is given."""
    return scaling or ("standard" if standardize else "none")


Kind: TypeAlias = Literal["number", "date", "category", "text"]
ColumnName: TypeAlias = Annotated[str, "a column's name, or its number from 0; from -1 backwards"]
ColumnNames: TypeAlias = ColumnName | tuple[ColumnName, ...] | None
ColumnKind: TypeAlias = Literal["number", "date", "category", "text", "ignore"]
KINDS: tuple[Kind, ...] = get_args(Kind)
IGNORE = "ignore"


class Ways(TypedDict, total=False):
    """What is done about missing values of each kind."""

    number: Literal["drop", "mean", "median", "most_frequent"]
    category: Literal["drop", "most_frequent", "own"]
    label: Literal["drop"]


Missing: TypeAlias = Literal["drop", "mean", "median", "most_frequent", "own"] | Ways
OWN = "(missing)"
"""The category that missing ones are of with ``own``."""


@dataclass(frozen=True, kw_only=True)
class RoleSettings:
    """Which columns of a table are no features.

    Attributes
    ----------
    target : str, tuple of str, or None
        The column with the labels or numbers to be learned, or several; None for the one that the format itself names.
    task : {"classification", "multilabel", "regression"} or None
        What is learned; None to infer it, see `nnsweep.data.reading.targets`.
    weight : str or None
        The column that says how much each row counts: numbers of at least 0. Rows of weight 0 are left out.
    missing : {"drop", "mean", "median", "most_frequent", "own"}, mapping of kinds to them, or None
        What to do about missing values, of every kind or of ``number``, ``category`` and ``label``, which stands for
        targets, weights and groups; ``own`` makes a category of them. None to refuse them.
    group : str or None
        The column whose equal values stay in one part.
    split : str or None
        The column that says which part a row is of: train, val or validation, test.
    split_by : str or None
        A column of numbers or dates: the last rows by its order are the test part, those before them the validation
        part.
    """

    target: ColumnNames = None
    task: Task | None = None
    weight: ColumnName | None = None
    missing: Missing | None = None
    group: ColumnName | None = None
    split: ColumnName | None = None
    split_by: ColumnName | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnSettings(RoleSettings):
    """What the columns of a table are.

    Attributes
    ----------
    columns : mapping of str to {"number", "date", "category", "text", "ignore"} or None
        Kinds by column, where they shall not be inferred. A number may have a currency, a percent sign, a unit, or
        signs between its thousands; a date becomes the numbers of `nnsweep.data.reading.dates`.
    ignore : tuple of str or None
        More columns that are no features.
    standardize : bool
        Bring every number to mean 0 and variance 1 over the training part.
    scaling : {"standard", "robust_smooth_clip", "none"} or None
        How numbers are scaled; None for what `standardize` says.
    """

    columns: Mapping[str, ColumnKind] | None = None
    ignore: tuple[ColumnName, ...] | None = None
    standardize: bool = True
    scaling: Scaling | None = None


Decimal: TypeAlias = Literal["point", "comma", ".", ","]
Thousands: TypeAlias = Literal["comma", "point", "apostrophe", "blank", ",", ".", "'", " "]
Mark: TypeAlias = str | int | float | None
SIGNS: Mapping[str, str] = {"point": ".", "comma": ",", "apostrophe": "'", "blank": " "}
"""What separates digits, by the word for it, which no shell and no grammar of overrides takes for anything else."""
WORDS: Mapping[str, str] = {sign: word for word, sign in SIGNS.items()}
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None", "?", "-")
"""What stands for a missing value in a text; a ``-`` is none where there is a ``+`` as well."""
GAP_WORDS = frozenset(
    {".", "..", "...", "-", "--", "---", "*", "?", "na", "n.a.", "n/a", "nan", "nil", "none", "null", "missing"}
    | {"unknown", "undefined", "empty", "blank", "k.a.", "not available", "not known", "no data"}
)
"""What stands for a missing value among numbers, in lower case; elsewhere it may be a value."""
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
        usual = [mark for mark in (("",) if has_nulls else MISSING) if mark not in self.values]
        return (*usual, *(mark for mark in self._entries if not _is_value(mark)))

    def keep(self, *marks: str) -> str:
        """Write the setting, for a shell, that makes values of usual marks."""
        texts = ", ".join(f'"{text}"' for text in (*self._entries, *(f"{_NOT}{mark}" for mark in marks)))
        return quote_argument(f"data.missing_marks=[{texts}]")

    @property
    def values(self) -> frozenset[str]:
        """The usual marks that are values here."""
        return frozenset(mark[len(_NOT) :] for mark in self._entries if _is_value(mark))

    @property
    def _entries(self) -> list[str]:
        return ["null" if mark is None else str(mark) for mark in self.missing_marks or ()]


def _is_value(mark: str) -> bool:
    """Tell whether an entry takes a usual mark away; ``not available`` is a mark like others."""
    text = mark[len(_NOT) :]
    return mark.startswith(_NOT) and (text in MISSING or text.lower() in GAP_WORDS)


SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
BLANK = "blank"
"""The separator that is any number of blanks or tabs."""
QUOTES = {"double": '"', "single": "'", "none": ""}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a text is laid out; None for what the text itself shows.

    Attributes
    ----------
    header : bool or None
        Whether the first line names the columns; without one they are called 0, 1, 2 and so on.
    separator : str or None
        What stands between cells: a character, or comma, semicolon, tab, bar or blank (any number of blanks).
    skip_lines : int or None
        Lines at the top that are left out.
    comment : str or None
        What lines begin with that are left out, such as ``#``.
    quote : {"double", "single", "none"} or None
        What stands around cells that have a separator in them; None for double quotes.
    unnamed : {"first", "last"} or None
        Which cell of each row has no name in the header: the first (names of rows, as R writes them), or the last
        (a separator at the end of each row).
    sheet : str or None
        The sheet of a workbook that has several.
    """

    header: bool | None = None
    separator: str | None = None
    skip_lines: Index | None = None
    comment: str | None = None
    quote: Literal["double", "single", "none"] | None = None
    unnamed: Literal["first", "last"] | None = None
    sheet: str | None = None

    @property
    def character(self) -> str | None:
        """The separator as a character, a tab for blanks; None if the text has to show it.

        Raises
        ------
        DataError
            If it is neither one character nor one of the words.
        """
        if self.separator is None:
            return None
        words = {word: character for character, word in SEPARATORS.items()} | {BLANK: "\t", " ": "\t", "\\t": "\t"}
        character = words.get(self.separator, self.separator)
        if len(character) != 1 or character in "\0\r\n\"'" or not character.isascii():
            hint = suggest_null("data.separator", self.separator)
            raise DataError(
                f"data.separator={show_value(self.separator)}: must be one character, or comma, semicolon, tab, bar or "
                f"{BLANK}{hint and f'; {hint}'}"
            )
        return character

    @property
    def n_headers(self) -> int:
        """How many lines name the columns: none or one."""
        return 0 if self.header is False else 1

    @property
    def quote_character(self) -> str:
        """What stands around cells; empty for nothing."""
        return QUOTES[self.quote or "double"]


AS_WRITTEN = Layout()
"""A layout that a text shows of itself."""


_WAYS: Mapping[str, tuple[str, ...]] = {kind: get_args(ways) for kind, ways in get_type_hints(Ways).items()}


class Policy(NamedTuple):
    """What is done about missing values, by kind; None where they are refused.

    Attributes
    ----------
    number : {"drop", "mean", "median", "most_frequent"} or None
        Of numbers, and of dates.
    category : {"drop", "most_frequent", "own"} or None
        Of categories.
    label : {"drop"} or None
        Of targets, weights and groups.
    text : {"drop", "empty"} or None
        Of texts; an empty one has no words.
    """

    number: str | None = None
    category: str | None = None
    label: str | None = None
    text: str | None = None

    @classmethod
    def of(cls, missing: Missing | Sequence[tuple[str, str]] | None) -> "Policy":
        """Make a policy of a setting.

        Parameters
        ----------
        missing : str, mapping of str to str, or None
            One way for all kinds that have it, or a way for each kind; None to refuse missing values.

        Examples
        --------
        >>> Policy.of("mean").category is None, Policy.of({"category": "own"}).category
        (True, 'own')
        """
        if missing is None:
            return cls()
        if isinstance(missing, str):
            ways: dict[str, str] = {kind: missing for kind, allowed in _WAYS.items() if missing in allowed}
            return cls(**ways, text="drop" if missing == "drop" else "empty")
        ways = {str(kind): str(way) for kind, way in dict(missing).items()}
        return cls(**ways, text="empty")

    def way(self, kind: str) -> str | None:
        """Give what is done about the missing values of a column."""
        ways: dict[str, str | None] = self._asdict()
        return ways["number" if kind == "date" else kind]

    def setting(self, **ways: str) -> str:
        """Write the setting with more ways in it, for a shell."""
        by_kind = {kind: way for kind, way in self._asdict().items() if way is not None and kind != "text"} | ways
        if set(by_kind.values()) == {"drop"}:
            return "data.missing=drop"
        return quote_argument(f"data.missing={{{', '.join(f'{kind}: {way}' for kind, way in by_kind.items())}}}")


def pick_settings(record: type[T], settings: Mapping[str, Any]) -> T:
    """Make a record of those settings that are its own.

    Examples
    --------
    >>> pick_settings(CellFormat, {"decimal": "comma", "path": "cats.csv"}).decimal_sign
    ','
    """
    return record(**{name: settings[name] for name in get_settings(record) if name in settings})
