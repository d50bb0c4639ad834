# Completion of lf-check(1) in fish.  The options are those that --help tells of.

complete -c lf-check -F

# An option with a long name has its text in the next line.
command lf-check --help 2>/dev/null | while read -l line
    if string match -qr -- '^ +(-(?<short>.), )?--(?<long>[a-z-]+)(?<argument> [A-Z]+)?( +(?<text>.*))?$' $line
        test -n "$text"; or read -l text
        complete -c lf-check -l $long -d (string trim -- $text) \
            (test -n "$short"; and printf "-s%s" $short) (test -n "$argument"; and printf -- -x)
    end
end
