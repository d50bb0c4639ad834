# SPDX-License-Identifier: 0BSD
# For the completions of lf-acquire(1) and lf-check(1) in fish.

# Prints the options of TOOL --help, one per line: letter or nothing, word, argument
# or nothing, text, separated by tabs.
function __fish_lf_options --argument-names tool
    command $tool --help 2>/dev/null | awk '
        function flush() {
            if (word != "")
                print letter "\t" word "\t" argument "\t" text
            word = ""
        }
        /^ +(-., )?--[a-z]/ {
            flush()
            letter = $1 ~ /,$/ ? substr($1, 2, 1) : ""
            word = letter == "" ? $1 : $2
            text = substr($0, index($0, word) + length(word))
            # One blank precedes an argument, several precede a text.
            argument = ""
            if (match(text, /^ [A-Z]+/)) {
                argument = substr(text, 2, RLENGTH - 1)
                text = substr(text, RLENGTH + 1)
            }
            sub(/^ +/, "", text)
            word = substr(word, 3)
            next
        }
        /^               +/ && word != "" {
            sub(/^ +/, "")
            text = text == "" ? $0 : text " " $0
            next
        }
        { flush() }'
end
