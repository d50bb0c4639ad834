# SPDX-License-Identifier: 0BSD
#
# The report of tests/coverage.  Reads what gcov prints, of several builds, and the
# file LIST, which describes itself.

function trim(text) {
	gsub(/^[ \t]+|[ \t]+$/, "", text)
	return text
}

# What gcov prints as the source of a file, relative to the top; or nothing.
function name_of(source) {
	if (index(source, top) == 1)
		source = substr(source, length(top) + 1)
	gsub(/^(\.\.?\/)+/, "", source)
	return source ~ /^(lib|tools)\/.*\.c$/ ? source : ""
}

/^ *-: *0:Source:/ {
	file = $0
	sub(/^.*0:Source:/, "", file)
	file = name_of(file)
	name = ""
}

file == "" { next }

# Where several programs have a function, gcov does not always name it; the source does.
function name_in(text) {
	sub(/\(.*/, "", text)
	sub(/^.*[ *]/, "", text)
	return text
}

/^ *[-#=0-9][^:]*: *[0-9]+:/ {
	line = $0
	sub(/^[^:]*: */, "", line)
	line += 0
	count = trim(substr($0, 1, index($0, ":") - 1))
	if (line == 0 || count == "-")
		next
	text = $0
	sub(/^[^:]*:[^:]*:/, "", text)
	if (text ~ /^[a-z_].*\([^;]*$/)
		name = name_in(text)
	code[file, line] = trim(text)
	within[file, line] = name
	if (count !~ /^[#=]/) {
		ran[file, line] = 1
		called[file, name] = 1
	}
	if (line > last[file])
		last[file] = line
}

/^branch / {
	branches[file, line, $2] = 1
	if ($4 + 0 > 0)
		taken[file, line, $2] = 1
}

# --- The report

function read_list(	text, part, by_chance) {
	while ((getline text <list) > 0) {
		if (text ~ /^[^\t#]/)
			by_chance = text ~ /^By chance/
		if (text !~ /^\t/)
			continue
		text = trim(text)
		reasons[text] = 0
		chance[text] = by_chance
	}
}

# The entry for its function, if that was never called, or for the line itself; or "".
function entry_for(file, line,	key) {
	key = file " " within[file, line]
	if (key in reasons && (chance[key] || !((file, within[file, line]) in called)))
		return key
	key = key " " code[file, line]
	return key in reasons ? key : ""
}

# NAME is a file, a directory or all.
function print_counts(name, to) {
	printf "%-29s %4d of %4d lines, %2d with a reason, %d wrong; " \
		"%4d of %4d branches\n", name, lines_run[name], lines[name],
		lines_why[name], wrong[name], branches_taken[name],
		branches_all[name] | to
}

function count_file(file,	line, entry) {
	for (line = 1; line <= last[file]; line++) {
		if (!((file, line) in code))
			continue
		lines[file]++
		entry = entry_for(file, line)
		if ((file, line) in ran) {
			lines_run[file]++
			if (entry != "" && chance[entry])
				reasons[entry]++
		} else if (entry != "") {
			lines_why[file]++
			reasons[entry]++
		} else {
			print file ":" line " " within[file, line] " " \
				code[file, line] | "sort -t : -k 1,1 -k 2n"
			wrong[file]++
		}
	}
}

function add(file, to) {
	lines[to] += lines[file]
	lines_run[to] += lines_run[file]
	lines_why[to] += lines_why[file]
	wrong[to] += wrong[file]
	branches_all[to] += branches_all[file]
	branches_taken[to] += branches_taken[file]
}

END {
	read_list()
	for (key in branches) {
		split(key, part, SUBSEP)
		branches_all[part[1]]++
		branches_taken[part[1]] += key in taken
	}
	for (file in last)
		count_file(file)
	close("sort -t : -k 1,1 -k 2n")
	for (key in reasons)
		if (reasons[key] == 0) {
			print "no such line, or it is run: " key
			wrong["all"]++
		}
	for (file in last) {
		print_counts(file, "sort")
		add(file, substr(file, 1, index(file, "/") - 1))
		add(file, "all")
	}
	close("sort")
	print_counts("lib", "cat")
	print_counts("tools", "cat")
	print_counts("all", "cat")
	exit wrong["all"] > 0 || lines["all"] == 0
}
