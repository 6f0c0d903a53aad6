#compdef nnsweep
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
