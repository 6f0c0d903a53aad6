"""What the shells are told: a script each, which asks the program at every press of the Tab key, and the answers.

An answer is a line for each candidate: its kind, itself, and a remark, with tabs between them.
"""

import shlex
from collections.abc import Sequence

from nnsweep.cli.completion import Candidate

_BASH = r"""# completion of nnsweep for bash: eval "$(nnsweep completion bash)"
_nnsweep_complete() {
    local program=${COMP_WORDS[0]/#\~/$HOME} kind text remark name
    local line=${COMP_LINE:0:$COMP_POINT}
    COMPREPLY=()
    while IFS=$'\t' read -r kind text remark; do
        case $kind in
            word) COMPREPLY+=("$text ") ;;
            start) COMPREPLY+=("$text") ;;
            file | folder)
                compopt +o nospace -o filenames 2>/dev/null
                while IFS= read -r name; do
                    COMPREPLY+=("$name")
                done < <(if [[ $kind == file ]]; then compgen -f -- "$text"; else compgen -d -- "$text"; fi)
                ;;
        esac
    done < <("$program" completion bash -- "$line" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nospace -F _nnsweep_complete nnsweep
"""
_ZSH = r"""#compdef nnsweep
# completion of nnsweep for zsh: eval "$(nnsweep completion zsh)"
_nnsweep() {
    local kind text remark files= folders=
    local -a whole starts whole_shown starts_shown
    local program=${~words[1]}
    while IFS=$'\t' read -r kind text remark; do
        case $kind in
            word) whole+=("$text"); whole_shown+=("$text${remark:+  -- $remark}") ;;
            start) starts+=("$text"); starts_shown+=("$text${remark:+  -- $remark}") ;;
            file) files=1 ;;
            folder) folders=1 ;;
        esac
    done < <("$program" completion zsh -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if [[ -n $files || -n $folders ]]; then
        compset -P '*='
        if [[ -n $files ]]; then _files; else _files -/; fi
        return
    fi
    compset -P '*[=,]' && {
        whole=("${whole[@]##*[=,]}")
        whole_shown=("${whole_shown[@]##*[=,]}")
    }
    (( $#whole )) && compadd -l -d whole_shown -a whole
    (( $#starts )) && compadd -S '' -l -d starts_shown -a starts
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _nnsweep "$@"; else compdef _nnsweep nnsweep; fi
"""
_FISH = r"""# completion of nnsweep for fish: nnsweep completion fish | source
function __nnsweep_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program completion fish -- $words[2..-1] "$current" 2>/dev/null)
        set -l parts (string split -m 2 \t -- $line)
        switch $parts[1]
            case word start
                printf '%s\t%s\n' $parts[2] "$parts[3]"
            case file
                for name in (__fish_complete_path (string replace -- "$parts[2]" '' "$current"))
                    echo $parts[2]$name
                end
            case folder
                for name in (__fish_complete_directories (string replace -- "$parts[2]" '' "$current") '')
                    echo $parts[2]$name
                end
        end
    end
end
complete --erase --command nnsweep
complete --command nnsweep --no-files --arguments '(__nnsweep_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def make_script(shell: str) -> str:
    """Give what a shell is to read."""
    return _SCRIPTS[shell]


def answer_shell(shell: str, words: Sequence[str]) -> str:
    """Answer a shell that asks for candidates.

    Parameters
    ----------
    shell : str
        Which one.
    words : sequence of str
        The words after the program's name, up to the cursor; of bash the whole line up to there, and the characters
        that part words for it.

    Returns
    -------
    str
        The lines; empty if there is nothing to say, or anything is wrong.
    """
    from nnsweep.cli.completion import complete_command_line

    try:
        if shell != "bash":
            return _lines(complete_command_line(words))
        line, breaks = (*words, "")[:2]
        (_, *typed), quote = read_words(line)
        return _lines(_as_bash_sees(complete_command_line(typed), typed[-1] if typed else "", "" if quote else breaks))
    except Exception:  # a message would be in the middle of what the user types
        return ""


def _lines(found: Sequence[Candidate]) -> str:
    plain = [one for one in found if "".join(one).isprintable()]
    return "".join(f"{kind}\t{text}\t{remark}\n" for kind, text, remark in plain)


def _as_bash_sees(found: Sequence[Candidate], word: str, breaks: str) -> list[Candidate]:
    """Take from candidates what bash holds for other words: it parts a word at ``=`` and ``:``, but not in quotes.

    A file's or folder's text becomes the beginning of its name.
    """
    cut = max((word.rfind(mark) for mark in breaks if not mark.isspace()), default=-1) + 1
    return [
        one._replace(text=word[len(one.text) :] if one.kind in ("file", "folder") else one.text[cut:]) for one in found
    ]


def read_words(line: str) -> tuple[list[str], str]:
    """Part the beginning of a command line into words, as bash does.

    Parameters
    ----------
    line : str
        As typed, up to the cursor.

    Returns
    -------
    words : list of str
        Without their quotes; the last one is empty if a new one begins.
    quote : str
        The quotation mark that is still open; empty if none is.

    Examples
    --------
    >>> read_words("nnsweep 'arch.depth=range(1,6)' act")
    (['nnsweep', 'arch.depth=range(1,6)', 'act'], '')
    >>> read_words('nnsweep "arch=')
    (['nnsweep', 'arch='], '"')
    >>> read_words("nnsweep ")
    (['nnsweep', ''], '')
    """
    for quote in ("", "'", '"'):
        try:
            words = shlex.split(line + quote)
        except ValueError:
            continue
        begins_anew = not quote and line[-1:].isspace() and not line.endswith("\\ ")
        return ([*words, ""] if begins_anew else words), quote
    return ["", ""], ""
