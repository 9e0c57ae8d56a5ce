# fish completion for nvmigrate: the binary knows what may come next.
# SPDX-License-Identifier: LGPL-2.1-or-later

function __nvmigrate_complete
    set -l words (commandline -opc)
    set -l raw (commandline -ct)
    # Of a word with an open quote, what stands behind the quote.
    set -l typed (string unescape -- $raw; or string replace -r '^[\'"]' '' -- $raw)
    set -l lines (command $words[1] __complete --describe -- $words[2..] "$typed" 2>/dev/null)
    set -l kept (string match -r '^--[^=]*=' -- $typed)
    set -l rest (string replace -- "$kept" '' $typed)
    switch "$lines[1]"
        case ':files *'
            set -l suffix .(string replace ':files ' '' -- $lines[1])
            set -l all (__fish_complete_path "$rest")
            set -l fitting (string match -r -- '.*(?:/|'(string escape --style=regex -- $suffix)')(?:\t.*)?$' $all)
            if string match -qr -- (string escape --style=regex -- $suffix)'(\t|$)' $fitting
                set all $fitting
            end
            printf '%s\n' "$kept"$all
        case :folders
            printf '%s\n' "$kept"(__fish_complete_directories "$rest")
        case '*'
            printf '%s\n' $lines
    end
end

complete -c nvmigrate -f -a '(__nvmigrate_complete)'
