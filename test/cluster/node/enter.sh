#!/bin/sh
# First steps inside the node's own mount, process and network namespaces; then the supervisor takes over.
# Usage: enter.sh NODE SUPERVISOR
set -eu
mount --make-rprivate /
# Mounts that the kubelet makes for pods have to show up in them, and never on the host.
mount --make-rshared /

# Sockets, process ids, network namespaces of pods: gone with the node.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns

# Parts that write to fixed places under /var get a layer of their own there.
for part in lib log; do
  mkdir -p "/run/layer/$part/upper" "/run/layer/$part/work"
  mount -t overlay -o "lowerdir=/var/$part,upperdir=/run/layer/$part/upper,workdir=/run/layer/$part/work" \
    overlay "/var/$part" ||
    mount -t tmpfs tmpfs "/var/$part"
done

# The kubelet sets kernel parameters that hold for the whole machine; it finds them set already in these files.
pretend() {
  file="/run/sysctl-$(echo "$1" | tr / -)"
  [ -e "/proc/sys/$1" ] || return 0
  echo "$2" >"$file"
  mount --bind "$file" "/proc/sys/$1"
}
pretend vm/overcommit_memory 1
pretend vm/panic_on_oom 0
pretend kernel/panic 10
pretend kernel/panic_on_oops 1
pretend kernel/keys/root_maxkeys 1000000
pretend kernel/keys/root_maxbytes 25000000

echo 1 >/proc/sys/net/ipv4/ip_forward
# Answers to the host may come over another link than the kernel would choose.
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter

exec tini-static -g -- "$1" "$2"
