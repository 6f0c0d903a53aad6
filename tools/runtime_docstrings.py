"""Let the reference show docstrings as they are once nnsweep is imported, with links from one name to another.

mkdocstrings reads sources, where the estimators' docstrings have placeholders (`nnsweep.estimator.configurable`). This
is an extension of griffe, which reads them for it.
"""

import re
from importlib import import_module
from inspect import getdoc
from typing import Any

import griffe

import nnsweep

_NAME = re.compile(rf"(?<!`)`(?:nnsweep\.)?({'|'.join(nnsweep.__all__)})`(?!`)")
_CHOICES = re.compile(r"^(\w+(?:, \w+)* : )\{(.+)\}", re.MULTILINE)
_SEVERAL = re.compile(r"^(\w+(?:, \w+)+)( : .*)?\n((?: .*\n)+)", re.MULTILINE)
_FORMULA = re.compile(r"^ {4}(?=.*``)", re.MULTILINE)
_SECTIONS = re.compile(r"(?=\n\n\w+\n-{3,}\n)")


class RuntimeDocstrings(griffe.Extension):
    """Changes docstrings before they are parsed.

    Names become links, formulas quotations instead of code, and choices alternatives, of which griffe would take the
    first for the default.
    """

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Take the docstring of the imported class where its source has a placeholder."""
        if cls.docstring and "\n$" in cls.docstring.value:
            module, _, name = cls.path.rpartition(".")
            cls.docstring.value = getdoc(getattr(import_module(module), name)) or ""
        self._prepare(cls)

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Prepare the docstring of a function."""
        self._prepare(func)

    def _prepare(self, thing: griffe.Object) -> None:
        if thing.docstring:
            about, *sections = _SECTIONS.split(thing.docstring.value + "\n")
            parts = [_FORMULA.sub("> ", about), *(_SEVERAL.sub(_name_each, part) for part in sections)]
            text = _CHOICES.sub(lambda match: match[1] + match[2].replace(", ", " or "), "".join(parts))
            thing.docstring.value = _NAME.sub(r"[`\1`][nnsweep.\1]", text).rstrip()


def _name_each(match: re.Match[str]) -> str:
    """Describe parameters one by one: griffe would give all of them the type and the default of the first."""
    return "".join(f"{name}{match[2] or ''}\n{match[3]}" for name in match[1].split(", "))
