#!/usr/bin/env bash
# cluster/up and cluster/down as people use, misuse and repeat them.
set -euo pipefail
# shellcheck source=tests/cluster/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=cluster/lib.sh
source "$root/cluster/lib.sh"

port=$(free_ports)
up() { "$root/cluster/up" --data "$data" --bin "$bin" "$@"; }
down() { "$root/cluster/down" --data "$data" "$@"; }
fastpath() { "$bin/fastpath" --endpoints "127.0.0.1:$port" "$@"; }
get() { # get PORT PATH: the whole answer.
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
  cat <&3
  exec 3>&-
}
pid_of() { cut -d' ' -f1 "$data/run/node$1.pid"; }

step 'help and mistakes'
expect_said 'usage: cluster/up' "$root/cluster/up" --help
expect_said 'usage: cluster/down' "$root/cluster/down" --help
expect_refused 'unknown argument --node' up --node 3
expect_refused 'a number from 1 to 99' up --nodes 0
expect_refused 'a number from 1 to 99' up --nodes three
expect_refused 'a number from 1 to 1024' up --groups 1025
expect_refused 'needs a value' up --groups

step 'a folder with other things in it is neither used nor wiped'
mkdir "$data"
touch "$data/precious"
expect_refused 'holds other things' up --base-port "$port"
expect_refused 'was not made by cluster/up' down --wipe
[[ -e $data/precious ]] || fail 'a foreign file was removed'
rm -r "$data"

step 'what counts as a running node'
mkdir -p "$data/run"
note() { printf '%s %s\n' "$1" "$(start_time "$1")" >"$data/run/node1.pid"; } # note PID
# Its child ends, and nobody asks how.
bash -c 'sleep 0.1 & echo $! >"$0"; exec sleep 60' "$work/child" >/dev/null 2>&1 &
parent=$!
mkfifo "$work/never"
bash -c 'exec -a "" cat' <>"$work/never" >/dev/null 2>&1 & # No command line, as in the middle of an exec.
nameless=$!
until [[ -s $work/child && $(readlink "/proc/$nameless/exe") == */cat ]]; do sleep 0.01; done
note "$parent"
foreign=$(node_pid "$data" 1 || true)
note "$nameless"
becoming=$(node_pid "$data" 1 || true)
child=$(<"$work/child")
note "$child"
until has_ended "$child"; do sleep 0.01; done
ended=$(node_pid "$data" 1 || true)
kill "$parent" "$nameless"
[[ -z $foreign ]] || fail 'a process of others counts as a node'
[[ $becoming == "$nameless" ]] || fail 'a node in the middle of its exec counts as ended'
[[ -z $ended ]] || fail 'one that has ended counts as running'
rm -r "$data"

step 'three nodes come up, once, though two ask for them'
up --base-port "$port" --groups 4 >"$work/other.out" 2>&1 &
other=$!
up --base-port "$port" --groups 4 | tee "$work/up.out"
wait "$other" || fail "the other: $(<"$work/other.out")"
[[ $(pgrep -fc "fastpathd --data $data/node") == 3 ]] || fail 'they are not three'
for i in 1 2 3; do node_pid "$data" "$i" >/dev/null || fail "nobody knows where node $i runs"; done
grep -q '3 nodes, 4 groups' "$work/up.out" || fail 'up does not say what it started'
fastpath table create fruit --partition-key name:S >/dev/null
fastpath item put fruit '{"name":"apple","colour":"red"}' >/dev/null

step 'the gateway: health without a key, and an access key that only its owner reads'
grep -q "http://127.0.0.1:$((port + 3)); its access key: source .*/data/aws.env$" "$work/up.out" ||
  fail 'up does not say where the gateway is'
for file in gateway.keys aws.env; do
  [[ $(stat -c %a "$data/$file") == 600 ]] || fail "others may read $file"
done
key=$(cat "$data/gateway.keys")
for file in "$work/up.out" "$data/log/node1.log" /proc/"$(pid_of 1)"/cmdline; do
  if grep -qaF "${key#* }" "$file"; then fail "the secret is in $file"; fi
done
for i in 0 10 20; do
  expect_said 'healthy: dynamodb.' get $((port + 3 + i)) /
done
(
  # shellcheck source=/dev/null
  source "$data/aws.env"
  [[ "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY" == "$key" ]] || fail 'aws.env has another key'
  [[ $AWS_ENDPOINT_URL_DYNAMODB == "http://127.0.0.1:$((port + 3))" ]] || fail 'a wrong endpoint'
)

step 'the threads of a node have names'
threads=$(cat /proc/"$(pid_of 1)"/task/*/comm)
for name in fastpathd disk engine-read engine-write gateway; do
  grep -qx "$name" <<<"$threads" || fail "no thread $name in: $threads"
done

step 'again: running nodes are left alone'
before="$(pid_of 1) $(pid_of 2) $(pid_of 3)"
up >/dev/null
[[ "$(pid_of 1) $(pid_of 2) $(pid_of 3)" == "$before" ]] || fail 'running nodes were restarted'

step 'again after a kill: only the dead one is started'
kill -9 "$(pid_of 2)"
up >/dev/null
[[ $(pid_of 1) == "${before%% *}" ]] || fail 'node 1 was restarted'
[[ $(pid_of 2) != $(cut -d' ' -f2 <<<"$before") ]] || fail 'node 2 was not restarted'

[[ $(cat "$data/gateway.keys") == "$key" ]] || fail 'the access key changed'

step 'another size than the folder was made with'
expect_refused 'a cluster of 3 nodes, not 5' up --nodes 5
expect_refused 'a cluster of 4 groups, not 8' up --groups 8

step 'a pid file that names a process of someone else ends nobody'
sleep 300 &
stranger=$!
mv "$data/run/node3.pid" "$work/node3.pid"
echo "$stranger 1" >"$data/run/node3.pid"
down >/dev/null
kill -0 "$stranger" || fail 'down ended a process that is not a node'
kill "$stranger"
cp "$work/node3.pid" "$data/run/node3.pid"
down >/dev/null

step 'stopped: nothing runs, the data stays'
if fastpath --timeout 2 cluster status >/dev/null 2>&1; then fail 'it still serves'; fi
expect_said 'no node was running' down
up >/dev/null
expect_said red fastpath item get fruit --key '{"name":"apple"}'

step 'a port that someone else has'
down >/dev/null
"$bin/fastpathd" --data "$work/other" --client-listen "127.0.0.1:$port" --peer-listen 127.0.0.1:0 \
  --http-listen 127.0.0.1:0 --gateway-listen 127.0.0.1:0 >"$work/other.log" 2>&1 &
other=$!
for ((i = 0; i < 100; i++)); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  sleep 0.1
done
expect_refused "port $port is taken" up
kill -9 "$other"
wait "$other" 2>/dev/null || true

step 'wiped, but for what is not of up'
mkdir "$data/node1.backup" "$data/node4"
down --wipe >"$work/wipe.out" 2>&1
grep -q 'holds other things' "$work/wipe.out" || fail "wiping does not say what it left: $(cat "$work/wipe.out")"
[[ $(ls "$data") == $'node1.backup\nnode4' ]] || fail "wiped: $(ls "$data")"
rm -r "$data"
expect_said 'nothing runs' down
