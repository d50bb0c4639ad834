#!/bin/sh
# The errors that a function may return are those that its manual page lists.

srcdir=${srcdir:-.}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
number=0

echo 1..10
for function in acquire acquire_fd adopt check convert finish inspect release \
	start verify
do
	number=$((number + 1))
	name=LF_$(echo $function | tr '[:lower:]' '[:upper:]')
	tr -d '\n' <"$srcdir/lib/api.c" | tr '{' '\n' |
		sed -n "s/^ *\(E[A-Z0-9]*\), [^\"]*\<$name\>.*/\1/p" |
		sort >"$dir/code"
	sed -n 's/^\.It Bq Er \(E[A-Z0-9]*\)$/\1/p' \
		"$srcdir/doc/lf_$function.3" | sort -u >"$dir/page"
	if ! test -s "$dir/code" ||
		diff "$dir/code" "$dir/page" | sed 's/^/# /' | grep .
	then
		echo "not ok $number - lf_$function(3) lists what lf_$function returns"
	else
		echo "ok $number - lf_$function(3) lists what lf_$function returns"
	fi
done
