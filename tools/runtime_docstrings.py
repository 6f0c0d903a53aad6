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


class RuntimeDocstrings(griffe.Extension):
    """Changes docstrings before they are parsed."""

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
        """Link public names; write choices as alternatives, since griffe takes the first of them for the default."""
        if thing.docstring:
            text = _CHOICES.sub(lambda match: match[1] + match[2].replace(", ", " or "), thing.docstring.value)
            thing.docstring.value = _NAME.sub(r"[`\1`][nnsweep.\1]", text)
