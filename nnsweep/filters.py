"""A filter: a condition on named values that a user writes on the command line, such as ``depth > 3 and width > 64``.

The text is parsed as a Python expression and never executed: comparisons, ``and``, ``or``, ``not``, names and literals
are evaluated here, everything else is refused. A dotted name such as ``schedule.decay_rate`` is one name; no attribute
is ever read.
"""

import ast
import math
import operator
import re
import reprlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from nnsweep.errors import ConfigError
from nnsweep.text import explain_unknown, shorten

Values: TypeAlias = Mapping[str, object]

LONGEST_TEXT = 2000
DEEPEST_NESTING = 30
SIGNS: dict[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_BACKQUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`([^`]+)`""", re.DOTALL)
"""A text, in which a backquote is a character, or a name in backquotes."""
_MARKED = re.compile(r"named_x((?:[0-9a-f]{2})+)_")
"""What stands for a name in backquotes while a rule is a Python expression."""


class MixedColumn(dict[str, object]):
    """Values of columns that hold text in some rows and numbers in others: the two are never equal."""


class _Refused(Exception):
    """What is wrong with a rule; shown to the user together with the rule's text."""


class _Incomparable(_Refused):
    """Text and a number meet in a comparison."""


class IncomparableError(ConfigError):
    """A rule compares text and a number in these values; it may hold for others."""


def make_filter(text: str) -> Callable[[Values], bool]:
    """Turn the text of a condition into a function of named values.

    A missing value (``None`` or NaN) compares as false with everything, except that ``== None`` asks whether a
    value is missing and ``!= None`` whether it is there. Text and numbers are not compared with each other. Any name
    can be written in backquotes.

    Parameters
    ----------
    text : str
        The condition: ``and``, ``or``, ``not``, ``< <= == != >= >``, ``in``, ``not in``, names, numbers, strings,
        ``True``, ``False``, ``None`` and lists of these.

    Returns
    -------
    callable
        Maps a mapping of values to whether the rule holds for them. Every name in the rule must be in the mapping.

    Raises
    ------
    ConfigError
        If the text is not such a condition; from the returned function, if a name is unknown or two values
        cannot be compared.

    Examples
    --------
    >>> deep = make_filter("depth > 3 and schedule.name in ['inv', 'exp']")
    >>> deep({"depth": 4, "schedule.name": "inv"}), deep({"depth": None, "schedule.name": "inv"})
    (True, False)
    """
    try:
        tree = _parse(_BACKQUOTED.sub(_mark, text))
        names = dict.fromkeys(_names(tree))
    except _Refused as problem:
        raise _error(text, problem) from None

    def holds(values: Values) -> bool:
        try:
            for name in names:
                if name not in values:
                    raise _Refused(explain_unknown(name, values))
            return _is_true(_evaluate(tree, values))
        except _Incomparable as problem:
            raise IncomparableError(_error(text, problem)) from None
        except _Refused as problem:
            raise _error(text, problem) from None

    return holds


def _error(text: str, problem: _Refused) -> ConfigError:
    return ConfigError(f"rule {shorten(text)!r}: {problem}")


def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST_TEXT:
        raise _Refused(f"it is {len(text)} characters long, at most {LONGEST_TEXT} are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (RecursionError, MemoryError):
        raise _Refused("it is nested too deeply") from None
    except (SyntaxError, ValueError):
        raise _Refused(
            "it cannot be read; write a condition such as `depth > 3 and activation == 'tanh'`, and a name with blanks "
            "or signs in backquotes"
        ) from None


def _names(node: ast.expr, depth: int = 0) -> Iterator[str]:
    """Every name below `node`; refuses all that is not part of the language."""
    if depth > DEEPEST_NESTING:
        raise _Refused("it is nested too deeply")
    parts: list[ast.expr] = []
    match node:
        case ast.Name() | ast.Attribute():
            yield _dotted(node)
        case ast.Constant(value=None | bool() | int() | float() | str()):
            pass
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=part):
            parts = [part]
        case ast.Compare(left=left, ops=signs, comparators=others) if not any(
            isinstance(sign, ast.Is | ast.IsNot) for sign in signs
        ):
            parts = [left, *others]
        case _:
            raise _Refused(
                f"{_source(node)} is not allowed; use names, literals, comparisons, `in`, `and`, `or` and `not`"
            )
    for part in parts:
        yield from _names(part, depth + 1)


def _evaluate(node: ast.expr, values: Values) -> object:
    """Give the value of a part that `_names` has let through."""
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_evaluate(part, values) for part in parts]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_is_true(_evaluate(part, values)) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_is_true(_evaluate(part, values)) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _is_true(_evaluate(part, values))
        case ast.UnaryOp(operand=part):
            value = _evaluate(part, values)
            if _is_missing(value):
                return None
            if not isinstance(value, int | float):
                raise _Refused(f"{_source(part)} is {_kind(value)}, it has no negative")
            return -value
        case ast.Compare(left=left, ops=signs, comparators=others):
            links = zip(signs, [left, *others], others, strict=False)
            return all(_holds(sign, one, other, values) for sign, one, other in links)
    return values[_dotted(node)]


def _holds(sign: ast.cmpop, left: ast.expr, right: ast.expr, values: Values) -> bool:
    """Tell whether one comparison holds; text and a number are merely unequal where a column has both."""
    one, other = _evaluate(left, values), _evaluate(right, values)
    try:
        if isinstance(sign, ast.In):
            return _is_in(one, other, left, right)
        if isinstance(sign, ast.NotIn):
            return not (_is_in(one, other, left, right) or _is_missing(one) or _is_missing(other))
        if isinstance(sign, ast.NotEq) and (_is_none(left) or _is_none(right)):
            return not _compare(operator.eq, one, other, left, right)
        return _compare(SIGNS[type(sign)], one, other, left, right)
    except _Incomparable:
        if not isinstance(values, MixedColumn):
            raise
        return isinstance(sign, ast.NotEq | ast.NotIn)


def _compare(compare: Callable[..., bool], one: object, other: object, left: ast.expr, right: ast.expr) -> bool:
    if _is_missing(one) or _is_missing(other):
        return compare is operator.eq and _is_missing(one) and _is_missing(other)
    if _kind(one) != _kind(other):
        raise _Incomparable(
            f"{_source(left)} is {_kind(one)} ({reprlib.repr(one)}) and {_source(right)} is {_kind(other)} "
            f"({reprlib.repr(other)}): they cannot be compared"
        )
    return bool(compare(one, other))


def _is_in(value: object, container: object, left: ast.expr, right: ast.expr) -> bool:
    if isinstance(container, list):
        return any(_compare(operator.eq, value, item, left, right) for item in container)
    if _is_missing(container) or _is_missing(value):
        return False
    if not (isinstance(container, str) and isinstance(value, str)):
        raise _Refused(f"`in` needs a list, or text in text; {_source(right)} is {_kind(container)}")
    return value in container


def _dotted(node: ast.expr) -> str:
    """Give a name as it was written: dotted names are whole names, nothing is read of anything."""
    if isinstance(node, ast.Name) and _MARKED.fullmatch(node.id):
        return _MARKED.sub(_unmark, node.id)
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or any(part.startswith("__") for part in [*parts, node.id]):
        raise _Refused(f"{_source(node)} is not a name of a value")
    return ".".join([node.id, *reversed(parts)])


def _source(node: ast.expr) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "this part"
    return f"`{shorten(_MARKED.sub(_unmark, text))}`".encode("unicode_escape").decode()


def _mark(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else f" named_x{found[1].encode(errors='replace').hex()}_ "


def _unmark(marked: re.Match[str]) -> str:
    return bytes.fromhex(marked[1]).decode()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_true(value: object) -> bool:
    return not _is_missing(value) and bool(value)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    return "a number" if isinstance(value, int | float) else "a list"
