#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Tables and JSON of lf-check.
#
# shellcheck disable=SC1003,SC2016 # text that is meant so
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# On a terminal; and for programs.
default='LOCKFILE ROLE MODE TYPE PID USER STATE AGE JOB'
all='LOCKFILE ROLE MODE PID USER STATE JOB COMMAND LOCKED STARTED TYPE'


# words TEXT: separated by one blank.
words() {
	tr -s ' ' <<<"$1" | sed 's/^ //; s/ $//'
}

# json FILTER ARGUMENT...: the output of lf-check, filtered.
json() {
	lf-check -J "${@:2}" >json || [ $? -eq 1 ]
	jq -r "$1" json
}

# --- Tables

@test "a table has a line for each holder and each waiter" {
	local option

	need_tables
	need_inspection
	hold lf-acquire lock
	queue lf-acquire -w lock true
	: >free
	for option in -l --list; do
		run -0 --separate-stderr lf-check "$option" lock free
		equal "$stderr" ""
		equal "${#lines[@]}" 4
		equal "$(words "${lines[0]}")" "$default"
		like "$(words "${lines[1]}")" "^lock holder WRITE (OFDLCK|POSIX) $holder $(user_of "$holder") [0-9]+ (s|min) sh -c "
		like "$(words "${lines[2]}")" "^lock waiter WRITE POSIX $pid $(user_of "$pid") [0-9]+ (s|min) true$"
		equal "$(words "${lines[3]}")" "free free"
	done
}

@test "a shared lock is READ, and a lock of flock(1) is FLOCK" {
	local sharer

	need_tables
	need_inspection
	need_shared_locks
	need flock
	hold lf-acquire -s lock
	sharer=$holder
	hold flock lock
	run -0 lf-check -r -n -o role,mode,pid,type lock
	like "${lines[0]}" "^holder READ $sharer (OFDLCK|POSIX)$"
	equal "${lines[1]}" "holder WRITE $holder FLOCK"
}

@test "a missing file is free, and a directory without locks an empty table" {
	need_tables
	mkdir dir
	run -1 lf-check -l missing
	equal "$(words "${lines[1]}")" "missing free"
	run -1 --separate-stderr lf-check -l dir
	equal "$output$stderr" ""
	: >dir/free
	run -1 lf-check -l -a dir
	equal "$(words "${lines[1]}")" "dir/free free"
}

@test "each process has its own user" {
	need_tables
	need_inspection
	need_root
	need_unprivileged
	hold lf-acquire -m 666 lock
	queue setpriv --reuid="$nobody" --regid="$nobody" --clear-groups \
		lf-acquire -w lock true
	run -0 lf-check -rno PID,USER lock
	equal "${lines[0]}" "$holder $(id -un)"
	like "${lines[1]}" "^$pid "
	[[ ${lines[1]} != *" $(id -un)" ]]
}

@test "columns are chosen, in any case, added, and each is there once" {
	need_tables
	need_inspection
	hold lf-acquire lock
	run -0 lf-check -o pid,LockFile lock
	equal "$(words "${lines[0]}")" "PID LOCKFILE"
	equal "$(words "${lines[1]}")" "$holder lock"
	run -0 lf-check --output=+AGE,SOURCE,COMMAND lock
	equal "$(words "${lines[0]}")" "$default SOURCE COMMAND"
	run -0 lf-check -o PID,PID lock
	equal "$(words "${lines[0]}")" "PID"
	run -0 lf-check -o ROLE -o PID lock
	equal "$(words "${lines[0]}")" "PID"
	run -0 lf-check -rno STATE,STARTTIME,SOURCE lock
	like "$output" '^- [0-9]+ (tag|lock)$'
}

# started PID: when, in seconds since the Epoch, and in clock ticks after boot.
started() {
	local stat btime

	btime=$(sed -n 's/^btime //p' /proc/stat)
	read -r stat <"/proc/$1/stat"
	read -ra stat <<<"${stat##*) }"
	ticks=${stat[19]}
	seconds=$((btime + ticks / $(getconf CLK_TCK)))
}

# iso SECONDS: as the tables have it.
iso() {
	date -d "@$1" +%Y-%m-%dT%H:%M:%S%:z
}

@test "STARTED and STARTTIME are those of the process, the same in each call" {
	local look

	need_tables
	need_inspection
	hold lf-acquire -F lock
	queue lf-acquire -w lock true
	for look in {1..10}; do
		run -0 lf-check -rno LOCKED,STARTED,STARTTIME lock
		started "$holder"
		equal "${lines[0]}" "- $(iso "$seconds") $ticks"
		started "$pid"
		equal "${lines[1]}" "- $(iso "$seconds") $ticks"
	done
}

@test "LOCKED is when the holder wrote its PID into the file" {
	need_tables
	need_inspection
	hold lf-acquire -p lock
	started "$holder"
	run -0 lf-check -rno LOCKED,STARTED lock
	equal "$output" "$(iso "$(stat -c %Y lock)") $(iso "$seconds")"
	TZ=Pacific/Chatham run -0 lf-check -rno LOCKED,STARTED lock
	export TZ=Pacific/Chatham
	equal "$output" "$(iso "$(stat -c %Y lock)") $(iso "$seconds")"
}

@test "LOCKED is empty if the PID in the file cannot be the holder's" {
	need_tables
	need_inspection
	hold lf-acquire -F -p lock
	touch -d '2001-02-03 04:05:06' lock
	run -0 lf-check -rno LOCKED lock
	equal "$output" -
	echo 1 >lock
	run -0 lf-check -rno LOCKED lock
	equal "$output" -
}

@test "LOCKED is when COMMAND of lf-acquire began, too" {
	need_tables
	need_inspection
	hold lf-acquire lock
	started "$command"
	[ -e "/proc/$holder/task/$holder/children" ] ||
		skip "the kernel does not list children"
	run -0 lf-check -rno LOCKED lock
	equal "$output" "$(iso "$seconds")"
	queue lf-acquire -w lock true
	run -0 lf-check -rno ROLE,LOCKED lock
	equal "${lines[1]}" "waiter -"
}

@test "AGE counts from LOCKED, and from STARTED if that is unknown" {
	local before after

	need_tables
	need_inspection
	hold lf-acquire -p lock
	started "$holder"
	touch -d "@$((seconds - 2))" lock
	for _ in {1..20}; do # on a busy machine one call may take longer than 2 seconds
		before=$EPOCHSECONDS
		run -0 lf-check -rno AGE lock
		after=$EPOCHSECONDS
		((after - before >= 2)) || break
	done
	[ "$output" -ge $((before - seconds + 2)) ]
	[ "$output" -le $((after - seconds + 2)) ]
	touch -d "@$((EPOCHSECONDS + 2))" lock # by a clock that is not exact
	run -0 lf-check -rno AGE lock
	[ "$output" -le $((EPOCHSECONDS - seconds)) ]
	touch -d "@$((seconds - 100))" lock
	before=$EPOCHSECONDS
	run -0 lf-check -rno AGE lock
	after=$EPOCHSECONDS
	[ "$output" -ge $((before - seconds)) ]
	[ "$output" -le $((after - seconds)) ]
}

@test "headings can be omitted" {
	local option

	need_tables
	: >lock
	for option in -n --noheadings '-l -n' '-o ROLE,LOCKFILE -n'; do
		# shellcheck disable=SC2086 # several words
		run -1 lf-check $option lock
		equal "${#lines[@]}" 1
		[[ $output != *LOCKFILE* ]]
	done
}

@test "raw output has all columns, and no blank in a column" {
	local option

	need_tables
	need_inspection
	hold lf-acquire 'a lock'
	: >free
	for option in -r --raw -rl; do
		run -0 lf-check "$option" 'a lock' free
		equal "${lines[0]}" "$all"
		like "${lines[1]}" '^a\\x20lock holder WRITE [0-9]+ [^ ]+ - sh\\x20-c[^ ]* lf-acquire\\x20a\\x20lock\\x20sh[^ ]* [^ ]+ [^ ]+ (OFDLCK|POSIX)$'
		equal "${lines[2]}" "free free - - - - - - - - -"
	done
}

# --- JSON

@test "JSON has an object for each line of the table" {
	local option

	need_tables
	need_inspection
	need jq
	hold lf-acquire lock
	queue lf-acquire -w lock true
	: >free
	for option in -J --json -Jn -lJ; do
		run -0 --separate-stderr lf-check "$option" lock free missing
		equal "$stderr" ""
		jq -e . <<<"$output" >/dev/null
		equal "$(jq -c '[.locks[] | [.lockfile, .role, .mode, .pid]]' \
			<<<"$output")" \
			"[[\"lock\",\"holder\",\"WRITE\",$holder],[\"lock\",\"waiter\",\"WRITE\",$pid],[\"free\",\"free\",null,null],[\"missing\",\"free\",null,null]]"
		equal "$(jq -r '.locks[0] | keys_unsorted | join(" ")' \
			<<<"$output")" "${all,,}"
	done
}

@test "JSON has numbers as numbers, and unknown values as null" {
	need_tables
	need_inspection
	need jq
	hold lf-acquire lock
	: >free
	equal "$(json '.locks[] | [.pid, .age, .starttime, .role] |
		map(type) | join(" ")' -o PID,AGE,STARTTIME,ROLE lock free)" \
		$'number number number string\nnull null null string'
}

@test "JSON without a lock is valid" {
	need_tables
	need jq
	mkdir dir
	run -1 lf-check -J dir
	equal "$(jq -c . <<<"$output")" '{"locks":[]}'
}

@test "JSON has the other files if one fails" {
	need_tables
	need jq
	mkfifo fifo
	: >free
	run -2 --separate-stderr lf-check -J fifo free
	equal "$(jq -r '.locks[].lockfile' <<<"$output")" free
	like "$stderr" '^lf-check: fifo: is not a regular file'
}

@test "an unknown holder has a line without PID" {
	local command

	need_tables
	need_root
	need_inspection
	need_locks_of_descriptors
	need jq
	hold lf-acquire lock
	kill_holder
	run -0 unprivileged lf-check -J lock
	equal "$(jq -c '.locks[] | [.role, .pid, .command, .started]' \
		<<<"$output")" '["holder",null,null,null]'
	run -0 unprivileged lf-check -rno ROLE,PID lock
	equal "$output" "holder -"
	run -0 unprivileged lf-check -p lock
	equal "$output" ""
}

# locales: the installed ones of these.
locales() {
	local locale

	for locale in C C.UTF-8 de_DE.ISO-8859-1 tr_TR.UTF-8 ja_JP.SJIS; do
		case $locale in
		C) echo C ;;
		*) locale -a | tr -d - | grep -ix "${locale//-/}" || : ;;
		esac
	done 2>/dev/null
}

@test "JSON is valid UTF-8 for any name, in any locale" {
	local name locale
	local names=(
		$'new\nline' $'tab\t' 'quo"te' 'back\slash' $'\xc3\xa9'
		$'\xf0\x9f\x94\x92' $'\e[2J' $'bell\a\x01\x1f' '<script>' "'\$x'"
		' blank ' '{}' '\u0000' '\' '%s%n' $'\xc2\x9b' $'\x7f'
		INDIGO indigo
	)

	need_tables
	need_inspection
	need jq iconv
	arguments=("${names[@]}")
	for name in "${names[@]}"; do
		: >"$name"
	done
	hold lf-acquire -F 'quo"te'
	for locale in $(locales); do
		export LC_ALL=$locale
		lf-check -J "${names[@]}" >json
		iconv -f UTF-8 -t UTF-8 json >/dev/null
		jq -e . json >/dev/null
		jq -j '.locks[] | .lockfile + "\u0000"' json >is
		printf '%s\0' "${names[@]}" >wanted
		cmp is wanted
		equal "$(jq -r '.locks[] | select(.pid) | .command' json)" \
			"$(printf '%s ' sh -c "$holding" "${names[@]}" |
				sed 's/ $//')"
	done
}

@test "JSON has bytes that are not UTF-8 as text" {
	local name locale
	local names=($'a\xff\xfe' $'\xc3' $'\xe2\x82' $'\xc0\xaf'
		$'\xe0\x80\xaf' $'\xed\xa0\x80' $'\xf4\x90\x80\x80' $'\x80b')

	need_tables
	need jq iconv
	for name in "${names[@]}"; do
		: >"$name" || skip "this file system has no such names"
	done
	for locale in $(locales); do
		LC_ALL=$locale lf-check -J "${names[@]}" >json || [ $? -eq 1 ]
		iconv -f UTF-8 -t UTF-8 json >/dev/null
		equal "$(jq -r '.locks[].lockfile' json)" 'a\xff\xfe
\xc3
\xe2\x82
\xc0\xaf
\xe0\x80\xaf
\xed\xa0\x80
\xf4\x90\x80\x80
\x80b'
	done
}

# Python accepts less than jq does.
@test "JSON is accepted by a strict parser" {
	local names=($'\xff' $'\e\n\r\t\b\f' '"\' $'\x7f\xc2\x85\xe2\x80\xa8')

	need_tables
	need python3
	: >"${names[0]}"
	lf-check -J "${names[@]}" >json || [ $? -eq 1 ]
	python3 -X utf8 -c '
import json, sys
text = open("json", encoding="utf-8", newline="").read()
names = [lock["lockfile"] for lock in json.loads(text)["locks"]]
sys.exit(names != ["\\xff", "\x1b\n\r\t\b\f", "\"\\", "\x7f\x85\u2028"])'
}

@test "a path of 4095 bytes, and a command as long" {
	local name=$'\xc3\xa9' directory

	need_tables
	need_inspection
	need jq
	for _ in {1..6}; do
		name+=$name
	done
	name=${name:0:250}
	while [ ${#directory} -lt 3800 ]; do
		directory+=$name/
	done
	mkdir -p "$directory" || skip "no such names here"
	name=$directory$(printf "%0$((4095 - ${#directory} - 4))d" 0).lck
	equal "${#name}" 4095
	arguments=("$name")
	hold lf-acquire "$name"
	equal "$(json '.locks[].lockfile' "$name")" "$name"
	run -0 lf-check -l "$name"
	begins "${lines[1]}" "${name//$'\xc3\xa9'/'\xc3\xa9'} holder"
	equal "$(json '.locks[].command[-3:]' "$name")" ...
	run -2 lf-check -J "${name}x"
	like "$output" 'the name is too long'
}

# --- Bad input

# refused MESSAGE ARGUMENT...: status 64, one line.
refused() {
	run -64 --separate-stderr lf-check "${@:2}"
	equal "$output" ""
	equal "${#stderr_lines[@]}" 1
	like "$stderr" "^lf-check: $1"
}

@test "an unknown column is refused, and the known ones are listed" {
	local columns

	need_tables
	: >lock
	for columns in '' ',' 'PID,' ',PID' 'PID,,ROLE' 'PID ' NAME SINCE EVENT + +NAME; do
		refused 'invalid column .*: the columns are LOCKFILE, ROLE, MODE, PID, USER, STATE, JOB, COMMAND, LOCKED, STARTED, TYPE, AGE, STARTTIME, SOURCE' \
			-o "$columns" lock
	done
	refused "invalid column 'e\\\\x1b': " -o $'e\e' lock
}

@test "options that cannot be combined with a table are refused" {
	local option

	need_tables
	: >lock
	for option in -l -J -n -r -oPID; do
		refused '--list, .*cannot be used with --pid or --quiet' "$option" -q lock
		refused '--list, .*cannot be used with --pid or --quiet' -p "$option" lock
	done
	refused '--json cannot be used with --raw' -J -r lock
	run -64 lf-check -o
}

@test "a table that cannot be written is status 71" {
	local option

	need_tables
	need_dev_full
	: >lock
	for option in -l -J -r; do
		run -71 sh -c "lf-check $option lock >/dev/full"
		like "$output" '^lf-check: standard output: '
	done
}

@test "--help names the options of tables, and every column" {
	need_tables
	# shellcheck disable=SC2086 # a word for each column
	help_names lf-check '-l, --list' '-J, --json' '-o, --output COLUMNS' \
		'-n, --noheadings' '-r, --raw' $default $all STARTTIME SOURCE
}

@test "without libsmartcols tables are refused, and everything else works" {
	local option

	lf-check --help | grep -q 'Built without libsmartcols' ||
		skip "built with libsmartcols"
	: >lock
	for option in -l -J -n -r -oPID; do
		refused '.*need libsmartcols' "$option" lock
	done
	run -1 lf-check lock
	equal "$output" "lock: free"
	run -1 lf-check -p lock
	run -1 lf-check -q lock
}
