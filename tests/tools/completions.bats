#!/usr/bin/env bats
# SPDX-License-Identifier: 0BSD
# Completions of bash, zsh and fish: what each shell itself offers after a line is
# typed, bash and zsh on a terminal.
#
# shellcheck disable=SC2154,SC2034 # helper.bash and run set or use them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means to be

load helper

# The files in COMPLETIONS, or if it is empty the installed ones.
COMPLETIONS=${COMPLETIONS-$BATS_TEST_DIRNAME/../../completions}

need_shell() {
	local file

	need "$1"
	[ "$1" != bash ] || {
		need terminal
		file=/usr/share/bash-completion/bash_completion
		[ -r "$file" ] || skip "bash-completion is not installed"
		{
			echo ". $file"
			[ -z "$COMPLETIONS" ] ||
				printf '. %q\n' "$COMPLETIONS"/*.bash
			# shellcheck disable=SC2016,SC2028 # for that bash
			echo 'line() { printf "%s\n" "$READLINE_LINE" >line; echo "<$((1))>"; }
				bind "\"\\C-t\": insert-completions"
				bind -x "\"\\C-o\": line"
				PS1="<$((0))>"'
		} >rc.bash
	}
	[ "$1" != zsh ] || {
		need terminal
		[ -z "$COMPLETIONS" ] ||
			echo "fpath=(${COMPLETIONS@Q} \$fpath)" >.zshrc
		# shellcheck disable=SC2016 # expanded by that zsh
		echo 'autoload -Uz compinit && compinit -u -d $BATS_FILE_TMPDIR/zcompdump
			zstyle ":completion:*" completer _all_matches _complete
			zstyle ":completion:*:all-matches:*" insert yes
			zstyle ":completion:*" insert yes
			line() { print -r -- $BUFFER >line; print "<$((1))>"; }
			zle -N line && bindkey "^O" line && bindkey "^T" expand-or-complete
			unsetopt zle_bracketed_paste 2>/dev/null
			unset zle_bracketed_paste
			PS1="<$((0))>"' >>.zshrc
	}
}

# offers SHELL LINE: $offered is what the shell offers for the last word of LINE,
# sorted, one word per line.
offers() {
	local shell=$1 line=$2 word=${2##* }

	case $shell in
	fish)
		# shellcheck disable=SC2016 # expanded by fish
		HOME=$PWD XDG_CONFIG_HOME=$PWD XDG_DATA_HOME=$PWD run -0 fish -c '
			test -z "$argv[2]"; or for file in $argv[2]/*.fish
				source $file
			end
			complete -C $argv[1]' "$line" "$COMPLETIONS"
		offered=$(cut -f 1 <<<"$output" | sort -u)
		return ;;
	bash) run_shell bash --rcfile rc.bash -i ;;
	zsh) ZDOTDIR=$PWD run_shell zsh -d -i ;;
	esac
	offered=$(<line)
	# An unchanged line means that nothing is offered.
	[ "$offered" != "$line" ] || { offered='' && return; }
	offered=${offered:${#line}-${#word}}
	offered=$(tr -s ' ' '\n' <<<"$offered" | grep . | sort -u)
}

# run_shell COMMAND...: types $line and has it completed by all that matches.
run_shell() {
	HISTFILE=/dev/null TERM=dumb run timeout 60 terminal "$@" <<-END
		wait <0>
		type $line^T^O
		wait <1>
		type ^U^D
	END
	[ "$status" -eq 0 ] && return
	echo "$output" >&2
	return 1
}

# offered WORD...: exactly these.
offered() {
	equal "$offered" "$(printf '%s\n' "$@" | sort -u)"
}

# has WORD: among others.
has() {
	grep -Fxq -- "$1" <<<"$offered" && return
	printf 'not offered: %s\noffered: %s\n' "$1" "$offered" >&2
	return 1
}

has_not() {
	! grep -Fxq -- "$1" <<<"$offered" && return
	printf 'offered: %s\n' "$1" >&2
	return 1
}

# options_of TOOL: the options of --help.
options_of() {
	"$1" --help | grep -oE '(^|[ ,])--?[a-zA-Z][a-z-]*' | grep -oE -e '-.*' |
		sort -u
}

knows_every_option() {
	local options tool

	need_shell "$1"
	for tool in lf-acquire lf-check; do
		options=$(options_of "$tool")
		grep -qx -e --help <<<"$options"
		grep -qx -e -V <<<"$options"
		offers "$1" "$tool --"
		equal "$offered" "$(grep -e -- <<<"$options")"
		offers "$1" "$tool -"
		for option in $options; do
			# zsh and bash offer a letter with its word, or alone.
			has "$option"
		done
	done
}

completes() {
	need_shell "$1"
	mkdir bin d
	printf '#!/bin/sh\n' | tee bin/lf-one bin/lf-two >/dev/null
	chmod +x bin/lf-*
	PATH=$PWD/bin:$PATH
	touch some.lock some.other d/file
	# lock files
	offers "$1" 'lf-acquire so'
	offered some.lock some.other
	offers "$1" 'lf-acquire -k -t 5 --mode 600 --timeout=3 -wE 5 so'
	offered some.lock some.other
	offers "$1" 'lf-acquire -- so'
	offered some.lock some.other
	offers "$1" 'lf-check so'
	offered some.lock some.other
	offers "$1" 'lf-check some.lock some.o'
	has some.other
	# COMMAND
	offers "$1" 'lf-acquire some.lock lf-'
	has lf-one
	has lf-two
	offers "$1" 'lf-acquire -k -t 5 --mode=600 some.lock lf-o'
	has lf-one
	offers "$1" 'lf-acquire some.lock -- lf-o'
	has lf-one
	offers "$1" 'lf-acquire -a some.other some.lock -- lf-o'
	has lf-one
	# lock files of --also
	for option in '-a ' '--also ' --also= '-wa ' '-a some.lock -a '; do
		offers "$1" "lf-acquire ${option}so"
		[[ $offered == *some.lock* && $offered == *some.other* ]]
	done
	offers "$1" 'lf-acquire -a some.lock so'
	offered some.lock some.other
	# its arguments, its options too
	offers "$1" 'lf-acquire some.lock lf-one so'
	offered some.lock some.other
	offers "$1" 'lf-acquire some.lock lf-check --vers'
	has --version
	has_not --verbose
	offers "$1" 'lf-acquire -E 5 -a some.other some.lock -- lf-check --vers'
	has --version
	offers "$1" 'lf-acquire some.lock lf-one --verb'
	has_not --verbose
	# the argument of an option
	for option in '-t ' '--timeout ' --timeout= '-wt '; do
		offers "$1" "lf-acquire ${option}so"
		has_not some.lock
		has_not --timeout=some.lock
		offers "$1" "lf-check ${option}so"
		has_not some.lock
		has_not --timeout=some.lock
	done
	# a descriptor in place of a lock file
	offers "$1" 'lf-acquire -w -f 9 so'
	has_not some.lock
	offers "$1" 'lf-acquire --fd=9 so'
	has_not some.lock
}

# The words mean what they mean to the shell.
completes_odd_names() {
	need_shell "$1"
	mkdir "b n" d
	printf '#!/bin/sh\n' | tee "b n/lf-one" lf-two >/dev/null
	chmod +x "b n/lf-one" lf-two
	touch eq=one co:one 'bl ank'
	offers "$1" 'lf-acquire eq=o'
	has eq=one
	offers "$1" 'lf-check eq=o'
	has eq=one
	offers "$1" 'lf-check co'
	[[ $offered = co*:one ]]
	HOME=$PWD offers "$1" 'lf-acquire eq=one ~/lf-two co'
	[[ $offered = co*:one ]]
	offers "$1" 'lf-acquire eq=one b\ n/lf-one --verb'
	has_not --verbose
}

completes_columns() {
	need_shell "$1"
	lf-check --help | grep -q STARTTIME || skip "built without libsmartcols"
	offers "$1" 'lf-check -o LOCKE'
	equal "${offered%,}" LOCKED
	offers "$1" 'lf-check -lo PID,STARTE'
	equal "${offered%,}" PID,STARTED
	offers "$1" 'lf-check --output COLUMN'
	has_not COLUMNS
}

@test "bash knows every option of --help" {
	knows_every_option bash
}

@test "bash completes lock files, commands and their arguments" {
	completes bash
}

@test "zsh knows every option of --help" {
	knows_every_option zsh
}

@test "zsh completes lock files, commands and their arguments" {
	completes zsh
}

@test "fish knows every option of --help" {
	knows_every_option fish
}

@test "fish completes lock files, commands and their arguments" {
	completes fish
}

@test "bash completes odd names" {
	completes_odd_names bash
}

@test "bash completes the columns of a table" {
	completes_columns bash
}

@test "zsh completes odd names" {
	completes_odd_names zsh
}

@test "zsh completes the columns of a table" {
	completes_columns zsh
}

@test "fish completes odd names" {
	completes_odd_names fish
}

@test "fish completes the columns of a table" {
	completes_columns fish
}
