"""Wording: how a sentence, a cell or a picture writes numbers, lists, names and counts."""

import math
from collections.abc import Callable, Mapping, Sequence

from nnsweep.text import printable

SHOWN = 5
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
UNITS = ("B", "kB", "MB", "GB", "TB")


def fixed(value: object, places: int) -> str:
    """Write a number with so many places, and a dash for none.

    Examples
    --------
    >>> fixed(0.96444, 3), fixed(-0.5, 2) == MINUS + "0.50", fixed(float("nan"), 3) == NOTHING
    ('0.964', True, True)
    """
    return _real(value, f",.{places}f")


def write_digits(value: object, n: int = 4) -> str:
    """Write a number with so many significant digits, and a dash for none.

    Examples
    --------
    >>> write_digits(1234567), write_digits(0.00012345)
    ('1.235e+06', '0.0001234')
    """
    return _real(value, f".{n}g")


def whole(value: object) -> str:
    """Write a whole number in groups of three.

    Examples
    --------
    >>> whole(1234567), whole(float("inf"))
    ('1,234,567', '∞')
    """
    return _real(value, ",.0f")


def signed(text: str) -> str:
    """Put a plus before a written number that is not negative and not nothing.

    Examples
    --------
    >>> signed("0.01"), signed(NOTHING) == NOTHING
    ('+0.01', True)
    """
    return text if text.startswith((MINUS, NOTHING)) else "+" + text


def span(write: Callable[[object], str], row: Mapping[str, object]) -> str:
    """Write from where to where the difference in a row may be, and a dash where that is not known.

    Examples
    --------
    >>> span(str, {"low": 0.01, "high": 0.03}), span(write_digits, {"low": None, "high": None}) == NOTHING
    ('+0.01 to +0.03', True)
    """
    low, high = signed(write(row["low"])), signed(write(row["high"]))
    return NOTHING if low == NOTHING else f"{low} to {high}"


def probability(value: object) -> str:
    """Write a p value.

    Examples
    --------
    >>> probability(0.0312), probability(0.00002), probability(1.0)
    ('0.031', '< 0.001', '1')
    """
    if isinstance(value, float) and 0 <= value < 0.001:
        return "< 0.001"
    return _real(value, ".2g" if isinstance(value, float) and value < 0.1 else ".3g")


def percent(share: float) -> str:
    """Write a share in per cent; one that rounding may have left is 0.

    Examples
    --------
    >>> percent(0.95), percent(0.414), percent(0.004), percent(1e-17)
    ('95 %', '41 %', '0.4 %', '0 %')
    """
    if abs(share) < 0.00005:
        return "0 %"
    return f"{100 * share:.2g} %" if abs(share) < 0.995 else f"{100 * share:.3g} %"


def count(n: int, noun: str) -> str:
    """Write a number with its noun, which takes an s where it is not one.

    Examples
    --------
    >>> count(1, "seed"), count(1200, "run")
    ('1 seed', '1,200 runs')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def counted_repeats(row: Mapping[str, object]) -> str:
    """Write how many repeats count in a row, or how many of them finished if some did not.

    Examples
    --------
    >>> counted_repeats({"n": 10, "n_finished": 10, "n_ended": 10})
    '10'
    >>> counted_repeats({"n": 10, "n_finished": 9, "n_ended": 10})
    '9 of 10'
    """
    n, n_finished, n_ended = (whole(row[name]) for name in ("n", "n_finished", "n_ended"))
    return n if n_finished == n_ended else f"{n_finished} of {n_ended}"


def join_words(names: Sequence[str], most: int = SHOWN) -> str:
    """List names in a sentence; beyond the first few only their number.

    Examples
    --------
    >>> join_words(["a"]), join_words(["a", "b", "c"]), join_words(["a", "b", "c"], most=1)
    ('a', 'a, b and c', 'a and 2 others')
    """
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most:,} others"
    return " and ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])


def short_name(name: str, others: Sequence[str] = ()) -> str:
    """Name a setting by the last part of its dotted name, if no other one has the same.

    Examples
    --------
    >>> short_name("optimizer.learning_rate", ["optimizer.learning_rate", "seed"])
    'learning_rate'
    >>> short_name("schedule.every", ["schedule.every", "trainer.every"])
    'schedule.every'
    """
    last = name.rpartition(".")[2]
    same = [other for other in others if other.rpartition(".")[2] == last]
    return printable(last if len(same) <= 1 else name)


def value_text(value: object) -> str:
    """Write a setting's value.

    Examples
    --------
    >>> value_text(0.1), value_text(1e-05), value_text("8-8"), value_text(None)
    ('0.1', '1e-05', '8-8', 'none')
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else printable(str(value))


def size(n_bytes: float) -> str:
    """Write a size for people.

    Examples
    --------
    >>> size(812), size(3_400_000), size(16e9)
    ('812 B', '3.4 MB', '16 GB')
    """
    power = min((len(str(int(n_bytes))) - 1) // 3, len(UNITS) - 1)
    return f"{n_bytes / 1000**power:.4g} {UNITS[power]}"


def as_sentence(note: str) -> str:
    """Make a sentence of a note: a capital, unless it begins with a column's name, and a full stop.

    Examples
    --------
    >>> as_sentence("best of 3: looked for"), as_sentence("n_epochs is missing")
    ('Best of 3: looked for.', 'n_epochs is missing.')
    """
    first = note.partition(" ")[0].strip(":,")
    begins = first.isalpha() and len(first) > 1
    return f"{note[:1].upper() if begins else note[:1]}{note[1:].removesuffix('.')}."


def share(value: object) -> str:
    """Write a share in per cent with one place.

    Examples
    --------
    >>> share(0.9421), share(None) == NOTHING
    ('94.2 %', True)
    """
    return f"{fixed(100 * value, 1)} %" if isinstance(value, float) and not math.isnan(value) else NOTHING


def write_interval(write: Callable[[object], str], mean: object, low: object, high: object) -> str:
    """Write an interval: from where to where, or as half of it if its middle is the mean; nothing for none.

    Examples
    --------
    >>> write = lambda value: fixed(value, 3)
    >>> write_interval(write, 12.0, 11.5, 12.5), write_interval(write, 0.964, 0.94, 0.97)
    ('± 0.500', '0.940 to 0.970')
    >>> write_interval(write, 0.964, None, None)
    ''
    """
    if not (isinstance(mean, float) and isinstance(low, float) and isinstance(high, float)) or math.isnan(low):
        return ""
    is_middle = math.isclose(high - mean, mean - low, rel_tol=1e-9)
    return f"± {write(high - mean)}" if is_middle else f"{write(low)} to {write(high)}"


def with_interval(write: Callable[[object], str], mean: object, low: object, high: object) -> str:
    """Write a mean with its interval, if it has one with a width.

    Examples
    --------
    >>> write = lambda value: fixed(value, 3)
    >>> with_interval(write, 12.0, 11.5, 12.5), with_interval(write, 0.964, 0.94, 0.97)
    ('12.000 ± 0.500', '0.964 (0.940 to 0.970)')
    >>> with_interval(write, 0.964, 0.964, 0.964), with_interval(write, 0.964, None, None)
    ('0.964', '0.964')
    """
    interval = write_interval(write, mean, low, high)
    if not interval.strip("± 0."):
        return write(mean)
    return f"{write(mean)} {interval}" if interval.startswith("±") else f"{write(mean)} ({interval})"


def _real(value: object, style: str) -> str:
    if not isinstance(value, int | float) or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    written = format(value, style)
    return (written if float(written.replace(",", "")) else written.removeprefix("-")).replace("-", MINUS)
