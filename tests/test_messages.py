"""Words for messages: what is quoted for a shell is what a shell reads."""

import os
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsweep.text import printable, quote_argument

ARGUMENTS = st.binary(max_size=12).filter(lambda content: b"\0" not in content)  # which no argument can hold


@settings(max_examples=200)
@given(ARGUMENTS | st.text("$'\\\n\x1b07aü", max_size=8).map(os.fsencode))
def test_a_shell_reads_what_was_quoted_as_one_argument(content):
    quoted = quote_argument(os.fsdecode(content))
    assert quoted == printable(quoted)  # it can be pasted
    told = subprocess.run(["bash", "-c", f"printf '%s|' {quoted}"], capture_output=True, check=True)
    assert told.stdout == content + b"|"


@pytest.mark.parametrize("text", ["", "cats.csv", "my cats.csv", "it's", "$HOME", "~", "ü", "*", "a;b"])
def test_what_can_be_printed_is_quoted_as_any_shell_reads_it(text):
    assert shlex.split(quote_argument(text)) == [text]
    assert not quote_argument(text).startswith("$'")
