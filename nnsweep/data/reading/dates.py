"""Dates and times: what they look like, how they are written, and the numbers that are made of them.

A date becomes three numbers: ``NAME (day)``, the days since 1970-01-01 with the time as a fraction; ``NAME (month)``, 1
to 12; and ``NAME (weekday)``, 0 for Monday to 6. Where there are times, ``NAME (hour)`` is added, 0 to 24; a time alone
is its hour. Times with an offset are those of UTC.
"""

import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_DAY, _MONTH = r"(?:0?[1-9]|[12][0-9]|3[01])", r"(?:0?[1-9]|1[0-2])"
_NAME = r"(?:(?i)(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]{0,6}\.?)"
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
_DATE = "|".join(
    (
        rf"[12][0-9]{{3}}-{_MONTH}(?:-{_DAY})?|[12][0-9]{{3}}/{_MONTH}(?:/{_DAY})?|[12][0-9]{{3}}\.{_MONTH}\.{_DAY}",
        *(rf"{_DAY}{sign}{_DAY}{sign}(?:[12][0-9])?[0-9]{{2}}" for sign in (r"\.", "/", "-")),
        rf"{_DAY}\.?[ -]{_NAME}[ -](?:[12][0-9])?[0-9]{{2}}|{_NAME} {_DAY},? [12][0-9]{{3}}",
        rf"{_NAME}[ -][12][0-9]{{3}}",
    )
)
PATTERN = rf"(?:{_DATE})(?:(?:T|,? ){_CLOCK}(?: ?(?:Z|UTC|[+-][0-2][0-9]:?[0-9]{{2}}))?)?"
"""What a date looks like, with or without a time; for RE2."""
TIME = _CLOCK
"""What a time alone looks like."""

ISO = "ISO8601"
"""The format of dates that begin with the year, as pandas calls it; times may differ in their length."""
_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y"),
    *("%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%d. %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%b-%Y", "%b %Y", "%B %Y", "%Y-%m", "%Y/%m", "%Y%m%d", "%Y"),
)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
_FORMATS = (
    *(ISO, *_DAYS, *_CLOCKS),
    *(
        f"{day}{between}{clock}{zone}"
        for day, between, clock, zone in product(_DAYS[:-1], (" ", "T", ", "), _CLOCKS, ("", "%z"))
    ),
)
_PARTS = ("day", "month", "weekday")
_SECONDS = 86_400


class Dates(NamedTuple):
    """What was read.

    Attributes
    ----------
    days : ndarray of shape (n_texts,)
        Days since 1970-01-01 with the time as a fraction, NaN for what is no date; of a time alone the fraction.
    date_format : str or None
        How they are written; None if nothing fits.
    other : str or None
        Another way to read all of them, as other days.
    """

    days: NDArray[np.float64]
    date_format: str | None
    other: str | None = None


def read_dates(texts: Sequence[str], date_format: str | None = None) -> Dates:
    """Find out how dates are written, and read them.

    Parameters
    ----------
    texts : sequence of str
        Different texts.
    date_format : str, optional
        How they may be written, as `datetime.strptime` has it; it is tried first.

    Returns
    -------
    Dates
        In the format that fits most of them.

    Examples
    --------
    >>> read_dates(["31.12.1969", "2.1.1970"])[:2]
    (array([-1.,  1.]), '%d.%m.%Y')
    >>> read_dates(["1/2/1970"]).other
    '%m/%d/%Y'
    """
    if not texts:
        return Dates(np.empty(0), date_format or ISO)
    candidates = _find_candidates(texts)
    if date_format and np.isfinite(parse_dates(texts[:1000], date_format)).any():
        candidates = [date_format]
    readings = [Dates(parse_dates(texts, candidate), candidate) for candidate in candidates]
    if not readings:
        return Dates(np.full(len(texts), np.nan), None)
    best = max(readings, key=lambda reading: int(np.isfinite(reading.days).sum()))
    rivals = [
        reading.date_format
        for reading in readings
        if reading.date_format is not None
        and np.isfinite(reading.days).all()
        and not np.array_equal(reading.days, best.days)
        and "%m/%d" in reading.date_format.replace("-", "/")
    ]
    return best._replace(other=rivals[0] if rivals else None)


def parse_dates(texts: Any, date_format: str) -> NDArray[np.float64]:
    """Read dates that are written in a format, as `Dates.days`."""
    import pandas as pd

    texts = [text if any(map(str.isdigit, text)) else None for text in texts]  # pandas knows what day is today
    with warnings.catch_warnings():  # of a format without a year, and of offsets that differ
        warnings.simplefilter("ignore")
        try:
            times = pd.to_datetime(pd.Series(texts, dtype=object), format=date_format, errors="coerce", utc=True)
        except (ValueError, TypeError, OverflowError):  # no format at all
            return np.full(len(texts), np.nan)
    days = _count_days(times)
    return days - np.floor(days) if _is_clock(date_format) else days


def convert_dates(series: Any) -> NDArray[np.float64]:
    """Give typed dates as `Dates.days`, (n_rows,)."""
    import pandas as pd

    return _count_days(pd.to_datetime(series, errors="coerce", utc=True))


def parts_of(days: NDArray[np.float64], date_format: str) -> tuple[str, ...]:
    """Name the numbers that dates (n_rows,) become."""
    if _is_clock(date_format):
        return ("hour",)
    finite = days[np.isfinite(days)]
    return (*_PARTS, "hour") if (finite != np.floor(finite)).any() else _PARTS


def part_of(days: NDArray[np.float64], part: str) -> NDArray[np.float64]:
    """Make one of the numbers of dates, (n_rows,).

    Examples
    --------
    >>> part_of(np.array([0.25, np.nan]), "weekday"), part_of(np.array([0.25, 31]), "month")
    (array([ 3., nan]), array([1., 2.]))
    """
    whole = np.floor(days)
    if part == "day":
        return days
    if part == "hour":
        return np.round((days - whole) * 24 * 3600) / 3600
    if part == "weekday":
        return np.asarray((whole + 3) % 7)  # 1970-01-01 was a Thursday
    months = np.full(len(days), np.nan)
    at = np.isfinite(days)
    calendar = whole[at].astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    months[at] = calendar % 12 + 1
    return months


def part_name(column: str, part: str) -> str:
    """Name a number that is made of a column of dates."""
    return f"{column} ({part})"


def origin(written: Mapping[str, Any], name: str) -> str:
    """Name the column of the table that a feature is made of."""
    return str(written.get("of", name))


def _find_candidates(texts: Sequence[str]) -> list[str]:
    """Find the formats that fit the most of the first texts, of those that have no sign that the texts do not have."""

    def list_signs(text: str) -> frozenset[str]:
        return frozenset(char for char in text if char in "-/.:,T ")

    sample = [*dict.fromkeys(texts[:: max(1, len(texts) // 20)])][:20]
    seen = {list_signs(text) for text in sample}
    likely = [one for one in _FORMATS if one == ISO or any(list_signs(one) <= signs for signs in seen)]
    n_fits = {one: int(np.isfinite(parse_dates(sample, one)).sum()) for one in likely}
    most = max(n_fits.values(), default=0)
    return [one for one, n in n_fits.items() if n == most > 0]


def _is_clock(date_format: str) -> bool:
    return date_format != ISO and not any(code in date_format for code in ("%d", "%m", "%b", "%B", "%Y", "%y", "%j"))


def _count_days(times: Any) -> NDArray[np.float64]:
    seconds = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    is_time = ~np.isnat(seconds)
    days = np.full(len(seconds), np.nan)
    days[is_time] = seconds[is_time].astype(np.int64) / (_SECONDS * 1_000_000)
    return days
