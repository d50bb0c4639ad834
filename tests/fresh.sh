# SPDX-License-Identifier: 0BSD
#
# Shared by fresh-machine and fresh-packages: a new, minimal chroot of Debian for
# each suite, in namespaces; when these end, so do all processes in them.  The
# script that reads this file has set usage, try_suite and needs, a list of commands.
#
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2317 # others set and call these

fail() { # STATUS MESSAGE
	printf '%s: %s\n' "$(basename "$0")" "$2" >&2
	exit "$1"
}

# The Debian mirror that apt uses here.
mirror() {
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$1 == "Debian" && !done { print $2; done = 1 }'
}

# --- In the namespaces, once for all suites

# step WHAT COMMAND...: prints the result, and the log if it failed.
step() {
	number=$((number + 1)) what="$suite: $1" status=0
	shift
	log=$work/$suite.$number.log
	"$@" >"$log" 2>&1 || status=$?
	if [ "$status" = 0 ]; then
		echo "ok $number - $what"
	else
		failed=1
		echo "not ok $number - $what"
		tail -n 120 "$log" | sed 's/^/# /'
		echo "# exit status $status"
	fi
	return "$status"
}

make_chroot() {
	timeout "$limit" debootstrap --variant=minbase \
		--include=git,ca-certificates "$suite" "$root" "$MIRROR" || return
	# What apt needs to reach its mirror.
	for file in /etc/resolv.conf /etc/hosts \
		/etc/ssl/certs/ca-certificates.crt; do
		[ ! -e "$file" ] || cp "$file" "$root$file" || return
	done
	apt-config dump | grep -E '^Acquire::(https?|Retries)\b' \
		>"$root/etc/apt/apt.conf.d/90host" || true
	mount -t proc proc "$root/proc" &&
		mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 \
			devpts "$root/dev/pts" &&
		mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" &&
		chroot "$root" useradd --create-home --uid 1234 user &&
		clone "$root/root/tree" &&
		clone "$root/home/user/tree" &&
		clone "$root/home/user/another tree" &&
		chown -R 1234:1234 "$root/home/user"
}

# Git refuses to read a checkout of another user; and the clone must not share files
# with it.
clone() {
	printf '[safe]\n\tdirectory = *\n' >"$work/gitconfig"
	GIT_CONFIG_GLOBAL=$work/gitconfig \
		git clone --quiet --no-hardlinks "$top" "$1"
}

as_root() {
	in_chroot 0 /root "$1"
}

as_user() {
	in_chroot 1234 /home/user "$1"
}

# With the environment of a new login, and a proxy if there is one.
in_chroot() { # UID HOME SCRIPT
	uid=$1 home=$2 script=$3
	set -- PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	for name in http_proxy https_proxy no_proxy; do
		eval "value=\${$name:-}"
		[ -z "$value" ] || set -- "$@" "$name=$value"
	done
	timeout "$limit" chroot --userspec="$uid:$uid" --groups="$uid" "$root" \
		/usr/bin/env -i HOME="$home" "$@" /bin/sh -euc "cd; $script" \
		</dev/null
}

# The namespaces end with this shell.
if [ -n "${FRESH_CHROOTS:-}" ]; then
	work=$FRESH_CHROOTS top=$1 limit=$LIMIT number=0 failed=0
	shift
	for suite; do
		try_suite
	done
	echo "1..$number"
	exit "$failed"
fi

# --- Outside

keep=
for word; do
	shift
	case $word in
	-h | --help) echo "$usage" && exit ;;
	--keep) keep=yes ;;
	-* | '' | *[!a-z]*) echo "$usage" >&2 && exit 64 ;;
	*) set -- "$@" "$word" ;;
	esac
done
[ $# -gt 0 ] || set -- bookworm
[ "$(id -u)" = 0 ] || fail 69 'only root can make chroots'
# shellcheck disable=SC2086 # the words of it
for command in debootstrap git unshare timeout $needs; do
	command -v "$command" >/dev/null ||
		fail 69 "$command is missing: install it"
done
MIRROR=${MIRROR:-$(mirror)}
[ -n "$MIRROR" ] ||
	fail 69 'no Debian mirror found in the sources of apt: set MIRROR'
export MIRROR LIMIT="${LIMIT:-1800}"

unset CDPATH
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/$(basename "$0").XXXXXX")
chmod 755 "$work"
namespaces=
clean_up() {
	set +e
	# The namespace ends with its first process.
	if [ -n "$namespaces" ]; then
		read -r first <"/proc/$namespaces/task/$namespaces/children"
		kill -KILL "$first"
		wait "$namespaces"
	fi
	if [ -n "$keep" ]; then
		echo "# chroots and logs are in $work"
	else
		rm -rf --one-file-system "$work"
	fi
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

status=0
FRESH_CHROOTS=$work unshare --mount --pid --fork --kill-child --mount-proc \
	sh "$0" "$top" "$@" </dev/null &
namespaces=$!
wait "$namespaces" || status=$?
namespaces=
exit "$status"
