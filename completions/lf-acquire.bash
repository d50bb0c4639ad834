# SPDX-License-Identifier: 0BSD
# Completion of lf-acquire(1) and lf-check(1) in bash, for bash-completion.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set for and by the functions used here
# shellcheck disable=SC2207 # words of compgen, which have no blanks

# The options of --help: options is a list of words, and arguments a list of those
# that take an argument.
_lf_options() {
	local line

	options=() arguments=' '
	while read -r line; do
		[[ $line =~ ^((-.),\ )?(--[a-z-]+)(\ [A-Z]+)?(\ |$) ]] || continue
		options+=(${BASH_REMATCH[2]:+"${BASH_REMATCH[2]}"}
			"${BASH_REMATCH[3]}")
		[ -z "${BASH_REMATCH[4]}" ] ||
			arguments+="${BASH_REMATCH[2]} ${BASH_REMATCH[3]} "
	done < <(LC_ALL=C "$1" --help 2>/dev/null)
}

_lf_complete_options() {
	[[ $cur == *=* ]] ||
		COMPREPLY=($(compgen -W "${options[*]}" -- "$cur"))
}

# Readline splits the word at : and = if COMP_WORDBREAKS contains them, and replaces
# the last piece only.
_lf_complete_files() {
	local breaks=${COMP_WORDBREAKS//[^:=]/}

	_filedir
	[ -z "$breaks" ] ||
		COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*["$breaks"]}"}"}")
}

# COMMAND begins at words[$1]; readline may have split words before it.
_lf_acquire_command() {
	local i index=0 word

	for ((i = 0; i < $1; i++)); do
		word=${COMP_WORDS[index++]}
		while [[ $word != "${words[i]}" && $index -lt $COMP_CWORD ]]; do
			word+=${COMP_WORDS[index++]}
		done
	done
	_command_offset "$index"
}

_lf_acquire() {
	local cur prev words cword options arguments end='' fd='' i letter option

	_init_completion -n := || return
	_lf_options "$1"
	for ((i = 1; i < cword; i++)); do
		option=${words[i]}
		case $option in
		--) end=$((i++)) && break ;;
		--fd=*) fd=yes ;;
		--*=*) ;;
		--*)
			[ "$option" != --fd ] || fd=yes
			[[ $arguments != *" $option "* ]] || ((i++)) ;;
		-?*)
			# Of several letters the first that takes an argument has it.
			for ((letter = 1; letter < ${#words[i]}; letter++)); do
				option=-${words[i]:letter:1}
				[[ $arguments == *" $option "* ]] || continue
				[ "$option" != -f ] || fd=yes
				((letter + 1 < ${#words[i]})) || ((i++))
				break
			done ;;
		*) break ;;
		esac
	done
	# The word is the argument of an option.
	((i <= cword)) || {
		[[ $option != @(-a|--also) ]] || _lf_complete_files
		return
	}
	[[ $i -lt $cword || -n $end || $cur != --also=* ]] || {
		cur=${cur#--also=}
		_lf_complete_files
		return
	}
	[[ $i -lt $cword || -n $end || $cur != -* ]] || {
		_lf_complete_options
		return
	}
	# A descriptor takes the place of a lock file.
	[ -z "$fd" ] || return
	# words[i] is the lock file.
	((i < cword)) || {
		_lf_complete_files
		return
	}
	((++i >= cword)) || [ "${words[i]}" != -- ] || ((i++))
	_lf_acquire_command "$i"
} && complete -F _lf_acquire lf-acquire

# The last of a list with commas: a column of --help, in capitals.
_lf_check_columns() {
	COMPREPLY=($(compgen -P "${cur%"${cur##*[,+]}"}" -W "$(
		LC_ALL=C "$1" --help | sed -n '/--output/,/^  -[^o]/p' |
			grep -oE '[A-Z]{3,}' | grep -vx COLUMNS
	)" -- "${cur##*[,+]}"))
	compopt -o nospace
}

_lf_check() {
	local cur prev words cword options arguments option

	_init_completion -n := || return
	_lf_options "$1"
	# Of several letters the last may take an argument.
	option=$prev
	[[ $prev != -[!-]* ]] || option=-${prev: -1}
	if [[ " ${words[*]:1:cword-1} " == *' -- '* ]]; then
		_lf_complete_files
	elif [[ $option == -o || $option == --output ]]; then
		_lf_check_columns "$1"
	elif [[ $option == -* && $arguments == *" $option "* ]]; then
		return
	elif [[ $cur == -* ]]; then
		_lf_complete_options
	else
		_lf_complete_files
	fi
} && complete -F _lf_check lf-check
