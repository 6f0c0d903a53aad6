"""A format: how a frame is written to a file that another program reads.

Numbers are written with all their digits, so that reading them gives the same number; text is written inert. In CSV a
missing value and NaN are an empty cell and infinity is ``inf``; in JSON all three are ``null``.
"""

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file
from nnsweep.messages import unknown, visible
from nnsweep.results import inert
from nnsweep.results.frame import plain, rows

Writer: TypeAlias = Callable[[pd.DataFrame, str], Iterable[bytes]]
Escape: TypeAlias = Callable[[str], str]

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


def write(runs: pd.DataFrame, target: str | Path | BinaryIO, format: str | None = None, *, caption: str = "") -> None:
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
        A sentence under the table, such as how the epoch was selected; CSV, JSON and Parquet have no place for it.

    Raises
    ------
    ConfigError
        If the format is unknown or the file cannot be written.
    """
    if isinstance(target, str | Path):
        chunks = _writer(format or format_of(target))(runs, caption)
        with whole_file(target) as handle:
            handle.writelines(chunks)
    else:
        target.writelines(_writer(format or "csv")(runs, caption))


def written(runs: pd.DataFrame, format: str, caption: str = "") -> bytes:
    """Give what `write` would write in a format, one of `FORMATS`."""
    return b"".join(_writer(format)(runs, caption))


def format_of(path: str | Path) -> str:
    """Tell the format that a file's suffix stands for."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        name = visible(Path(path).name)
        raise ConfigError(f"cannot tell the format of {name!r} from its suffix; use one of {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def _writer(format: str) -> Writer:
    if format not in FORMATS:
        raise ConfigError(f"format: {unknown(format, FORMATS)}")
    return FORMATS[format]


def _number(value: object, infinity: str = "inf") -> str:
    """All digits of a number; nothing for none."""
    if isinstance(value, float) and math.isinf(value):
        return infinity if value > 0 else "-" + infinity
    return "" if value is None else repr(value)


def _cells(runs: pd.DataFrame, escape: Escape, number: Escape = str) -> Iterator[list[str]]:
    """Write the rows as text: numbers with all digits through `number`, everything else through `escape`."""
    for values in zip(*(plain(runs[name]) for name in runs.columns), strict=True):
        yield [escape(value) if isinstance(value, str) else number(_number(value)) for value in values]


def _is_numeric(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _csv(runs: pd.DataFrame, caption: str) -> Iterator[bytes]:
    yield _line(",".join(map(inert.for_csv, runs.columns)))
    for cells in _cells(runs, inert.for_csv):
        yield _line(",".join(cells))


def _markdown(runs: pd.DataFrame, caption: str) -> Iterator[bytes]:
    yield _line("| " + " | ".join(map(inert.for_markdown, runs.columns)) + " |")
    yield _line("| " + " | ".join("---:" if _is_numeric(runs[name]) else "---" for name in runs.columns) + " |")
    for cells in _cells(runs, inert.for_markdown):
        yield _line("| " + " | ".join(cells) + " |")
    if caption:
        yield _line("\n" + inert.for_markdown(caption))


def _latex(runs: pd.DataFrame, caption: str) -> Iterator[bytes]:
    if caption:
        yield _line(f"% {visible(caption)}")
    alignment = "".join("r" if _is_numeric(runs[name]) else "l" for name in runs.columns)
    yield _line(f"% needs \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{alignment}}}\n\\toprule")
    yield _line(" & ".join(map(inert.for_latex, runs.columns)) + r" \\" + "\n\\midrule")
    for cells in _cells(runs, inert.for_latex, _latex_number):
        yield _line(" & ".join(cells) + r" \\")
    yield _line("\\bottomrule\n\\end{tabular}")


def _latex_number(text: str) -> str:
    text = text.replace("inf", r"\infty")
    return f"${text}$" if text.startswith(("-", "\\")) else text


def _html(runs: pd.DataFrame, caption: str) -> Iterator[bytes]:
    kinds = [' class="number"' if _is_numeric(runs[name]) else "" for name in runs.columns]
    yield PAGE.format(caption=inert.for_html(caption)).encode()
    yield _line(f"<thead>\n{_html_row('th', kinds, map(inert.for_html, runs.columns))}\n</thead>\n<tbody>")
    for cells in _cells(runs, inert.for_html):
        yield _line(_html_row("td", kinds, cells))
    yield _line("</tbody>\n</table>\n</body>\n</html>")


def _html_row(tag: str, kinds: Iterable[str], cells: Iterable[str]) -> str:
    row = "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
    return f"<tr>{row}</tr>"


def _json(runs: pd.DataFrame, caption: str) -> Iterator[bytes]:
    between = "[\n"
    for row in rows(runs):
        finite = {name: None if _is_infinite(value) else value for name, value in row.items()}
        yield (between + json.dumps(finite, allow_nan=False)).encode()
        between = ",\n"
    yield b"[]\n" if between == "[\n" else b"\n]\n"


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _parquet(runs: pd.DataFrame, caption: str) -> Iterator[bytes]:
    buffer = io.BytesIO()
    mixed = {str(name): _parquet_text(runs[name]) for name in runs.columns if runs[name].dtype.kind == "O"}
    runs.assign(**mixed).to_parquet(buffer, engine="pyarrow", index=False)
    yield buffer.getvalue()


def _parquet_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Make a column of one type: text stays, other values of a mixed column become their text."""
    texts = [None if value is None else str(value) for value in plain(column)]
    encodable = [None if text is None else text.encode(errors="backslashreplace").decode() for text in texts]
    return pd.Series(encodable, index=column.index, dtype="object")


def _line(text: str) -> bytes:
    return (text + "\n").encode()


FORMATS: dict[str, Writer] = {
    "csv": _csv,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "json": _json,
    "parquet": _parquet,
}
SUFFIXES = {
    ".csv": "csv",
    ".md": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".json": "json",
    ".parquet": "parquet",
}
