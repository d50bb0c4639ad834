#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Names and commands that others have chosen, as the tools print them: what is
# escaped in which locale, and how wide it is.
#
# shellcheck disable=SC2016 # text that is meant so
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them

load helper

# A letter, one that is wide, one beyond 16 bits, and one that combines.
letters=$'gr\xc3\xbcn \xe6\x97\xa5 \xf0\x9f\x94\x92 e\xcc\x81'
letters_escaped='gr\xc3\xbcn \xe6\x97\xa5 \xf0\x9f\x94\x92 e\xcc\x81'

need_utf8() {
	[ "$(LC_ALL=C.UTF-8 locale charmap 2>/dev/null)" = UTF-8 ] ||
		skip "the locale C.UTF-8 is missing"
	export LC_ALL=C.UTF-8
}

# need_locale LOCALE CHARSET: makes it, and uses it.
need_locale() {
	need localedef locale
	mkdir -p "$BATS_TEST_TMPDIR/locales"
	localedef -c -i "$1" -f "$2" "$BATS_TEST_TMPDIR/locales/$1.$2" \
		>/dev/null 2>&1 || :
	# The shell itself does not find it.
	export LOCPATH=$BATS_TEST_TMPDIR/locales LC_ALL=$1.$2 2>/dev/null
	[ "$(locale charmap 2>/dev/null)" = "$2" ] ||
		skip "cannot make the locale $1 in $2"
}

# ascii TEXT: has printable ASCII and newlines alone.
ascii() {
	[ -z "$(LC_ALL=C tr -d '\n -~' <<<"$1")" ] ||
		equal "$1" "printable ASCII"
}

# --- Which characters

# unseen: $names contain every such character of perl's Unicode data, and an "a".
# The expression is not that of tools/hidden.pl, which is tested with it.
unseen() {
	need perl
	mapfile -d '' names < <(perl -C -we '
		no warnings;
		my $n = 0;
		for my $c (1 .. 0xd7ff, 0xe000 .. 0x10ffff) {
			next unless chr($c) =~ /\p{Default_Ignorable_Code_Point} |
				\p{Cc} | \p{Zl} | \p{Zp} | \p{Bidi_Control} |
				\p{Variation_Selector} |
				[\x{2800}\x{e000}\x{fff9}-\x{fffb}]/x;
			print chr($c), ++$n % 50 == 0 ? "\0" : "";
		}
		print "a\0"')
	[ "${#names[@]}" -gt 1 ] || skip "this perl has no such characters"
}

@test "characters that are not seen, and those that drive terminals, are escaped" {
	local bytes

	need_utf8
	unseen
	run -1 lf-check "${names[@]}"
	ascii "$output"
	bytes=$(printf %s "${names[@]}" | wc -c)
	equal "$(grep -o '\\x[0-9a-f][0-9a-f]' <<<"$output" | wc -l)" \
		$((bytes - 1)) # without the "a"
}

@test "characters without a meaning are escaped" {
	local name
	local names=($'\xef\xb7\x90' $'\xef\xbf\xbf' $'\xf4\x8f\xbf\xbf' $'\xcd\xb8')

	need_utf8
	for name in "${names[@]}"; do
		run -1 lf-check "$name"
		ascii "$output"
	done
}

@test "the table of hidden characters is made from Unicode" {
	local tools=$BATS_TEST_DIRNAME/../../tools

	need perl
	perl -e 'use Unicode::UCD' 2>/dev/null || skip "perl has no Unicode::UCD"
	perl "$tools/hidden.pl" >is
	[ "$(grep Unicode is)" = "$(grep Unicode "$tools/hidden.h")" ] ||
		skip "perl has another version of Unicode"
	cmp is "$tools/hidden.h"
}

# --- Where

# prints TEXT: what each kind of output contains for the file and command $letters.
prints() {
	hold lf-acquire -F "$letters"
	run -0 lf-check "$letters"
	begins "$output" "$1: held"
	run -75 lf-acquire "$letters" true
	begins "$output" "lf-acquire: $1: held"
	run -64 lf-acquire "--$letters"
	equal "${lines[0]}" "lf-acquire: unrecognized option '--$1'"
	lf-check --help | grep -q 'Built without libsmartcols' ||
		equal "$(lf-check -lno LOCKFILE "$letters")" "$1"
}

@test "letters beyond ASCII are printed as they are where the locale has UTF-8" {
	need_utf8
	prints "$letters"
}

@test "letters beyond ASCII are escaped where the locale has ASCII" {
	prints "$letters_escaped"
}

# To a terminal for ISO 8859, the byte 0x9b in a letter begins a sequence.
@test "letters beyond ASCII are escaped where the locale has another charset" {
	local name

	need_locale de_DE ISO-8859-1
	prints "$letters_escaped"
	for name in $'\xc4\x9b[31m' $'\x9b31m' $'\xe9'; do
		run -1 lf-check "$name"
		ascii "$output"
		run -127 lf-acquire lock "./$name"
		ascii "$output"
	done
	need_locale ru_RU KOI8-R
	run -1 lf-check $'\xc4\x9b[31m' $'\x9b31m' $'\xe9'
	ascii "$output"
}

@test "no hostile character reaches a terminal, whatever the locale" {
	local name=$'\xc4\x9b\xe2\x80\xae\x9b\xf3\xa0\x81\x81' option locale

	need terminal localedef
	need_locale de_DE ISO-8859-1
	arguments=("$name")
	hold lf-acquire -F "$name"
	for locale in C C.UTF-8 de_DE.ISO-8859-1; do
		for option in '' -l -r -J; do
			[ -z "$option" ] || need_tables
			LC_ALL=$locale NO_COLOR=1 run -0 terminal lf-check \
				${option:+"$option"} "$name" <<<end
			output=${output//$'\r'/}
			[ "$locale" != C.UTF-8 ] ||
				output=${output//$'\xc4\x9b'/}
			ascii "$output"
		done
	done
}

# The name of a file may look like an option, and be given by lf-check *.
@test "no message contains an argument as it is" {
	local tool arguments argument evil=$'\e]0;x\a\r\xc2\x9b\xe2\x80\xae\xff'
	local option options='-m -E -t --fd -a -o --mode --timeout -Z --no'

	mkdir "$evil"
	: >"$evil/file"
	hold lf-acquire "$evil/lock"
	for tool in lf-acquire lf-check; do
		for arguments in '"$evil"' '"$evil" "$evil"' 'lock "$evil"' \
			'lock "./$evil"' 'lock "$evil/file"' '"no/$evil" true' \
			'"$evil/file/x" true' '-p "$evil/lock" true' \
			'"--$evil" lock' '"-$evil" lock' '"lock $evil"' \
			'-vt 0 "$evil/lock" "$evil"' '-- "-$evil" "$evil"'; do
			eval "set -- $arguments"
			ascii "$("$tool" "$@" 2>&1 || :)"
		done
		for option in $options; do
			for argument in "$option" "$option$evil" "$option=$evil"; do
				ascii "$("$tool" "$argument" "$evil" lock true \
					2>&1 || :)"
			done
		done
	done
}

@test "a locale is loaded only for a letter beyond ASCII" {
	local option

	need_strace
	need_utf8
	hold lf-acquire -F lock
	for option in '' -l; do
		[ -z "$option" ] || need_tables
		strace -f -o trace lf-check ${option:+"$option"} lock
		run -1 grep -i 'utf.\?8' trace
	done
	strace -f -o trace lf-acquire lock true || [ $? -eq 75 ]
	run -1 grep -i 'utf.\?8' trace
}

@test "JSON and raw output are the same in every locale" {
	local json raw locale

	need_tables
	need_utf8
	: >"$letters"
	json=$(lf-check -J "$letters" QUIT || :)
	raw=$(lf-check -r "$letters" QUIT || :)
	ascii "$raw"
	for locale in C 'de_DE ISO-8859-1' 'tr_TR ISO-8859-9' 'tr_TR UTF-8'; do
		# shellcheck disable=SC2086 # two words
		[ "$locale" = C ] && export LC_ALL=C || need_locale $locale
		equal "$(lf-check -J "$letters" QUIT || :)" "$json"
		equal "$(lf-check -r "$letters" QUIT || :)" "$raw"
	done
}

# --- How wide

# columns TEXT: the width of its longest line on a terminal.
columns() {
	printf '%s\n' "${1//$'\r'/}" | wc -L
}

need_width() {
	need_utf8
	[ "$(columns $'\xe6\x97\xa5e\xcc\x81' 2>/dev/null)" = 3 ] ||
		skip "wc cannot measure the width of text"
}

# wide CHARACTER OPTION...: $output, on a terminal with 150 columns, of a command
# with 200 such characters.
wide() {
	local argument

	printf -v argument '%200s' ''
	arguments=("${argument// /"$1"}")
	hold lf-acquire -F lock
	NO_COLOR=1 run -0 terminal sh -c 'stty cols 150; exec lf-check "$@"' sh \
		"${@:2}" lock <<<end
	output=${output%exit 0*}
	release "$holder"
}

@test "wide and combining characters are counted as the terminal shows them" {
	local character

	need terminal stty
	need_inspection
	need_width
	for character in a $'\xe6\x97\xa5' $'\xf0\x9f\x94\x92' $'e\xcc\x81'; do
		wide "$character"
		like "$output" '\.\.\. \([^,]*\), '
		[ "$(columns "$output")" -le 150 ]
		[ "$(columns "$output")" -ge 149 ]
	done
}

@test "the columns of a table are as wide as the terminal shows them" {
	local name

	need_tables
	need_width
	for name in abc $'\xe6\x97\xa5\xe6\x9c\xac' $'e\xcc\x81'; do
		run -1 lf-check -lo LOCKFILE,ROLE "$name" longer-name
		equal "$(columns "${lines[1]%free*}")" \
			"$(columns "${lines[2]%free*}")"
	done
}

@test "a command that is cut in a table is marked" {
	local character

	need terminal stty
	need_tables
	need_inspection
	need_width
	for character in a $'\xe6\x97\xa5' $'e\xcc\x81'; do
		wide "$character" -o PID,COMMAND,ROLE
		like "$output" '\.\.\. +holder'
		[ "$(columns "$output")" -le 150 ]
		[ "$(columns "$output")" -ge 149 ]
		wide "$character" -o COMMAND
		like "$output" $'\\.\\.\\.\r'
		[ "$(columns "$output")" -le 150 ]
	done
	# A row of its own is as long as it needs to be where nothing cuts it.
	hold lf-acquire lock
	[[ $(lf-check -lo COMMAND lock) != *...* ]]
}

@test "a very long command is cut between two letters" {
	local argument shift

	need_tables
	need_inspection
	need_utf8
	need jq
	printf -v argument '%3000s' ''
	for shift in '' x; do
		arguments=("$shift${argument// /$'\xc3\xa9'}")
		hold lf-acquire -F lock
		run -0 jq -r '.locks[].command[-5:]' <<<"$(lf-check -J lock)"
		equal "$output" $'\xc3\xa9\xc3\xa9...'
		release "$holder"
	done
}

# --- Messages

# folded COLUMNS COMMAND...: $lines of its messages on a terminal of this width; $output
# has each message in one line.
folded() {
	need terminal stty
	run -0 terminal sh -c 'stty cols "$1"; shift; exec "$@"' sh "$@" <<<end
	mapfile -t lines <<<"${output//$'\r'/}"
	lines=("${lines[@]:0:${#lines[@]}-2}") # "exit N", and the empty one before
	output=$(printf '%s\n' "${lines[@]}")
	output=${output//$'\n    '/ }
}

@test "a message is folded at blanks on a terminal, and one line elsewhere" {
	local columns message line

	hold lf-acquire lock
	for message in 'lf-acquire lock true' 'lf-acquire -z' \
		'lf-acquire missing/lock true' 'lf-check missing -t x'; do
		# shellcheck disable=SC2086 # words
		run $message
		wanted=${output/for*[sn]/} # without "for 2 s"
		equal "$(grep -c "^${message%% *}: " <<<"$output")" "${#lines[@]}"
		for columns in 30 80 1000; do
			# shellcheck disable=SC2086
			folded "$columns" $message
			equal "${output/for*[sn]/}" "$wanted"
			for line in "${lines[@]}"; do
				[ "${#line}" -le "$columns" ] ||
					equal "$line" "$columns columns"
			done
			[ "$columns" -gt 30 ] || [ "${#lines[@]}" -gt 1 ]
		done
	done
	release "$holder"
}

@test "a word of a message that is wider than the terminal is not broken" {
	local name

	name=$(printf '%050d' 0)
	folded 40 lf-acquire "$name/lock" true
	equal "${lines[0]}" "lf-acquire:"
	equal "${lines[1]}" "    $name/lock:"
	equal "${lines[2]}" "    no such file or directory; create"
}

@test "wide and combining letters of a message count as the columns they take" {
	need_utf8
	local name=$'\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5e\xcc\x81'

	folded 38 lf-acquire "$name/lock" true
	equal "${lines[0]}" "lf-acquire: $name/lock: no such file"
	folded 37 lf-acquire "$name/lock" true
	equal "${lines[0]}" "lf-acquire: $name/lock: no such"
}
