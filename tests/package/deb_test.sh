#!/usr/bin/env bash
# The Debian packages' whole life in a Debian of their own: installed with what
# they say they need, used to build a program, run by systemd as PID 1, killed,
# misconfigured, upgraded, removed, purged. Everything happens below .build, in
# namespaces that end with this script.
#   deb_test.sh ROOT DEBS
# Ends with 77, and says why, where such a Debian cannot be made.
set -euo pipefail

root=$1 debs=$2
kept=$root/.build/package # A fresh Debian, and what apt downloaded.
step() { printf -- '--- %s\n' "$*"; }
skip() {
  printf 'SKIPPED, nothing was tested: %s\n' "$*" >&2
  exit 77
}

[[ $(id -u) == 0 ]] || skip 'needs root, for a chroot and namespaces'
for tool in debootstrap unshare nsenter ip; do
  command -v "$tool" >/dev/null || skip "there is no $tool"
done
unshare --mount --pid --net --uts --ipc --cgroup --fork true 2>/dev/null ||
  skip 'no namespaces can be made here'
mkdir -p "$kept/archives/partial"
if [[ ! -d $kept/base ]]; then
  step 'a fresh Debian 12'
  rm -rf "$kept/base.new"
  debootstrap --variant=minbase bookworm "$kept/base.new" http://deb.debian.org/debian \
    >"$kept/debootstrap.log" 2>&1 ||
    skip "debootstrap failed: $(tail -n 1 "$kept/debootstrap.log")"
  mv "$kept/base.new" "$kept/base"
fi

work=$(mktemp -d "$kept/run-XXXXXX")
groups=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
group=$groups/fastpath-test-$$
machine=''
clean_up() {
  local code=$? i
  [[ -z $machine ]] || kill -9 "$machine" 2>/dev/null || true
  [[ -z $machine ]] || wait "$machine" 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do # Until the last process of the machine is gone.
    [[ -d $group ]] || break
    find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || sleep 0.1
  done
  if [[ $code == 0 ]]; then
    rm -rf --one-file-system "$work"
  else
    printf 'kept for inspection: %s\n' "$work" >&2
  fi
  exit "$code"
}
trap clean_up EXIT

cp -a "$kept/base" "$work/root"
mkdir "$work/root/test"
cp "$debs"/*.deb "$root"/tests/package/outside/* "$root"/tests/package/chroot_*.sh "$work/root/test"
cp /etc/resolv.conf "$work/root/etc/resolv.conf"

# Its own mounts, so that none can be left behind.
cat >"$work/enter" <<'END'
set -euo pipefail
work=$1 kept=$2
shift 2
mount --make-rprivate /
mount -t proc proc "$work/root/proc"
mount --bind "$kept/archives" "$work/root/var/cache/apt/archives"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
  chroot "$work/root" "$@"
END
step 'installation, with apt'
unshare --mount --pid --fork --kill-child bash "$work/enter" "$work" "$kept" bash /test/chroot_install.sh

# A machine: PID 1 is systemd, and the network is a loopback of its own. /proc/sys
# is read-only, for the kernel is the host's.
cat >"$work/boot" <<'END'
set -euo pipefail
new=$1
mount --make-rprivate /
mount --bind "$new" "$new"
mount -t proc proc "$new/proc"
mount --bind "$new/proc/sys" "$new/proc/sys"
mount -o remount,bind,ro "$new/proc/sys"
mount -t sysfs -o ro sysfs "$new/sys"
mount -t tmpfs -o mode=755 tmpfs "$new/dev"
mount -t tmpfs -o mode=755 tmpfs "$new/run"
while read -r name major minor; do
  mknod -m 666 "$new/dev/$name" c "$major" "$minor"
done <<<$'null 1 3\nzero 1 5\nfull 1 7\nrandom 1 8\nurandom 1 9\ntty 5 0'
ln -s /proc/self/fd "$new/dev/fd"
ln -s pts/ptmx "$new/dev/ptmx"
mkdir "$new/dev/shm" "$new/dev/pts"
mount -t tmpfs tmpfs "$new/dev/shm"
mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup" # Shows the group made for it and no more.
ip link set lo up
exec env -i container=fastpath-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  chroot "$new" /usr/lib/systemd/systemd --log-target=journal --show-status=no
END
step 'a machine with systemd'
[[ -n $groups ]] || skip 'no control groups (version 2); only the installation was tested'
mkdir "$group"
# shellcheck disable=SC2016 # For the other shell.
bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group" \
  unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child \
  bash "$work/boot" "$work/root" >"$work/console" 2>&1 &
machine=$!

inside() {
  nsenter --target "$init" --mount --pid --net --uts --ipc --root --wd \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}
init=''
for ((i = 0; i < 300; i++)); do
  init=$(pgrep -P "$machine" || true)
  if [[ -n $init ]] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then
    break
  fi
  kill -0 "$machine" 2>/dev/null || break
  sleep 0.2
done
if [[ -z $init ]] || ! inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then
  tail -n 20 "$work/console" >&2
  skip 'systemd does not boot in a namespace here; only the installation was tested'
fi
inside bash /test/chroot_service.sh || {
  inside journalctl --no-pager -u fastpathd -n 40 >&2 || true
  exit 1
}
step 'passed'
