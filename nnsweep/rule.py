"""A rule: a condition on named values that a person writes on the command line, such as ``depth > 3 and width > 64``.

The text is parsed as a Python expression but never executed: comparisons, ``and``, ``or``, ``not``, names and
literals are understood and everything else is refused. A name is looked up among the given values, whole
(``schedule.decay_rate`` is one name); no attribute is ever read.
"""

import ast
import math
import operator
import re
import reprlib
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from nnsweep.errors import ConfigError
from nnsweep.messages import shortened, unknown

Values: TypeAlias = Mapping[str, object]
Part: TypeAlias = Callable[[Values], object]
Comparison: TypeAlias = Callable[[Values], bool]

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


def _named(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else f" named_x{found[1].encode(errors='replace').hex()}_ "


def _name_of(marked: re.Match[str]) -> str:
    return bytes.fromhex(marked[1]).decode()


class Mixed(dict[str, object]):
    """Values of columns that hold text in some rows and numbers in others: the two are never equal."""


class _Refused(Exception):
    """What is wrong with a rule; told to the user together with the rule's text."""


class _Incomparable(_Refused):
    """Text and a number meet in a comparison."""


class IncomparableError(ConfigError):
    """A rule compares text and a number in these values; it may hold for others."""


def rule(text: str) -> Callable[[Values], bool]:
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
    >>> deep = rule("depth > 3 and schedule.name in ['inv', 'exp']")
    >>> deep({"depth": 4, "schedule.name": "inv"}), deep({"depth": None, "schedule.name": "inv"})
    (True, False)
    """
    try:
        tree = _parsed(_BACKQUOTED.sub(_named, text))
        names = dict.fromkeys(_names(tree, 0))
        condition = _part(tree)
    except _Refused as problem:
        raise _error(text, problem) from None

    def holds(values: Values) -> bool:
        try:
            _check_known(names, values)
            return _truth(condition(values))
        except _Incomparable as problem:
            raise IncomparableError(_error(text, problem)) from None
        except _Refused as problem:
            raise _error(text, problem) from None

    return holds


def _error(text: str, problem: _Refused) -> ConfigError:
    return ConfigError(f"rule {shortened(text)!r}: {problem}")


def _parsed(text: str) -> ast.expr:
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


def _names(node: ast.expr, depth: int) -> Iterable[str]:
    """Every name below `node`; refuses all that is not part of the language."""
    if depth > DEEPEST_NESTING:
        raise _Refused("it is nested too deeply")
    if isinstance(node, ast.Name | ast.Attribute):
        yield _dotted(node)
    for child in _children(node):
        yield from _names(child, depth + 1)


def _children(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return parts
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=part):
            return [part]
        case ast.Compare(left=left, ops=signs, comparators=others) if not any(map(_is_identity, signs)):
            return [left, *others]
        case ast.Name() | ast.Attribute() | ast.Constant(value=None | bool() | int() | float() | str()):
            return []
    raise _Refused(f"{_source(node)} is not allowed; use names, literals, comparisons, `in`, `and`, `or` and `not`")


def _is_identity(sign: ast.cmpop) -> bool:
    return isinstance(sign, ast.Is | ast.IsNot)


def _source(node: ast.expr) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "this part"
    return f"`{shortened(_MARKED.sub(_name_of, text))}`".encode("unicode_escape").decode()


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name) and _MARKED.fullmatch(node.id):
        return _MARKED.sub(_name_of, node.id)
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or any(part.startswith("__") for part in [*parts, node.id]):
        raise _Refused(f"{_source(node)} is not a name of a value")
    return ".".join([node.id, *reversed(parts)])


def _part(node: ast.expr) -> Part:
    match node:
        case ast.BoolOp(op=ast.And(), values=nodes):
            parts = [_part(each) for each in nodes]
            return lambda values: all(_truth(part(values)) for part in parts)
        case ast.BoolOp(values=nodes):
            parts = [_part(each) for each in nodes]
            return lambda values: any(_truth(part(values)) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            negated = _part(operand)
            return lambda values: not _truth(negated(values))
        case ast.UnaryOp(operand=operand):
            return _negative(operand)
        case ast.Compare():
            return _chain(node)
        case ast.List(elts=nodes) | ast.Tuple(elts=nodes):
            parts = [_part(each) for each in nodes]
            return lambda values: [part(values) for part in parts]
        case ast.Constant(value=constant):
            return lambda values: constant
    name = _dotted(node)
    return lambda values: values[name]


def _negative(node: ast.expr) -> Part:
    part = _part(node)

    def negative(values: Values) -> object:
        value = part(values)
        if _missing(value):
            return None
        if not isinstance(value, int | float):
            raise _Refused(f"{_source(node)} is {_kind(value)}, it has no negative")
        return -value

    return negative


def _chain(node: ast.Compare) -> Part:
    sides = [node.left, *node.comparators]
    links = [_comparison(sign, left, right) for sign, left, right in zip(node.ops, sides, sides[1:], strict=False)]
    return lambda values: all(_holds(link, sign, values) for link, sign in zip(links, node.ops, strict=True))


def _holds(link: Comparison, sign: ast.cmpop, values: Values) -> bool:
    try:
        return link(values)
    except _Incomparable:
        if not isinstance(values, Mixed):
            raise
        return isinstance(sign, ast.NotEq | ast.NotIn)


def _comparison(sign: ast.cmpop, left: ast.expr, right: ast.expr) -> Comparison:
    first, second = _part(left), _part(right)
    labels = (_source(left), _source(right))
    if isinstance(sign, ast.In):
        return lambda values: _contains(second(values), first(values), labels)
    if isinstance(sign, ast.NotIn):
        return lambda values: _lacks(second(values), first(values), labels)
    if isinstance(sign, ast.NotEq) and (_is_none(left) or _is_none(right)):
        return lambda values: not _compare(operator.eq, first(values), second(values), labels)
    compare = SIGNS[type(sign)]
    return lambda values: _compare(compare, first(values), second(values), labels)


def _compare(compare: Callable[..., bool], left: object, right: object, labels: tuple[str, str]) -> bool:
    if _missing(left) or _missing(right):
        return compare is operator.eq and _missing(left) and _missing(right)
    if _kind(left) != _kind(right):
        raise _Incomparable(
            f"{labels[0]} is {_kind(left)} ({reprlib.repr(left)}) and {labels[1]} is {_kind(right)} "
            f"({reprlib.repr(right)}): they cannot be compared"
        )
    return bool(compare(left, right))


def _contains(container: object, value: object, labels: tuple[str, str]) -> bool:
    if isinstance(container, list):
        return any(_compare(operator.eq, value, item, labels) for item in container)
    if _missing(container) or _missing(value):
        return False
    if not (isinstance(container, str) and isinstance(value, str)):
        raise _Refused(f"`in` needs a list, or text in text; {labels[1]} is {_kind(container)}")
    return value in container


def _lacks(container: object, value: object, labels: tuple[str, str]) -> bool:
    found = _contains(container, value, labels)
    return not (found or _missing(container) or _missing(value))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    return "a number" if isinstance(value, int | float) else "a list"


def _truth(value: object) -> bool:
    return not _missing(value) and bool(value)


def _check_known(names: Iterable[str], values: Values) -> None:
    for name in names:
        if name not in values:
            raise _Refused(unknown(name, values))
