"""A table format: how a frame is written to a file that other programs read, and how its cells are read back.

Each format is one class, which is registered by being defined: the options that name formats, the suffixes and the
tests are read off `FORMATS`. Numbers are written with all their digits, so that reading them gives the same number.
Names, reasons and settings come from users and may hold a formula, a tag or a control character: each format escapes
text so that no program that opens the table takes it for anything else; numbers are never escaped.
"""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from nnsweep.errors import ConfigError, DataError
from nnsweep.files import whole_file
from nnsweep.text import explain_unknown, printable, shorten

if TYPE_CHECKING:
    import pandas as pd


FORMATS: dict[str, TableFormat] = {}
"""The formats by their names, in the order in which they are listed."""


class TableFormat(ABC):
    """A format of tables; a subclass is registered when it is defined.

    Attributes
    ----------
    name, suffix : str
        What the user calls it, and how its files end.
    is_reproducible : bool
        Whether the same table always has the same bytes, whichever version of a library writes them.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    is_reproducible: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        FORMATS[cls.name] = cls()

    @abstractmethod
    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        """Write a table in pieces; a format that has no place for a caption leaves it out."""

    @abstractmethod
    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        """Read a table's head and its rows; `read` turns whatever damaged content raises into a DataError."""

    @staticmethod
    def escape(text: str) -> str:
        """Make text inert; a format in which text is nothing but text leaves it as it is."""
        return text

    def read(self, content: bytes) -> pd.DataFrame:
        """Read the cells of a table.

        Parameters
        ----------
        content : bytes
            The file.

        Returns
        -------
        pandas.DataFrame
            Every cell as text, still escaped, so that two tables of one format are compared as they lie there.

        Raises
        ------
        DataError
            If that is no table, or its rows are not of one length.
        """
        import pandas as pd

        try:
            head, *rows = self._read(content)
        except Exception as error:  # pyarrow and the parsers raise whatever a damaged byte leads them to
            problem = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"it cannot be read as {self.name} ({shorten(problem)})") from error
        for number, row in enumerate(rows, 1):
            if len(row) != len(head):
                raise DataError(f"row {number} has {len(row)} cells, its head {len(head)}")
        columns = pd.Index(list(head), dtype="object")  # Arrow's strings cannot hold half a character
        return pd.DataFrame(rows, columns=columns, dtype=object)


class Csv(TableFormat):
    """Comma-separated values: a missing value and NaN are an empty cell, infinity is ``inf``; no place for a caption.

    Text that a spreadsheet could take for a formula gets an apostrophe before it, and so does text that begins with
    one: taking one away always gives the original.
    """

    name, suffix = "csv", ".csv"
    FORMULA = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff\x00-\x1f]*[=+\-@＝＋－＠]|'")  # noqa: RUF001
    LONGEST_CELL = 2**31 - 1

    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        yield _line(",".join(map(self.escape, runs.columns)))
        for cells in _cells(runs, self.escape):
            yield _line(",".join(cells))

    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        csv.field_size_limit(self.LONGEST_CELL)
        head, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
        return [head, *filter(None, rows)]

    @staticmethod
    def escape(text: str) -> str:
        """Make a cell of text: no formula, and in quotes where that is needed.

        Examples
        --------
        >>> Csv.escape("=1+1"), Csv.escape("20-20-tanh"), Csv.escape("a,b")
        ("'=1+1", '20-20-tanh', '"a,b"')
        """
        text = f"'{text}" if Csv.FORMULA.match(text) else text
        cell = text.encode(errors="backslashreplace").decode()
        return '"' + cell.replace('"', '""') + '"' if re.search(r'[",;\s\x00]', cell) else cell


class Markdown(TableFormat):
    """A table as GitHub shows it, the caption below."""

    name, suffix = "markdown", ".md"
    SPECIAL = re.compile(r"[\\`*\[\]<>|~&$@#!]|:(?! )|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.", re.IGNORECASE)

    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        yield from map(_line, self.table(map(self.escape, runs.columns), _are_numbers(runs), _cells(runs, self.escape)))
        if caption:
            yield _line("\n" + self.escape(caption))

    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        lines = [line for line in content.decode().splitlines() if line.startswith("|")]
        head, _, *rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
        return [head, *rows]

    @staticmethod
    def escape(text: str) -> str:
        r"""Escape what would end a cell, format it, link or open a tag; a colon before a space does none of that.

        Examples
        --------
        >>> print(Markdown.escape("a|b <i> test_accuracy: *c* :d:"))
        a\|b \<i\> test_accuracy: \*c\* \:d\:
        """
        return Markdown.SPECIAL.sub(lambda found: "\\" + found.group(), printable(text))

    @staticmethod
    def table(head: Iterable[str], are_numbers: Iterable[bool], rows: Iterable[Iterable[str]]) -> Iterator[str]:
        """Write the lines of a table whose cells are escaped; numbers stand at the right."""
        for cells in (head, ("---:" if number else "---" for number in are_numbers), *rows):
            yield "| " + " | ".join(cells) + " |"


class Latex(TableFormat):
    """A ``tabular`` in the way of the package booktabs, the caption in a comment above."""

    name, suffix = "latex", ".tex"
    SPECIAL: ClassVar[Mapping[str, str]] = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\symbol{34}",
        "-": "{-}",
        "`": "{`}",
        "'": "{'}",
        "[": "{[}",
        "]": "{]}",
        "*": "{*}",
    } | {special: "\\" + special for special in "{}$&#_%"}

    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        if caption:
            yield _line(f"% {printable(caption)}")
        yield _line("% needs \\usepackage{booktabs}")
        alignments = ("r" if number else "l" for number in _are_numbers(runs))
        cells = _cells(runs, self.escape, self.number)
        yield from map(_line, self.table(map(self.escape, runs.columns), alignments, cells))

    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        _, _, rest = content.decode().partition("\\toprule\n")
        head, _, body = rest.partition("\\midrule\n")
        lines = [*head.splitlines(), *body.partition("\\bottomrule")[0].splitlines()]
        return [line.removesuffix(r" \\").split(" & ") for line in lines]

    @staticmethod
    def escape(text: str) -> str:
        r"""Escape special characters, and those that would join into a ligature or follow a line end.

        Examples
        --------
        >>> print(Latex.escape("100 % of test_accuracy"))
        100 \% of test\_accuracy
        """
        return "".join(Latex.SPECIAL.get(char, char) for char in printable(text))

    @staticmethod
    def number(text: str) -> str:
        """Set a number as mathematics if it has a sign or is infinite."""
        text = text.replace("inf", r"\infty")
        return f"${text}$" if text.startswith(("-", "\\")) else text

    @staticmethod
    def table(head: Iterable[str], alignments: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
        """Write the lines of a ``tabular`` whose cells are escaped."""
        yield rf"\begin{{tabular}}{{{''.join(alignments)}}}"
        yield r"\toprule"
        yield " & ".join(head) + r" \\"
        yield r"\midrule"
        for cells in rows:
            yield " & ".join(cells) + r" \\"
        yield r"\bottomrule"
        yield r"\end{tabular}"


class Html(TableFormat):
    """A page of its own that loads nothing and runs nothing, the caption below the table."""

    name, suffix = "html", ".html"
    PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>nnsweep</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 2em; overflow-x: auto; }}
table {{ border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; }}
caption {{ caption-side: bottom; text-align: left; padding: 0.6em; }}
th, td {{ padding: 0.2em 0.6em; text-align: left; }}
th {{ border-bottom: 1px solid; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<table>
<caption>{caption}</caption>
"""

    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        kinds = [' class="number"' if number else "" for number in _are_numbers(runs)]
        yield self.PAGE.format(caption=self.escape(caption)).encode()
        yield _line(f"<thead>\n{self._row('th', kinds, map(self.escape, runs.columns))}\n</thead>\n<tbody>")
        for cells in _cells(runs, self.escape):
            yield _line(self._row("td", kinds, cells))
        yield _line("</tbody>\n</table>\n</body>\n</html>")

    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        parser = _Cells()
        parser.feed(content.decode())
        parser.close()
        return parser.rows

    @staticmethod
    def escape(text: str) -> str:
        """Escape tags, entities and quotes."""
        return html.escape(printable(text), quote=True)

    @staticmethod
    def _row(tag: str, kinds: Iterable[str], cells: Iterable[str]) -> str:
        row = "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{row}</tr>"


class _Cells(HTMLParser):
    """Collects the cells of a page's table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        self.inside = tag in ("th", "td")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


class Json(TableFormat):
    """A list of objects, one a row; missing values, NaN and infinity are ``null``; no place for a caption."""

    name, suffix = "json", ".json"

    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        from nnsweep.results.frame import rows

        between = "[\n"
        for row in rows(runs):  # of which NaN is None already
            finite = {name: None if value in (math.inf, -math.inf) else value for name, value in row.items()}
            yield (between + json.dumps(finite, allow_nan=False)).encode()
            between = ",\n"
        yield b"[]\n" if between == "[\n" else b"\n]\n"

    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        return _read_records(json.loads(content))


class Parquet(TableFormat):
    """Parquet, in which a column of mixed types is one of texts; no place for a caption."""

    name, suffix = "parquet", ".parquet"
    is_reproducible = False  # the file names the library that wrote it

    def write(self, runs: pd.DataFrame, caption: str = "") -> Iterator[bytes]:
        buffer = io.BytesIO()
        mixed = {str(name): self._texts(runs[name]) for name in runs.columns if runs[name].dtype.kind == "O"}
        runs.assign(**mixed).to_parquet(buffer, engine="pyarrow", index=False)
        yield buffer.getvalue()

    def _read(self, content: bytes) -> Sequence[Sequence[str]]:
        from pyarrow import parquet

        table = parquet.read_table(io.BytesIO(content))
        table.validate(full=True)
        return _read_records(table.to_pylist(), table.column_names)

    @staticmethod
    def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
        """Make a column of one type: text stays, other values of a mixed column become their text."""
        import pandas as pd

        from nnsweep.results.frame import plain

        texts = [None if value is None else str(value) for value in plain(column)]
        encodable = [None if text is None else text.encode(errors="backslashreplace").decode() for text in texts]
        return pd.Series(encodable, index=column.index, dtype="object")


def write_table(
    runs: pd.DataFrame, target: str | Path | BinaryIO, format: str | None = None, *, caption: str = ""
) -> None:
    """Write a frame in one of the `FORMATS`; a file is written whole or not at all.

    Parameters
    ----------
    runs : pandas.DataFrame
        The table.
    target : str, Path or binary file
        Where to.
    format : str, optional
        One of `FORMATS`; by default told by the file's suffix.
    caption : str
        A sentence beside the table, such as how the epoch was selected, in a format that has a place for it.

    Raises
    ------
    ConfigError
        If the format is unknown or the file cannot be written.
    """
    if isinstance(target, str | Path):
        pieces = find_format(format or format_of(target)).write(runs, caption)
        with whole_file(target) as file:
            file.writelines(pieces)
    else:
        target.writelines(find_format(format or Csv.name).write(runs, caption))


def to_bytes(runs: pd.DataFrame, format: str, caption: str = "") -> bytes:
    """Give what `write_table` would write in a format, one of `FORMATS`."""
    return b"".join(find_format(format).write(runs, caption))


def format_of(path: str | Path) -> str:
    """Tell the name of the format that a file's suffix stands for."""
    names = {one.suffix: name for name, one in FORMATS.items()}
    suffix = Path(path).suffix.lower()
    if suffix not in names:
        name = printable(Path(path).name)
        raise ConfigError(f"cannot tell the format of {name!r} from its suffix; use one of {', '.join(names)}")
    return names[suffix]


def find_format(name: str) -> TableFormat:
    """Find a format by its name.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    if name not in FORMATS:
        raise ConfigError(f"format: {explain_unknown(name, FORMATS)}")
    return FORMATS[name]


def _cells(runs: pd.DataFrame, escape: Callable[[str], str], number: Callable[[str], str] = str) -> Iterator[list[str]]:
    """Write the rows as text: numbers with all digits through `number`, everything else through `escape`."""
    from nnsweep.results.frame import plain

    for values in zip(*(plain(runs[name]) for name in runs.columns), strict=True):
        yield [escape(value) if isinstance(value, str) else number(_write_value(value)) for value in values]


def _are_numbers(runs: pd.DataFrame) -> list[bool]:
    """Tell which columns are of numbers."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return [is_numeric_dtype(runs[name]) and not is_bool_dtype(runs[name]) for name in runs.columns]


def _read_records(records: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> list[list[str]]:
    """Give head and rows of a table that was read as a mapping for each row."""
    names = [*dict.fromkeys([*columns, *(name for record in records for name in record)])]
    rows = [[_write_value(record[name]) if name in record else "(none)" for name in names] for record in records]
    return [names, *rows]


def _write_value(value: object) -> str:
    """Write a text as it is, and a number with all its digits; nothing for none and NaN."""
    is_missing = value is None or value != value
    return "" if is_missing else value if isinstance(value, str) else repr(value)


def _line(text: str) -> bytes:
    return (text + "\n").encode()
