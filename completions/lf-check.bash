# Completion of lf-check(1) in bash, for bash-completion.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # set for and by the functions used here
# shellcheck disable=SC2207 # words of compgen, which have no blanks

# The options are those that --help tells of.
_lf_check()
{
	local cur prev words cword line help options=() arguments=' '

	_init_completion -n := || return
	help=$(LC_ALL=C "$1" --help 2>/dev/null)
	while read -r line; do
		[[ $line =~ ^((-.),\ )?(--[a-z-]+)(\ [A-Z]+)?(\ |$) ]] || continue
		options+=(${BASH_REMATCH[2]:+"${BASH_REMATCH[2]}"}
			"${BASH_REMATCH[3]}")
		[ -z "${BASH_REMATCH[4]}" ] ||
			arguments+="${BASH_REMATCH[2]} ${BASH_REMATCH[3]} "
	done <<<"$help"
	[[ $prev != -?* || $arguments != *" $prev "* ]] || return
	if [[ $cur == -* && " ${words[*]:1:cword-1} " != *' -- '* ]]; then
		[[ $cur == *=* ]] ||
			COMPREPLY=($(compgen -W "${options[*]}" -- "$cur"))
		return
	fi
	_filedir
	__ltrim_colon_completions "$cur"
} && complete -F _lf_check lf-check
