"""What people read: the words of pages, docstrings, comments of configuration files and help, without code."""

import re

_FRONT = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$\n?", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_HIDDEN = re.compile(r"<!--.*?-->|<(style|script|svg).*?</\1>", re.DOTALL)


def read_prose(text: str) -> str:
    """Leave out of a page in Markdown its front matter, blocks of code, code in lines and what is hidden."""
    for pattern in (_FRONT, _FENCE, _HIDDEN):
        text = pattern.sub("", text)
    return _CODE.sub("`", text)
