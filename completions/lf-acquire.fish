# Completion of lf-acquire(1) in fish.  The options are those that --help tells of.

# Prints where the cursor is: "options" and, with them, the first lock file;
# "argument" of an option; "second", which may be a lock file or COMMAND; "locks";
# or the number of the word where COMMAND begins.  ? is no wildcard since fish 4.
function __fish_lf_acquire_place
    set -l words (commandline -opc)
    set -l count (count $words)
    set -l i 2
    while test $i -le $count
        switch $words[$i]
            case --
                set i (math $i + 1)
                break
            case '--*=*'
            case --timeout --mode --conflict-exit-code --fd
                set i (math $i + 1)
            case '--*'
            case -
                break
            case '-*'
                string match -qr -- '^-[^tmEf]*[tmEf]$' $words[$i]
                and set i (math $i + 1)
            case '*'
                break
        end
        set i (math $i + 1)
    end
    # The first lock file is word i.
    set -l next (math $i + 1)
    if test $i -eq (math $count + 2)
        echo argument
    else if test $i -gt $count
        contains -- -- $words[2..]; and echo locks; or echo options
    else if test $next -gt $count
        echo second
    else if test "$words[$next]" = --
        math $next + 1
    else if command -q -- $words[$next]
        echo $next
    else if set -l end (contains -i -- -- $words[$next..])
        math $next + $end
    else
        echo locks
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
complete -c lf-acquire -n '__fish_lf_acquire_is_at options second locks' -F
complete -c lf-acquire -n '__fish_lf_acquire_is_at second locks' -a -- -d 'end of lock files'
complete -c lf-acquire -n '__fish_lf_acquire_is_at second' -a '(__fish_complete_command)'
complete -c lf-acquire -n __fish_lf_acquire_is_in_command -a '(__fish_lf_acquire_command)'

# An option with a long name has its text in the next line.
command lf-acquire --help 2>/dev/null | while read -l line
    if string match -qr -- '^ +(-(?<short>.), )?--(?<long>[a-z-]+)(?<argument> [A-Z]+)?( +(?<text>.*))?$' $line
        test -n "$text"; or read -l text
        complete -c lf-acquire -n '__fish_lf_acquire_is_at options' -l $long -d (string trim -- $text) \
            (test -n "$short"; and printf "-s%s" $short) (test -n "$argument"; and printf -- -x)
    end
end
