#!/usr/bin/env bash
# In a minimal Debian with a network and without systemd as PID 1.
set -euo pipefail
# shellcheck source=tests/package/chroot_lib.sh
source /test/chroot_lib.sh
apt() { quietly apt-get -qq -y -o APT::Keep-Downloaded-Packages=true --no-install-recommends "$@"; }

apt update
step 'the command line alone'
apt install /test/fastpath_*.deb
expect_said 'fastpath ' fastpath --version
expect_refused 'fastpath-server' fastpath debug log --data /nowhere
[[ ! -e /etc/fastpath ]] || fail 'the command line has no configuration'

step 'the server'
apt install /test/fastpath-server_*.deb
expect_said 'fastpathd ' fastpathd --version
expect_said 'fastpath:' getent passwd fastpath
expect_said '750 fastpath fastpath' stat -c '%a %U %G' /var/lib/fastpath
expect_said '644 root root' stat -c '%a %U %G' /etc/fastpath/fastpathd.toml
# shellcheck disable=SC2016 # dpkg-query's own.
expect_said '/etc/fastpath/fastpathd.toml' dpkg-query -W -f '${Conffiles}' fastpath-server
for file in /usr/share/man/man8/fastpathd.8.gz /usr/share/man/man1/fastpath.1.gz \
  /usr/lib/systemd/system/fastpathd.service; do
  [[ -f $file ]] || fail "there is no $file"
done
[[ -z $(dpkg -V fastpath-server fastpath) ]] || fail 'dpkg -V finds differences'
! find / -xdev -user fastpath -not -path '/var/lib/fastpath*' | grep . || fail 'files of the user'

step 'the unit'
apt install systemd
output=$(systemd-analyze verify --man=no /usr/lib/systemd/system/fastpathd.service 2>&1) || fail "$output"
[[ -z $output ]] || fail "systemd-analyze verify: $output"
expect_refused 'disabled' systemctl is-enabled fastpathd

step 'the library'
apt install g++ cmake make
apt install /test/libfastpath-client-dev_*.deb
mkdir /test/build
quietly cmake -S /test -B /test/build
quietly cmake --build /test/build
