#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# A manual page lists the errors that its function may return, and no others.
#
# The table of errors in the library has a constant for each function (or for
# several with the same errors), such as LF_ACQUIRE_FD for lf_acquire_fd().  A page
# with several lists names the functions of each by .Fn before the list.

srcdir=${srcdir:-.}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
number=0

# The table: a line "NUMBER CONSTANT..." for each error.
tr -d '\n' <"$srcdir/lib/errors.c" | tr '{' '\n' |
	sed -n 's/^ *\(E[A-Z0-9]*\), \([A-Z_| 	]*\),.*/\1 \2/p' |
	sed 's/[|	]/ /g; s/ LF_/ /g' >"$dir/table"

# errors_of PAGE FUNCTION: those of the lists of the ERRORS section for FUNCTION.
errors_of() {
	awk -v page="$(basename "$1" .3)" -v wanted="$2" '
		/^\.Sh / { errors = $2 == "ERRORS" }
		!errors { next }
		/^\.Pp/ && !depth { split("", named); several = 0 }
		/^\.Fn / && !depth { named[$2]; several = 1 }
		/^\.Bl / { depth++ }
		/^\.El/ { depth-- }
		/^\.It Bq Er E/ && depth == 1 {
			if (several ? wanted in named : wanted == page)
				print $4
		}' "$1" | sort -u
}

constants=$(cut -d ' ' -f 2- "$dir/table" | tr -s ' ' '\n' | sort -u | grep .)
for constant in $constants; do
	number=$((number + 1))
	function=lf_$(echo "$constant" | tr '[:upper:]' '[:lower:]')
	page=$srcdir/doc/$function.3
	link=$(sed -n '1s/^\.so man3\///p' "$page")
	test -z "$link" || page=$srcdir/doc/$link

	grep -w "$constant" "$dir/table" | cut -d ' ' -f 1 | sort >"$dir/code"
	errors_of "$page" "$function" >"$dir/page"
	if ! diff "$dir/code" "$dir/page" | sed 's/^/# /' | grep .; then
		echo "ok $number - the errors of $function() are on its page"
	else
		echo "not ok $number - the errors of $function() are on its page"
	fi
done
echo "1..$number"
test "$number" -ge 10 || echo "Bail out! no table of errors in lib/"
