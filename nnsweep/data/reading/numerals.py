"""Numbers as people write them: with a currency, a unit or a percent sign, a decimal comma, signs between thousands.

Such a cell is nearly a number. What it means is plain in most columns, but not in all (1,234 may be either), so it is
read where somebody has asked for it, and refused with a way out elsewhere. Everything is done to the different texts
of a column at once.
"""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import column_kind, show_value, write_setting
from nnsweep.data.reading.cells import as_mask, matches
from nnsweep.data.table_settings import WORDS, CellFormat

_GAP = r"[ \x{a0}\x{2009}\x{202f}]"
_QUOTE = "['\\x{2019}]"
_CURRENCIES = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR JPY KRW MXN NOK NZD PLN RUB SEK SGD THB TRY TWD USD ZAR"
)
_CURRENCY = rf"\p{{Sc}}|(?:US|A|C|R)\$|Rs\.?|kr\.?|{'|'.join(_CURRENCIES.split())}"
_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
_BODY = (
    rf"(?:[0-9]{{1,3}}(?:{_GAP}[0-9]{{3}})+(?:[.,][0-9]+)?"
    rf"|[0-9]{{1,3}}(?:{_QUOTE}[0-9]{{3}})+(?:[.,][0-9]+)?"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,}(?:,[0-9]+)?|[0-9]{1,3}\.[0-9]{3},[0-9]+"
    r"|[0-9]+(?:,[0-9]+)+(?:\.[0-9]+)?|[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)" + _EXPONENT
)
_UNIT = r"[\p{L}°µ\"″][\p{L}°µ²³/·. ]{0,14}[23]?"
_NUMERAL = (
    rf"^(?P<open>\(?)(?P<sign>[+\-\x{{2212}}]?){_GAP}?(?P<before>(?:{_CURRENCY})?){_GAP}?"
    rf"(?P<inner>[+\-\x{{2212}}]?)(?P<body>{_BODY}){_GAP}*(?P<after>(?:%|‰|{_CURRENCY}|{_UNIT})?)(?P<close>\)?)$"
)
_UNITS = """
kg mg µg mcg ng lb lbs oz ton tons tonne tonnes cm mm km nm µm ft in inch inches feet yd yds mi mile miles m2 m3 m² m³
cm2 cm² cm3 cm³ km2 km² km³ ha acre acres sqft sqm ml cl dl hl liter liters litre litres gal kw mw gw kwh mwh wh hp bhp
ps kv mv ma mah ah hz khz mhz ghz sec secs second seconds ms µs ns min mins minute minutes hr hrs hour hours day days
week weeks month months yr yrs year years °c °f °k deg degrees kb mb gb tb kib mib gib mph kmh km/h m/s kph knots bar
mbar psi pa hpa kpa mpa atm cc kmpl km/kg km/l mpg rpm nm kn mmhg bpm mol mmol mmol/l mg/dl g/dl g/l mg/l µg/l iu u/l
kcal cal kj px pt dpi db dollars euro euros cents percent pct
"""
_LONGEST = 60
_FEW = 5
"""Different numbers from which on one unit that nobody knows is a unit, and no part of a code such as 4WD."""

OTHER_KINDS = "category keeps its texts, ignore leaves it out"
"""What else may be done with a column that is not read, for the end of an advice."""


class Notation(NamedTuple):
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal : str
        What stands before decimals.
    thousands : str
        What stands between thousands, if anything.
    affix : str
        What stands before or behind every number, such as ``$`` or ``kg``.
    """

    decimal: str = "."
    thousands: str = ""
    affix: str = ""

    @property
    def pattern(self) -> str:
        """What digits and signs may be, as a regular expression."""
        point, groups = re.escape(self.decimal), ""
        if self.thousands:
            sign = _match_sign(self.thousands)
            inner = rf"(?:{sign}[0-9]{{2,3}})*" if self.thousands == "," else rf"(?:{sign}[0-9]{{3}})*"
            groups = rf"|[0-9]{{1,3}}{inner}{sign}[0-9]{{3}}"
        return rf"(?:(?:[0-9]+{groups})(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"

    @classmethod
    def of(cls, cell_format: CellFormat) -> "Notation":
        """Give what somebody has said of all columns."""
        return cls(cell_format.decimal_sign or ".", cell_format.thousands_sign or "")

    def written(self) -> dict[str, str]:
        """Give as JSON values what differs from a plain number."""
        return {name: value for name, value in self._asdict().items() if value != PLAIN._asdict()[name]}


PLAIN = Notation()


class Numerals(NamedTuple):
    """Texts, taken apart as numbers; every array is (n_texts,), of Arrow's texts.

    Attributes
    ----------
    is_numeral : ndarray of shape (n_texts,)
        Which are numbers, plain ones too, with what may stand around them.
    body, affix : Array
        Digits and what is among them; what else there is.
    parts : StructArray
        All that the text consists of.
    """

    is_numeral: NDArray[np.bool_]
    body: Any
    affix: Any
    parts: Any


def is_plain(texts: Any, notation: Notation = PLAIN) -> NDArray[np.bool_]:
    """Tell which of Arrow's texts are numbers in a notation, with nothing around them, (n_texts,)."""
    return matches(texts, rf"[+-]?{notation.pattern}")


def take_apart(texts: Any, unit: str = "") -> Numerals:
    """Take different texts apart: numbers, and what may stand around them.

    Parameters
    ----------
    texts : Array of shape (n_texts,)
        Arrow's texts, trimmed, all different.
    unit : str
        A unit that is known to be one.

    Returns
    -------
    Numerals
        A unit counts as one if it is known, or the only one of several numbers; so ``2WD`` and ``4WD`` are no numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(pc.if_else(pc.less(pc.utf8_length(texts), _LONGEST), texts, ""), _NUMERAL)
    is_numeral = as_mask(pc.is_valid(parts))
    before, after = _field(parts, "before"), _field(parts, "after")
    is_numeral &= as_mask(pc.equal(_field(parts, "open"), pc.replace_substring(_field(parts, "close"), ")", "(")))
    is_numeral &= as_mask(pc.or_(pc.equal(before, ""), pc.equal(after, "")))
    is_numeral &= as_mask(pc.or_(pc.equal(_field(parts, "sign"), ""), pc.equal(_field(parts, "inner"), "")))
    has_unit = is_numeral & ~matches(after, rf"(?:%|‰|{_CURRENCY}|{re.escape(unit)})?")
    if has_unit.any():
        units = {unit.strip().rstrip(".").lower() for unit in pc.unique(after.filter(has_unit)).to_pylist()}
        known = {*_UNITS.split()}
        if units & known and units <= known | {*"gmlshwvak"}:
            are_units = len(units) <= _FEW
        else:
            are_units = len(units) == 1 and int(has_unit.sum()) >= _FEW
        if not are_units:
            is_numeral &= ~has_unit
    affix = pc.binary_join_element_wise(before, after, pa.scalar("", before.type))
    return Numerals(is_numeral, _field(parts, "body"), pc.utf8_trim_whitespace(affix), parts)


def infer(numerals: Numerals, counts: NDArray[np.intp], cell_format: CellFormat) -> list[Notation]:
    """Find the notations in which all numerals of a column can be read.

    Parameters
    ----------
    numerals : Numerals
        Of the column's different texts; what is no numeral is not looked at.
    counts : ndarray of shape (n_texts,)
        How often each is there.
    cell_format : CellFormat
        What somebody has said.

    Returns
    -------
    list of Notation
        With the sign or unit that most numbers have. Empty if those are not written alike, two if they mean different
        numbers in each; a plain one is alone.
    """
    import pyarrow.compute as pc

    if not numerals.is_numeral.any():
        return []
    affix = usual_affix(numerals, counts)
    at = numerals.is_numeral & as_mask(pc.equal(numerals.affix, affix))
    bodies = numerals.body.filter(at)
    there = [sign for sign in (",", ".", " ", "'") if matches(bodies, f".*{_match_sign(sign)}.*").any()]
    decimal, thousands = cell_format.decimal_sign, cell_format.thousands_sign
    notations = [
        Notation(point, sign, affix)
        for point in ([decimal] if decimal else [".", ","])
        for sign in ([thousands] if thousands else ["", *there])
        if sign != point and (point in there or point == (decimal or ".") or sign == ".")
    ]
    fitting = [notation for notation in notations if matches(bodies, notation.pattern).all()]
    return [notation for notation in fitting if notation[:2] == PLAIN[:2]] or fitting


def usual_affix(numerals: Numerals, counts: NDArray[np.intp]) -> str:
    """Give what stands around most of a column's numerals, of which there are counts (n_texts,)."""
    affixes = numerals.affix.filter(numerals.is_numeral).dictionary_encode()
    if not len(affixes):
        return ""
    most = np.bincount(affixes.indices.to_numpy(), weights=counts[numerals.is_numeral]).argmax()
    return str(affixes.dictionary[int(most)])


def read_values(numerals: Numerals, notation: Notation) -> NDArray[np.float64]:
    """Read numerals in a notation; NaN for texts that are none in it, (n_texts,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fits = numerals.is_numeral & as_mask(pc.equal(numerals.affix, notation.affix))
    fits &= matches(numerals.body, notation.pattern)
    values = np.full(len(fits), np.nan)
    magnitude = pc.cast(_remove_signs(numerals.body.filter(fits), notation), pa.float64()).to_numpy()
    minus = r"[\-\x{2212}]"
    is_negative = matches(_field(numerals.parts, "sign"), minus) | matches(_field(numerals.parts, "inner"), minus)
    is_negative ^= ~matches(_field(numerals.parts, "open"), "")  # brackets are a minus of their own
    values[fits] = np.where(is_negative[fits], -magnitude, magnitude)
    return values


def read_plain_values(texts: Any, notation: Notation = PLAIN) -> NDArray[np.float64]:
    """Read Arrow's texts that `is_plain` has found, (n_texts,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.cast(_remove_signs(texts, notation), pa.float64()).to_numpy())


def describe_numerals(numerals: Numerals, text: int, notation: Notation, usual: str) -> str | None:
    """Say what a numeral has that a number in a notation, or the others, have not.

    Parameters
    ----------
    numerals : Numerals
        The column's.
    text : int
        Which of them.
    notation : Notation
        How numbers have to be written.
    usual : str
        What stands around most numerals of the column.

    Returns
    -------
    str or None
        A rule; None if most are plain and this one is not.
    """
    parts, affix = numerals.parts[text].as_py(), str(numerals.affix[text])
    if affix != usual:
        return (
            f"has {show_value(affix) if affix else 'nothing'} where others have {show_value(usual)}" if usual else None
        )
    body, other_affix = parts["body"], affix if affix != notation.affix else ""
    is_percent = other_affix in ("%", "‰")
    is_currency = parts["before"] or not other_affix[:1].isalpha() or other_affix in (*_CURRENCIES.split(), "kr", "Rs")
    traits = {
        "a percent sign" if is_percent else "a currency" if is_currency else "a unit": other_affix,
        "a minus sign of its own (U+2212)": "\u2212" in (parts["sign"], parts["inner"]),
        "brackets for a minus": parts["open"],
        "blanks between its thousands": notation.thousands != " " and re.search("[ \xa0\u2009\u202f]", body),
        "apostrophes between its thousands": notation.thousands != "'" and re.search("['\u2019]", body),
        "points between its thousands": notation.thousands != "." and re.search(r"\..*[.,]", body),
        "a comma": "," in body and "," not in notation[:2],
    }
    present = [trait for trait, is_present in traits.items() if is_present]
    return f"has {' and '.join(present)}" if present else "is not written as data.decimal and data.thousands say"


def advise(name: str, notations: list[Notation], usual: Notation) -> str | None:
    """Say which settings let a column be read in some notations, beside the usual one; None if none does."""
    if len(notations) > 1:
        thousands, decimal = write_setting("data.thousands", "comma"), write_setting("data.decimal", "comma")
        return f"say what the comma is: {thousands} or {decimal}"
    if not notations:
        return None
    notation, settings = notations[0], []
    if notation.decimal != usual.decimal:
        settings.append(write_setting("data.decimal", WORDS[notation.decimal]))
    if notation.thousands != usual.thousands:
        settings.append(write_setting("data.thousands", WORDS[notation.thousands]))
    all_columns = f"{' '.join(settings)} reads all such columns, " if settings and not notation.affix else ""
    return f"{all_columns}{column_kind(name, 'number')} reads it, {OTHER_KINDS}"


def _field(parts: Any, name: str) -> Any:
    import pyarrow.compute as pc

    return pc.fill_null(pc.struct_field(parts, name), "")


def _match_sign(sign: str) -> str:
    """Give the regular expression of a sign between thousands: blanks and apostrophes have several forms."""
    return {" ": _GAP, "'": _QUOTE}.get(sign, re.escape(sign))


def _remove_signs(bodies: Any, notation: Notation) -> Any:
    """Write numbers with a point and nothing between thousands."""
    import pyarrow.compute as pc

    if notation.thousands:
        bodies = pc.replace_substring_regex(bodies, _match_sign(notation.thousands), "")
    return bodies if notation.decimal == "." else pc.replace_substring(bodies, notation.decimal, ".")
