# completion of nnsweep for bash: eval "$(nnsweep completion bash)"
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
