#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The node devices that a libvirtd shows: NAME NUL XML NUL ..., on standard output. It runs below a folder of its own, in
# mount namespaces of its own; users that its packages would make are made up.
#   libvirtd.sh PROGRAM
set -u
program=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/vbref.XXXXXX")
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"; mkdir "$dir"/{etc,run,lib,log,cache}
printf 'auth_unix_ro = "none"\nauth_unix_rw = "none"\n' > "$dir/etc/libvirtd.conf"
printf 'security_driver = "none"\nuser = "root"\ngroup = "root"\ncgroup_controllers = []\nstdio_handler = "file"\n' > "$dir/etc/qemu.conf"
cp /etc/passwd /etc/group "$dir"
grep -q ^libvirt-qemu: /etc/passwd || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' >> "$dir/passwd"
grep -q ^libvirt-qemu: /etc/group || echo 'libvirt-qemu:x:64055:' >> "$dir/group"
grep -q ^kvm: /etc/group || echo 'kvm:x:64056:' >> "$dir/group"
# the first daemon to start ends by itself where a driver fails to start; it is given three chances
unshare --mount --propagation private bash -c '
    for name in etc run lib log cache; do
        case $name in etc) at=/etc/libvirt;; run) at=/run/libvirt;; *) at=/var/$name/libvirt;; esac
        mkdir -p $at; mount --bind '"$dir"'/$name $at || exit 1
    done
    mount --bind '"$dir"'/passwd /etc/passwd; mount --bind '"$dir"'/group /etc/group
    for i in 1 2 3; do [ -e '"$dir"'/stop ] || "$0" -p '"$dir"'/pid; done' "$program" > "$dir/out" 2>&1 &
daemon=$!
uri="qemu+unix:///system?socket=$dir/run/libvirt-sock"
for _ in $(seq 100); do
    virsh -q -c "$uri" nodedev-list > "$dir/names" 2>/dev/null && break
    kill -0 $daemon 2>/dev/null || break
    sleep 0.1
done
status=1
if [ -s "$dir/names" ]; then
    status=0
    while read -r name; do
        [ -z "$name" ] || { printf '%s\0' "$name"; virsh -q -c "$uri" nodedev-dumpxml "$name"; printf '\0'; }
    done < "$dir/names"
fi
touch "$dir/stop"
[ -s "$dir/pid" ] && kill "$(cat "$dir/pid")" 2>/dev/null
wait $daemon 2>/dev/null
exit $status
