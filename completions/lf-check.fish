# SPDX-License-Identifier: 0BSD
# Completion of lf-check(1) in fish.  The options are those of --help.

# Whether the word at the cursor is the argument of an option.
function __fish_lf_check_is_argument
    set -l words (commandline -opc)
    contains -- -- $words[2..-2]; and return 1
    string match -q -- '--*=*' (commandline -ct)
    or contains -- $words[-1] $__fish_lf_check_words
    or string match -qr -- "^-[^-$__fish_lf_check_letters]*[$__fish_lf_check_letters]\$" $words[-1]
end

# The columns of which the argument of --output is a list.
function __fish_lf_check_columns
    __fish_lf_options lf-check | string match -r '^o\t.*' | string match -ar '[A-Z]{3,}' |
        string match -v COLUMNS
end

complete -c lf-check -f
complete -c lf-check -n 'not __fish_lf_check_is_argument' -F

set -g __fish_lf_check_letters
set -g __fish_lf_check_words
__fish_lf_options lf-check | while read -l line
    set -l option (string split \t -- $line)
    set -l rules -l $option[2] -d $option[4]
    test -n "$option[1]"; and set -a rules -s $option[1]
    if test -n "$option[3]"
        set -a rules -x
        set __fish_lf_check_letters "$__fish_lf_check_letters$option[1]"
        set -a -- __fish_lf_check_words --$option[2]
    end
    test "$option[2]" = output; and set -a rules -a '(__fish_complete_list , __fish_lf_check_columns)'
    complete -c lf-check $rules
end
