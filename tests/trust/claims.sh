#!/bin/sh
# SPDX-License-Identifier: 0BSD
#
# Each claim in the list claims.list is on the page lockfile-fcntl(7), and what
# is named as showing it exists.  Each section of the page has a claim, and each number
# on it is in one.  Whether a test shows a claim, a reader has to judge.
#
# The page is read as a reader sees it: without macros, line ends and quotation marks.
#
#   tests/trust/claims.sh --run CLAIM
#
# prints the claim of this number, as the check counts them, or each that has this text,
# and runs the tests that show it, in the build directory.

srcdir=${srcdir:-$(dirname "$0")/../..}
tests=$srcdir/tests
list=${CLAIMS-$tests/trust/claims.list}
page=${PAGE-$srcdir/doc/lockfile-fcntl.7}

# "# NUMBER. CLAIM", and a line for each test of it.
select_claims() {
	awk -v wanted="$1" '
		function end_claim() {
			if (wanted ~ /^[0-9]+$/ ? wanted == number : index(claim, wanted))
				print "# " number ". " claim tests
			claim = tests = ""
		}
		/^#/ || /^= / || !NF { next }
		/^\t\t/ { tests = tests " " substr($0, 3); next }
		/^\t/ { sub(/[ \t]+# .*/, ""); tests = tests "\n" substr($0, 2); next }
		tests != "" { end_claim() }
		{ number += claim == ""; claim = claim (claim == "" ? "" : " ") $0 }
		END { end_claim() }' "$list"
}

# run_test FILE[:NAME]
run_test() {
	name=${1#*:} filter=
	case $1 in
	*.bats:*) filter="--filter '$(echo "$name" | sed 's/[^A-Za-z0-9]/./g')'" ;;
	*:*) LF_TEST=$name && export LF_TEST ;;
	esac
	${MAKE:-make} -k check TESTS="tests/${1%%:*}" BATS_LOG_FLAGS="$filter" 2>&1 |
		grep -E '^(PASS|FAIL|SKIP|ERROR|X[A-Z]*): |\*\*\*'
	unset LF_TEST
}

run_claims() {
	select_claims "$1" | while IFS= read -r line; do
		case $line in
		lib/* | port/* | tools/* | doc/* | python/* | examples.sh* | trust/*.bats*)
			run_test "$line" </dev/null ;;
		'#'*) echo "$line" ;;
		*) echo "# not run here: $line" ;;
		esac
	done | awk '
		{ print }
		/^(PASS|SKIP)/ { tests++ }
		/^(FAIL|ERROR)|\*\*\*/ { bad = 1 }
		END {
			if (!NR)
				print "# no such claim"
			else if (!tests)
				print "# no test was run"
			exit bad || !tests
		}'
}

if [ "${1-}" = --run ]; then
	run_claims "${2:?CLAIM is missing}"
	exit
fi

# Those of tests/trust that are commands.
commands=
for file in "$tests"/trust/[a-z]*; do
	case ${file##*/} in
	*.* | claims | kernels-guest | Makemodule*) ;;
	*) commands="$commands $file" ;;
	esac
done

# Sources first: what there is to name.
# shellcheck disable=SC2086 # several names
exec awk -v srcdir="$srcdir" -v list="$list" -v page="$page" '
	function add(name) { exists[name] = 1 }

	# Titles of which the list may have a part.
	function add_title(file, title) {
		titles[file] = titles[file] "\n" title
		add(file)
	}

	# The name of a source, as the list has it.
	function name_of(path) {
		sub(/^.*\/tests\//, "", path)
		return path
	}

	FNR == 1 { file = name_of(FILENAME); base = file; sub(/\.c$/, "", base) }

	FILENAME == page { read_page($0); next }
	FILENAME == list { read_list($0); next }

	# --- Names

	file ~ /Makemodule\.am$|Makefile\.am$/ {
		line = $0
		if (line ~ /^[a-z][-a-z ]*:( |$)/) {
			sub(/:.*/, "", line)
			count = split(line, words, " ")
			for (i = 1; i <= count; i++)
				add("make " words[i])
			next
		}
		while (match(line, /tests\/[-a-z_\/0-9.]+/)) {
			listed[substr(line, RSTART + 6, RLENGTH - 6)] = 1
			line = substr(line, RSTART + RLENGTH)
		}
		next
	}
	file ~ /\.c$/ && /^[A-Z_]*TEST[A-Z_]*\([a-zA-Z_0-9]+[,)]/ {
		sub(/^[A-Z_]*\(/, "")
		sub(/[,)].*/, "")
		add(base ":" $0)
	}
	file ~ /\.c$/ && FNR == 1 { add(base) }
	file ~ /\.bats$/ && /^@test "/ {
		sub(/^@test "/, "")
		sub(/" \{$/, "")
		add_title(file, $0)
	}
	file ~ /\.py$/ && /^def test_/ {
		sub(/^def /, "")
		sub(/\(.*/, "")
		add(file ":" $0)
	}
	file ~ /\.sh$/ && /^[^#]*check "/ {
		sub(/^[^#]*check "/, "")
		sub(/".*/, "")
		add_title(file, $0)
	}
	file ~ /model\/checks$/ && /^[^#]/ {
		add("model:" $3)
		add("model:" $4)
	}
	file !~ /\// { add(base) } # tests/order
	file ~ /^trust\/[a-z]*$|\.sh$/ && FNR == 1 { add(file) }

	# --- The page

	function joined(text) {
		gsub(/"/, "", text)
		gsub(/[ \t\n]+/, " ", text)
		gsub(/ ,/, ",", text)
		gsub(/ ;/, ";", text)
		gsub(/ :/, ":", text)
		gsub(/ \)/, ")", text)
		gsub(/ \. /, ". ", text)
		sub(/ \.$/, ".", text)
		gsub(/\( /, "(", text)
		sub(/^ /, "", text)
		sub(/ $/, "", text)
		return text
	}

	# The words of a line of macros, as printed.
	function without_macros(line,    word, count, i, text, one, gap, close_it) {
		count = 0
		while (line != "") {
			sub(/^ +/, "", line)
			if (line ~ /^"/) {
				match(line, /^"[^"]*"?/)
				one = substr(line, 2, RLENGTH - 2)
			} else {
				match(line, /^[^ ]+/)
				one = substr(line, 1, RLENGTH)
			}
			line = substr(line, RLENGTH + 1)
			word[++count] = one
		}
		text = gap = close_it = ""
		for (i = 1; i <= count; i++) {
			one = word[i]
			if (one == "Ns") {
				gap = ""
				continue
			}
			if (one == "Xr") {
				one = word[i + 1] "(" word[i + 2] ")"
				i += 2
			} else if (one == "Fn") {
				one = word[++i] "()"
			} else if (one == "Bx") {
				one = word[++i] "BSD"
			} else if (one == "St") {
				one = word[++i] == "-p1003.1-88" ? "IEEE Std 1003.1-1988" : word[i]
			} else if (one == "Lk") {
				one = word[i + 1]
				text = text gap
				for (i += 2; i <= count; i++)
					text = text word[i] (i < count ? " " : ": ")
				gap = ""
			} else if (one == "Fl") {
				text = text gap "-"
				gap = ""
				continue
			} else if (one == "Pq") {
				text = text gap "("
				close_it = ")"
				gap = ""
				continue
			} else if (one in macros) {
				continue
			}
			text = text gap one
			gap = " "
		}
		if (close_it != "" && text ~ / [.:,;]$/)
			sub(/ [.:,;]$/, close_it "&", text)
		else
			text = text close_it
		return text
	}

	function read_page(line) {
		if (line ~ /^\.\\"/ || line ~ /^\.(Dd|Dt|Os|Pp|Bd|Ed|Bl|El)/)
			return
		gsub(/\\-/, "-", line)
		gsub(/\\\(aq/, "\047", line)
		gsub(/\\e/, "\\", line)
		if (line ~ /^\.S[hs] /) {
			section[++sections] = substr(line, 5)
			return
		}
		if (line ~ /^\./)
			line = without_macros(substr(line, 2))
		gsub(/\\&/, "", line)
		text[sections] = text[sections] " " line
	}

	# --- The list: a section, a claim, and below it what shows it

	function read_list(line,    at) {
		if (line ~ /^#/ || line ~ /^[ \t]*$/)
			return
		if (line ~ /^= /) {
			heading[++claims] = substr(line, 3)
			indented = 1
		} else if (line ~ /^\t\t/) {
			shown[claims, shows[claims]] = shown[claims, shows[claims]] \
				" " substr(line, 3)
		} else if (line ~ /^\t/) {
			sub(/[ \t]+# .*/, "", line)
			shown[claims, ++shows[claims]] = substr(line, 2)
			indented = 1
		} else if (indented) {
			claim[++claims] = line
			indented = 0
		} else {
			claim[claims] = claim[claims] " " line
		}
	}

	# --- The checks

	function wrong(reason) { reasons = reasons "# " reason "\n" }

	function result(name, skip) {
		printf "%s", reasons
		printf "%sok %d - %s", reasons == "" ? "" : "not ", ++number, name
		print skip == "" || reasons != "" ? "" : " # SKIP " skip
		reasons = ""
	}

	function is_there(path,    line, rc) {
		rc = (getline line <path)
		close(path)
		return rc >= 0
	}

	function is_title(name,    at, file) {
		at = index(name, ":")
		file = substr(name, 1, at - 1)
		return at && index(titles[file], substr(name, at + 1))
	}

	# Where the list of the tests has it.
	function is_listed(name) {
		sub(/:.*/, "", name)
		return name in listed || name in scripts
	}

	function check_shown(name,    path) {
		if (name ~ /^by ./) {
			path = name
			sub(/^by /, "", path)
			sub(/[ ,:;].*/, "", path)
			if (path ~ /^(tests|doc|lib)\// && !is_there(srcdir "/" path))
				wrong("no such file: " path)
		} else if (name ~ /^not shown: ./) {
			hidden = hidden (hidden == "" ? "" : "; ") name
		} else if (name ~ /^(make |model:)/) {
			if (!(name in exists))
				wrong("no such target or search: " name)
		} else if (!(name in exists) && !is_title(name)) {
			wrong("no such test: " name)
		} else if (!is_listed(name)) {
			wrong("in no list of tests: " name)
		}
	}

	function begin_section(name,    i) {
		for (i = at_section + 1; i <= sections && section[i] != name; i++)
			;
		if (i <= sections) {
			at_section = i
			position = 0
			return
		}
		wrong("no such section, or not in the order of the page")
		result("section " name)
	}

	function occurrences(wanted,    i, at, rest, found) {
		for (i = 1; i <= sections; i++)
			for (rest = text[i]; (at = index(rest, wanted)) > 0; found++)
				rest = substr(rest, at + 1)
		return found + 0
	}

	function blanks(length_of,    s) {
		s = sprintf("%" length_of "s", "")
		gsub(/ /, "x", s)
		return s
	}

	function check_claim(n,    wanted, at, i, length_of) {
		wanted = joined(claim[n])
		length_of = length(wanted)
		at = index(substr(text[at_section], position + 1), wanted)
		if (occurrences(wanted) > 1) {
			wrong("the page has this more than once")
		} else if (occurrences(wanted) == 0) {
			wrong("not on the page")
		} else if (at == 0) {
			wrong("in another place of the page")
		} else {
			position += at
			quoted[at_section] = substr(quoted[at_section], 1, position - 1) \
				blanks(length_of) \
				substr(quoted[at_section], position + length_of)
			covered[at_section]++
		}
		if (!shows[n])
			wrong("nothing shows it")
		hidden = ""
		for (i = 1; i <= shows[n]; i++)
			check_shown(shown[n, i])
		result(wanted, hidden)
	}

	# Numbers outside of the claims, but those of bytes and steps.
	function check_numbers(i,    at, rest, word, before, next_one) {
		rest = text[i]
		at = 1
		while (match(rest, /[^ ]+/)) {
			at += RSTART - 1
			word = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			next_one = rest
			sub(/^ /, "", next_one)
			before = substr(text[i], 1, at - 1)
			if (is_number(word, next_one) && before !~ /(byte|steps?( [0-9] or)?) $/ &&
			    substr(quoted[i], at, 1) != "x")
				wrong(section[i] ": ..." substr(before, length(before) - 40) \
					word substr(rest, 1, 30) "...")
			at += length(word)
		}
	}

	function is_number(word, next_one) {
		gsub(/^[(]+|[,.;:)]+$/, "", word)
		return word ~ /^[0-9]+([.:][0-9]+)*$/ || word in number_words ||
			(word ~ /^(a|one|two)$/ && next_one ~ /^(milli)?seconds?|^minutes?/)
	}

	BEGIN {
		count = split("Cm Dq Dv Em Er Ar Ic It Li Nd Nm No Pa Ql Sx Sy Ta", words, " ")
		for (i = 1; i <= count; i++)
			macros[words[i]] = 1
		count = split("three four five six seven eight nine ten eleven twelve " \
			"twenty hundred thousand half", words, " ")
		for (i = 1; i <= count; i++)
			number_words[words[i]] = 1
		indented = 1
	}

	END {
		for (name in listed) {
			short = name
			sub(/\.c$/, "", short)
			scripts[short] = 1
		}
		for (i = 1; i <= sections; i++) {
			text[i] = joined(text[i])
			quoted[i] = text[i]
			gsub(/./, "-", quoted[i])
		}
		for (n = 1; n <= claims; n++)
			if (n in heading)
				begin_section(heading[n])
			else
				check_claim(n)
		for (i = 1; i <= sections; i++)
			if (!covered[i])
				wrong("no claim: " section[i])
		result("each section of the page has a claim")
		for (i = 1; i <= sections; i++)
			check_numbers(i)
		result("each number on the page is in a claim")
		print "1.." number
	}' \
	"$srcdir/Makefile.am" "$tests"/Makemodule.am "$tests"/*/Makemodule.am \
	"$tests"/*.c "$tests"/*.sh "$tests"/lib/*.c "$tests"/port/*.c "$tests"/*/*.bats \
	"$tests"/python/*.py "$tests"/network/guest/*.sh "$tests"/trust/kernels-guest/*.sh \
	"$tests"/trust/*.c $commands "$tests"/model/checks "$page" "$list"
