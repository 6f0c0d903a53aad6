# completion of nnsweep for fish: nnsweep completion fish | source
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
