# SPDX-License-Identifier: 0BSD
#
# The tests of the library, as root; what a kernel does not have is skipped there.
#
# shellcheck shell=dash
# shellcheck disable=SC2154 # tap.sh sets the variables

one_of_library() {
	cd "$work" || exit
	TMPDIR=$work CMOCKA_MESSAGE_OUTPUT=TAP "$1" >tap 2>&1 </dev/null || {
		cat tap
		return 1
	}
	say "# $(grep -c '^ok' tap) tests, $(grep -c -i '^ok.*# skip' tap) skipped"
}

# The tests watch queues, see shows_queue().
if is_since 5.0 && ! is_since 5.13; then
	set -- check mine pidfile release
else
	set -- ''
fi
for program in /bin/test-*; do
	name=${program#*-}
	case " $* " in
	'  ' | *" $name "*) check "tests/lib/$name" one_of_library "$program" ;;
	esac
done
