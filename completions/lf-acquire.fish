# SPDX-License-Identifier: 0BSD
# Completion of lf-acquire(1) in fish.  The options are those of --help.

# Prints where the cursor is: at the "options", or at LOCKFILE after them; in the
# "argument" of an option; at LOCKFILE after a --, "lock"; at the "end", where
# nothing follows; or the number of the word where COMMAND begins.
# ? is no wildcard since fish 4.
function __fish_lf_acquire_place
    set -l words (commandline -opc)
    set -l count (count $words)
    set -l letters $__fish_lf_acquire_letters
    set -l fd
    set -l i 2
    while test $i -le $count
        switch $words[$i]
            case --
                set i (math $i + 1)
                break
            case '--*'
                string match -qr -- '^--fd(=|$)' $words[$i]; and set fd yes
                contains -- $words[$i] $__fish_lf_acquire_words; and set i (math $i + 1)
            case -
                break
            case '-*'
                string match -qr -- "^-[^$letters]*f" $words[$i]; and set fd yes
                string match -qr -- "^-[^$letters]*[$letters]\$" $words[$i]; and set i (math $i + 1)
            case '*'
                break
        end
        set i (math $i + 1)
    end
    # The lock file is word i.
    set -l next (math $i + 1)
    if test $i -eq (math $count + 2)
        echo argument
    else if test $i -gt $count
        if contains -- -- $words[2..]
            echo lock
        else if string match -q -- '--*=*' (commandline -ct)
            echo argument
        else if test -n "$fd"; and not string match -q -- '-*' (commandline -ct)
            echo end
        else
            echo options
        end
    else if test $next -le $count; and test "$words[$next]" = --
        math $next + 1
    else
        echo $next
    end
end

function __fish_lf_acquire_is_at
    contains -- (__fish_lf_acquire_place) $argv
end

function __fish_lf_acquire_is_in_command
    string match -qr '^[0-9]+$' (__fish_lf_acquire_place)
end

function __fish_lf_acquire_command
    set -l place (__fish_lf_acquire_place)
    set -l words (commandline -opc)
    set -l rest
    test $place -le (count $words); and set rest (string escape -- $words[$place..])
    complete -C (string join -- ' ' $rest (commandline -ct))
end

complete -c lf-acquire -f
complete -c lf-acquire -n '__fish_lf_acquire_is_at options lock' -F
complete -c lf-acquire -n __fish_lf_acquire_is_in_command -a '(__fish_lf_acquire_command)'

set -g __fish_lf_acquire_letters
set -g __fish_lf_acquire_words
__fish_lf_options lf-acquire | while read -l line
    set -l option (string split \t -- $line)
    set -l rules -n '__fish_lf_acquire_is_at options end' -l $option[2] -d $option[4]
    test -n "$option[1]"; and set -a rules -s $option[1]
    if test -n "$option[3]"
        if test "$option[3]" = FILE
            set -a rules -r -F
            set rules[2] "$rules[2] argument"
        else
            set -a rules -x
        end
        set __fish_lf_acquire_letters "$__fish_lf_acquire_letters$option[1]"
        set -a -- __fish_lf_acquire_words --$option[2]
    end
    complete -c lf-acquire $rules
end
