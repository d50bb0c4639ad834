# Completion of lf-acquire(1) in bash, for bash-completion.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set for and by the functions used here
# shellcheck disable=SC2207 # words of compgen, which have no blanks

# The options are those that --help tells of: options is a list of words, and
# arguments of those that want another.
_lf_acquire_options()
{
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

# COMMAND begins at words[$1]; readline may have cut words before it in two.
_lf_acquire_command()
{
	local i index=0 word

	for ((i = 0; i < $1; i++)); do
		word=${COMP_WORDS[index++]}
		while [[ $word != "${words[i]}" && $index -lt $COMP_CWORD ]]; do
			word+=${COMP_WORDS[index++]}
		done
	done
	_command_offset "$index"
}

_lf_acquire_lock_files()
{
	_filedir
	__ltrim_colon_completions "$cur"
}

_lf_acquire()
{
	local cur prev words cword options arguments end i letter

	_init_completion -n := || return
	_lf_acquire_options "$1"
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--) end=$((i++)) && break ;;
		--*=*) ;;
		--*) [[ $arguments != *" ${words[i]} "* ]] || ((i++)) ;;
		-?*)
			# Of several letters the first that wants an argument has it.
			for ((letter = 1; letter < ${#words[i]}; letter++)); do
				[[ $arguments == *" -${words[i]:letter:1} "* ]] ||
					continue
				((letter + 1 < ${#words[i]})) || ((i++))
				break
			done ;;
		*) break ;;
		esac
	done
	# It is the argument of an option.
	((i <= cword)) || return
	[[ $i -lt $cword || -n ${end-} || $cur != -* ]] || {
		[[ $cur == *=* ]] ||
			COMPREPLY=($(compgen -W "${options[*]}" -- "$cur"))
		return
	}
	# words[i] is the first lock file.
	((i < cword)) || {
		_lf_acquire_lock_files
		return
	}
	((++i < cword)) || {
		_lf_acquire_command "$i"
		[ "${#COMPREPLY[@]}" -gt 0 ] || _lf_acquire_lock_files
		[[ -n $cur && -- != "$cur"* ]] || COMPREPLY+=(--)
		return
	}
	# As lf-acquire decides whether a second lock file or COMMAND comes next.
	[ "${words[i]}" = -- ] || type -P -- "${words[i]}" >/dev/null || {
		for ((end = i; end < cword; end++)); do
			[ "${words[end]}" != -- ] || break
		done
		((end < cword)) || {
			_lf_acquire_lock_files
			[[ -n $cur && -- != "$cur"* ]] || COMPREPLY+=(--)
			return
		}
		i=$end
	}
	[ "${words[i]}" != -- ] || ((i++))
	_lf_acquire_command "$i"
} && complete -F _lf_acquire lf-acquire
