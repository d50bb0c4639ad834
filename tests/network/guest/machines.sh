# SPDX-License-Identifier: 0BSD
#
# The server, and the clients: namespaces for network, mounts and the name of the
# host, so that they share nothing but the kernel, no cache of names either.
#
# shellcheck shell=dash
# shellcheck disable=SC2034 # init uses them

exported=/srv/nfs

# Seconds; 10 is the least that the kernel accepts.
lease=10

start_server() {
	hostname server
	modprobe -a veth nfsd nfsv3 nfsv4
	ip link set lo up
	mount -t rpc_pipefs pipefs /var/lib/nfs/rpc_pipefs
	mount -t nfsd nfsd /proc/fs/nfsd
	echo "$lease" >/proc/fs/nfsd/nfsv4leasetime
	echo "$lease" >/proc/fs/nfsd/nfsv4gracetime
	mkdir -m 777 "$exported"
	: >/var/lib/nfs/etab
	: >/var/lib/nfs/rmtab
	echo "$exported *(rw,sync,no_root_squash,insecure,no_subtree_check,fsid=1)" \
		>/etc/exports
	rpcbind -w
	rpc.statd --no-notify
	exportfs -ra
	rpc.mountd
	rpc.nfsd 8
	end_grace
}

# Otherwise the first lock waits until clients from before a restart have had time
# to claim theirs.
end_grace() {
	echo Y >/proc/fs/nfsd/v4_end_grace
	echo Y >/proc/fs/lockd/nlm_end_grace
}

# start_client N
start_client() {
	unshare -n -u -m --propagation private sleep 1000000 &
	echo $! >"/run/client$1"
	until [ "$(readlink "/proc/$!/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; do
		usleep 10000
	done
	ip link add "server$1" type veth
	ip link set veth0 netns $!
	ip addr add "10.9.$1.1/24" dev "server$1"
	ip link set "server$1" up
	on "$1" sh -c "
		hostname client$1
		ip link set lo up
		ip addr add 10.9.$1.2/24 dev veth0
		ip link set veth0 up
		mount -t tmpfs run /run
		rpcbind -w
		rpc.statd --no-notify"
}

# mount_clients VERSION[,OPTION...]: they cache as long as they may.
mount_clients() {
	local client

	mounted=
	for client in 1 2; do
		on "$client" mount.nfs "10.9.$client.1:$exported" /mnt -o \
			"proto=tcp,hard,acregmax=60,lookupcache=all,vers=$1" ||
			return
	done
	mounted=yes
	on 1 grep ' nfs' /proc/mounts
}

unmount_clients() {
	on 1 sh -c 'cd / && umount /mnt'
	on 2 sh -c 'cd / && umount /mnt'
	rm -rf "${exported:?}"/*
}

# cut_link N, mend_link N: that of client N.
cut_link() {
	ip link set "server$1" down
}

mend_link() {
	ip link set "server$1" up
}
