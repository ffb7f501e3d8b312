#!/usr/bin/env bash
# On a machine of its own where systemd is PID 1 and nothing is reached but
# loopback. The packages are installed.
set -euo pipefail
# shellcheck source=tests/package/chroot_lib.sh
source /test/chroot_lib.sh

of() { systemctl show --value -p "$1" fastpathd; }
# wait_for COMMAND...: 60 s at most.
wait_for() {
  local i
  for ((i = 0; i < 300; i++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  fail "did not come: $*; $(systemctl status fastpathd --no-pager 2>&1)"
}
restarted() { [[ $(of NRestarts) != 0 ]]; }
node_runs() { grep -sx fastpathd /proc/[0-9]*/comm; }
serving() { fastpath --timeout 60 cluster wait --nodes 1 >/dev/null; }
item_is_there() { expect_said '"stock": 2' fastpath item get books --key '"a1"'; }

step 'it starts, as its own user, within its limits'
quietly systemctl enable --now fastpathd
serving || fail 'it does not serve'
pid=$(of MainPID)
expect_said fastpath stat -c %U "/proc/$pid"
limit=$(awk '/^Max open files/ { print ($5 < 81920 ? $5 : 81920) }' /proc/1/limits) # This machine's own.
# shellcheck disable=SC2016 # awk's own.
expect_said "$limit $limit" awk '/^Max open files/ { print $4, $5 }' "/proc/$pid/limits"
expect_said 'NoNewPrivs:	1' cat "/proc/$pid/status"
expect_said 'CapEff:	0000000000000000' cat "/proc/$pid/status"
expect_said 'sold a book' /test/build/outside 127.0.0.1:7400
item_is_there
expect_refused 'in use by a running fastpathd' fastpath debug log --data /var/lib/fastpath
for folder in /etc /usr /var/tmp/..; do # As it sees them, were it root.
  expect_refused 'Read-only file system' \
    nsenter --target "$pid" --mount --root --wd touch "$folder/fastpath-test"
done

step 'killed, it comes back'
kill -9 "$pid"
wait_for restarted
serving || fail 'it did not come back'
item_is_there

step 'a wrong configuration keeps it down'
cp -p /etc/fastpath/fastpathd.toml /tmp/saved
echo 'wrong = 1' >/etc/fastpath/fastpathd.toml
systemctl restart fastpathd || true
wait_for systemctl is-failed fastpathd
expect_said 2 of ExecMainStatus
[[ $(of NRestarts) == 0 ]] || fail 'it was started again'
expect_said 'unknown key' journalctl --no-pager -u fastpathd
cp -p /tmp/saved /etc/fastpath/fastpathd.toml
echo '# by the operator' >>/etc/fastpath/fastpathd.toml
systemctl start fastpathd
serving || fail 'it does not serve again'

step 'an upgrade restarts it and keeps its configuration'
pid=$(of MainPID)
quietly dpkg -i /test/fastpath-server_*.deb
[[ $(of MainPID) != "$pid" ]] || fail 'the old program still runs'
serving || fail 'it does not serve after the upgrade'
item_is_there
expect_said 'by the operator' cat /etc/fastpath/fastpathd.toml

step 'stopped, it ends cleanly; its files can be looked into'
systemctl stop fastpathd
expect_said success of Result
expect_said 0 of ExecMainStatus
expect_said 'torn tail: none' fastpath debug log --data /var/lib/fastpath
expect_said '"stock"' fastpath debug state --data /var/lib/fastpath --table books --key '{"id":"a1"}'
systemctl start fastpathd

step 'removed: configuration and data stay'
quietly dpkg --remove fastpath-server
[[ ! -e /usr/bin/fastpathd ]] || fail 'the program stayed'
! node_runs || fail 'the node still runs'
[[ -e /etc/fastpath/fastpathd.toml && -d /var/lib/fastpath/log ]] || fail 'configuration or data is gone'
quietly dpkg -i /test/fastpath-server_*.deb
systemctl start fastpathd
serving || fail 'it does not serve after it was installed again'
item_is_there

step 'purged: nothing stays'
quietly dpkg --purge fastpath-server fastpath libfastpath-client-dev
! node_runs || fail 'the node still runs'
! getent passwd fastpath || fail 'the user stayed'
! getent group fastpath || fail 'the group stayed'
! systemctl cat fastpathd 2>/dev/null || fail 'systemd still knows the unit'
left=$(find / -xdev -name '*fastpath*' -not -path '/test/*' -not -path '/var/cache/apt/*' \
  -not -path '/var/log/*' -not -path '/tmp/*')
[[ -z $left ]] || fail "left behind: $left"
