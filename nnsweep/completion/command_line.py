"""The command line as it is being typed: what its last word may go on with.

Commands and their options are click's to complete; the settings of a sweep are read from the configuration tree.
"""

from collections.abc import Iterator, Mapping, Sequence

from nnsweep.commands import NAMES, commands, summaries
from nnsweep.completion import overrides
from nnsweep.completion.candidate import Candidate, Kind, remark

OPTIONS = {
    "--help": "all groups and the whole configuration",
    "--config-dir": "a folder of your own configurations, which wins",
    "--config-name": "another main configuration",
    "--multirun": "run a grid, as is done anyway",
    "--run": "run one job",
    "--cfg": "show the configuration and stop",
    "--resolve": "with --cfg: work out references to other settings",
    "--package": "with --cfg: show a part of the configuration",
    "--info": "what Hydra has found",
    "--hydra-help": "Hydra's own options",
    "--version": "the program's version",
}
"""The options of a sweep, and what they do."""
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_CFG = ("job", "hydra", "all")
VALUES: Mapping[str, Sequence[str]] = {"--cfg": _CFG, "-c": _CFG, "--info": _INFO, "-i": _INFO}
"""What options take that take one of a few words."""
_FREE = ("--config-name", "-cn", "--package", "-p")


def candidates(words: Sequence[str]) -> list[Candidate]:
    """Give what the last word may become.

    Parameters
    ----------
    words : sequence of str
        The command line after the program's name, without quotes, up to the cursor; the last one may be empty.

    Returns
    -------
    list of Candidate
        All of which begin with the last word.
    """
    *before, word = words or [""]
    found = {one.text: one for one in _all(before, word)}  # each once
    return [one for one in found.values() if one.kind in ("file", "folder") or one.text.startswith(word)]


def _all(before: Sequence[str], word: str) -> Iterator[Candidate]:
    if before and before[0] == "help":
        yield from _names() if len(before) == 1 else ()
    elif before and before[0] in NAMES:
        yield from _of_a_command(before, word)
    elif before and (before[-1] in VALUES or before[-1] in _FREE):
        yield from (Candidate("word", value) for value in VALUES.get(before[-1], ()))
    elif before and before[-1] in overrides.OWN:
        yield Candidate("folder", "")
    elif word.startswith("--config-dir="):
        yield Candidate("folder", "--config-dir=")
    elif word.startswith("-"):
        yield from (Candidate("word", name, said) for name, said in OPTIONS.items())
    else:
        yield from _names() if not before else ()
        yield from overrides.candidates(before, word)


def _names() -> Iterator[Candidate]:
    yield from (Candidate("word", name, remark(said)) for name, said in summaries().items())


def _of_a_command(before: Sequence[str], word: str) -> Iterator[Candidate]:
    """Let click complete a command's options, and what those and the command take."""
    from click.shell_completion import ShellComplete

    kinds: Mapping[str, Kind] = {"plain": "word", "file": "file", "dir": "folder"}
    option, equals, _ = word.partition("=")
    joined = f"{option}=" if equals and option.startswith("--") else ""
    for item in ShellComplete(commands, {}, "nnsweep", "").get_completions([*before], word):
        text = item.value if item.type == "plain" else ""
        yield Candidate(kinds[item.type], joined + text, remark(item.help or ""))
