# shellcheck shell=bash
# Starts and stops the stores that bench/compare and bench/latency measure, each
# with its data in a fresh folder below $data. Sourced after cluster/lib.sh, by a
# script that sets $data, $keys (items to load) and $groups (Raft groups of Fastpath).
#
# Everything started here is a child of the script, or Fastpath through cluster/up,
# and ends with it; nothing else is touched. Debian's own services are not used.
#
# The stores' functions are named VERB_STORE: start_redis, processes_postgres, ...

peer_packages=(etcd-server redis-server postgresql-15 libpq-dev libhiredis-dev libgrpc++-dev
  protobuf-compiler-grpc gnuplot-nox python3)
pg_bin=/usr/lib/postgresql/15/bin
pg_user=postgres
bin=${root:?}/.build/release/bin
declare -A started=() roots=() frozen=()

# install_peers: what is missing, without letting Debian start its services: these
# would take processor time, and nobody asked for them.
install_peers() {
  local name missing=() policy=/usr/sbin/policy-rc.d made=no good=no unit
  for name in "${peer_packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
      missing+=("$name")
  done
  [[ ${#missing[@]} == 0 ]] && return
  say "installing ${missing[*]}"
  if [[ ! -e $policy ]]; then
    made=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  if as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
    good=yes
  fi
  [[ $made == no ]] || as_root rm -f "$policy"
  [[ $good == yes ]] || die "apt-get install failed"
  for name in "${missing[@]}"; do # Nor at the next boot.
    case $name in
      etcd-server) unit=etcd ;;
      redis-server) unit=redis-server ;;
      postgresql-15) unit=postgresql ;;
      *) continue ;;
    esac
    if [[ -d /run/systemd/system ]]; then
      as_root systemctl disable -q "$unit" || say "could not disable the service $unit"
    fi
  done
}

build_peers() {
  export CCACHE_DIR=${CCACHE_DIR:-$root/.build/ccache}
  quietly "$root/.build/peers-configure.log" \
    cmake --preset release -S "$root" -B "$root/.build/release" -DFASTPATH_BENCH_PEERS=ON
  build release fastpathd fastpath fastpath-bench fastpath-fsync-rate fastpath-bench-peers fastpath-floor
}

# prepare_data: makes $data, which must be new, and sets $syncs. Refuses memory filesystems.
prepare_data() {
  [[ ! -e $data ]] || die "$data is already there; name a new folder"
  mkdir -p "$data" || die "cannot make $data"
  data=$(cd "$data" && pwd -P)
  # shellcheck disable=SC2034 # Who sources this prints it.
  syncs=$("$bin/fastpath-fsync-rate" "$data") || { rmdir "$data"; exit 1; }
  trap stop_all EXIT
  trap 'exit 130' INT TERM
}

# free_port: sets $port to one where nothing answers, a new one each time.
next_port=${FASTPATH_BENCH_PORT:-24100}
free_port() {
  while port_in_use "$next_port"; do next_port=$((next_port + 1)); done
  port=$next_port
  next_port=$((next_port + 1))
}

# launch STORE LOG COMMAND...: in the background, as one of the store's processes.
launch() {
  local store=$1 log=$2
  shift 2
  "$@" >>"$log" 2>&1 </dev/null &
  roots[$store]+=" $!"
}

# wait_for STORE SECONDS COMMAND...: until it succeeds; dies if the store does.
wait_for() {
  local store=$1 deadline=$((SECONDS + $2)) pid
  shift 2
  until "$@" >/dev/null 2>&1; do
    for pid in ${roots[$store]:-}; do
      kill -0 "$pid" 2>/dev/null || { tail -n 20 "$data/$store"/*.log >&2; die "$store ended"; }
    done
    ((SECONDS < deadline)) || { tail -n 20 "$data/$store"/*.log >&2; die "$store does not serve"; }
    sleep 0.1
  done
}

# ------------------------------------------------------------------- Fastpath

start_fastpath() {
  local i
  base=$next_port
  for ((i = 0; i < 33; i++)); do
    port_in_use $((base + i)) && { base=$((base + i + 1)); i=-1; }
  done
  next_port=$((base + 40)) fastpath_port=$base
  "$root/cluster/up" --data "$data/fastpath" --base-port "$base" --groups "${groups:?}" --bin "$bin" \
    >"$data/fastpath.log" || { cat "$data/fastpath.log" >&2; die "Fastpath does not serve"; }
}
fastpath_nodes=3
processes_fastpath() {
  local i
  for ((i = 1; i <= fastpath_nodes; i++)); do node_pid "$data/fastpath" "$i" || true; done
}
serves_fastpath() {
  "$bin/fastpath" --endpoints "127.0.0.1:$fastpath_port" --timeout 60 cluster wait --nodes 3
}
load_fastpath() { "$bin/fastpath-bench" --endpoints "127.0.0.1:$fastpath_port" "$@"; }
version_fastpath() { say "Fastpath, 3 nodes, ${groups:?} groups"; }

# ----------------------------------------------------------------------- etcd

start_etcd() {
  local i name cluster='' client=() peer=()
  mkdir -p "$data/etcd"
  for i in 1 2 3; do
    free_port; client[i]=$port
    free_port; peer[i]=$port
    cluster+="${cluster:+,}n$i=http://127.0.0.1:${peer[i]}"
  done
  etcd_ports=("${client[@]}")
  for i in 1 2 3; do
    name=n$i
    launch etcd "$data/etcd/$name.log" /usr/bin/etcd --name "$name" --data-dir "$data/etcd/$name" \
      --listen-client-urls "http://127.0.0.1:${client[i]}" \
      --advertise-client-urls "http://127.0.0.1:${client[i]}" \
      --listen-peer-urls "http://127.0.0.1:${peer[i]}" \
      --initial-advertise-peer-urls "http://127.0.0.1:${peer[i]}" \
      --initial-cluster "$cluster" --initial-cluster-state new \
      --quota-backend-bytes 8589934592 --logger zap --log-level error
  done
  wait_for etcd 60 serves_etcd
}
# Its health is a linearizable read.
serves_etcd() {
  local each answer
  for each in "${etcd_ports[@]}"; do
    answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$each" && printf 'GET /health HTTP/1.0\r\n\r\n' >&3 &&
      timeout 5 cat <&3) 2>/dev/null) || true
    [[ $answer == *'"true"'* ]] || return 1
  done
}
load_etcd() {
  local list
  printf -v list '127.0.0.1:%s,' "${etcd_ports[@]}"
  "$bin/fastpath-bench-peers" --system etcd --endpoints "${list%,}" "$@"
}
version_etcd() { say "etcd $(/usr/bin/etcd --version | sed -n 's/^etcd Version: //p'), 3 nodes"; }

# ---------------------------------------------------------------------- Redis

start_redis() {
  free_port
  redis_port=$port
  mkdir -p "$data/redis"
  launch redis "$data/redis/server.log" redis-server --bind 127.0.0.1 --port "$port" \
    --dir "$data/redis" --appendonly yes --appendfsync always --save '' --maxclients 4000
  wait_for redis 30 serves_redis
}
serves_redis() { [[ $(redis-cli -p "$redis_port" ping) == PONG ]]; }
load_redis() { "$bin/fastpath-bench-peers" --system redis --port "$redis_port" "$@"; }
version_redis() {
  say "Redis $(redis-server --version | sed 's/.*v=\([^ ]*\).*/\1/'), one node, appendfsync always"
}

# ----------------------------------------------------------------- PostgreSQL

# as_pg COMMAND...: it refuses to run as root.
as_pg() {
  if [[ $(id -u) == 0 ]]; then
    setpriv --reuid="$pg_user" --regid="$pg_user" --clear-groups --inh-caps=-all "$@"
  else
    "$@"
  fi
}
query_postgres() {
  "$pg_bin/psql" -qAtX -h 127.0.0.1 -p "$pg_port" -U bench -d postgres -c "$1"
}
launch_postgres() {
  launch postgres "$data/postgres/$1.log" as_pg_exec "$pg_bin/postgres" -D "$data/postgres/$1"
}
# as_pg_exec: as as_pg, in place of this shell, so that the pid is the server's.
as_pg_exec() {
  if [[ $(id -u) == 0 ]]; then
    exec setpriv --reuid="$pg_user" --regid="$pg_user" --clear-groups --inh-caps=-all "$@"
  fi
  exec "$@"
}

start_postgres() {
  local standby folder=$data/postgres
  mkdir -p "$folder"
  [[ $(id -u) != 0 ]] || chown "$pg_user:$pg_user" "$folder"
  as_pg test -w "$folder" ||
    die "the user $pg_user cannot reach $folder, and PostgreSQL does not run as root; name another --data"
  free_port
  pg_port=$port
  as_pg "$pg_bin/initdb" -D "$folder/primary" -U bench -A trust -E UTF8 --no-locale \
    >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; die "initdb failed"; }
  as_pg tee -a "$folder/primary/postgresql.conf" >/dev/null <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = $pg_port
max_connections = 700
shared_buffers = 512MB
max_wal_size = 4GB
max_wal_senders = 8
synchronous_commit = on
wal_sender_timeout = 0
wal_receiver_timeout = 0
END
  launch_postgres primary
  wait_for postgres 30 query_postgres 'SELECT 1'
  for standby in s1 s2; do
    free_port
    as_pg "$pg_bin/pg_basebackup" -D "$folder/$standby" -R -X stream -c fast \
      -d "host=127.0.0.1 port=$pg_port user=bench application_name=$standby" ||
      die "pg_basebackup failed"
    say "port = $port" | as_pg tee -a "$folder/$standby/postgresql.conf" >/dev/null
    launch_postgres "$standby"
  done
  query_postgres "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (s1, s2)'"
  query_postgres 'SELECT pg_reload_conf()' >/dev/null
  wait_for postgres 30 serves_postgres
}
serves_postgres() {
  [[ $(query_postgres "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'") == 2 ]]
}
load_postgres() {
  "$bin/fastpath-bench-peers" --system postgres \
    --conninfo "host=127.0.0.1 port=$pg_port user=bench dbname=postgres" "$@"
}
version_postgres() {
  say "PostgreSQL $("$pg_bin/postgres" --version | sed 's/.*) \([0-9.]*\).*/\1/'), primary and 2 standbys, synchronous ANY 1"
}

# ------------------------------------------------------------------ the floor

# start_floor_as STORE STATE
start_floor_as() {
  local i ports=()
  mkdir -p "$data/$1"
  for i in 1 2 3; do free_port; ports[i]=$port; done
  floor_port[$1]=${ports[3]}
  for i in 1 2; do
    launch "$1" "$data/$1/$i.log" "$bin/fastpath-floor" --data "$data/$1/$i" --port "${ports[i]}" --state "$2"
    wait_for "$1" 60 port_in_use_by_listener "${ports[i]}"
  done
  launch "$1" "$data/$1/3.log" "$bin/fastpath-floor" --data "$data/$1/3" --port "${ports[3]}" --state "$2" \
    --follower "${ports[1]}" --follower "${ports[2]}"
  wait_for "$1" 60 port_in_use "${ports[3]}"
}
# A follower takes the first who connects for its leader: look without connecting.
port_in_use_by_listener() {
  grep -qi ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}
declare -A floor_port=()
start_floor() { start_floor_as floor hash; }
start_floor-bare() { start_floor_as floor-bare none; }
start_floor-rocks() { start_floor_as floor-rocks rocks; }
serves_floor() { true; }
serves_floor-bare() { true; }
serves_floor-rocks() { true; }
load_floor_of() {
  local store=$1
  shift
  "$bin/fastpath-bench-peers" --system floor --port "${floor_port[$store]}" "$@"
}
load_floor() { load_floor_of floor "$@"; }
load_floor-bare() { load_floor_of floor-bare "$@"; }
load_floor-rocks() { load_floor_of floor-rocks "$@"; }
version_floor() { say "floor: 3 processes, no Raft, a hash table in memory"; }
version_floor-bare() { say "floor-bare: the same, no state at all"; }
version_floor-rocks() { say "floor-rocks: the same, RocksDB Get and Put per write"; }

# -------------------------------------------------------------------- together

known_stores='fastpath redis postgres etcd floor floor-bare floor-rocks'

# check_stores STORE...: dies on an unknown name.
check_stores() {
  local store
  for store in "$@"; do
    [[ " $known_stores " == *" $store "* ]] || die "unknown system $store: there are $known_stores"
  done
}

# start_store STORE: and loads all keys.
start_store() {
  say "starting $1"
  started[$1]=yes
  "start_$1"
  "load_$1" --keys "${keys:?}" --prepare only || die "$1 could not be loaded"
}

# processes STORE: its processes and theirs, parents first.
processes() {
  local pid
  if [[ $1 == fastpath ]]; then processes_fastpath; return; fi
  for pid in ${roots[$1]:-}; do family "$pid"; done
}
family() {
  local child children
  kill -0 "$1" 2>/dev/null || return 0
  say "$1"
  read -ra children < <(cat /proc/"$1"/task/*/children 2>/dev/null) || true # No newline there.
  for child in "${children[@]}"; do family "$child"; done
}

# freeze STORE: it costs nothing and does nothing while others are measured.
freeze() {
  local pid
  for pid in $(processes "$1"); do kill -STOP "$pid" 2>/dev/null || true; done
  frozen[$1]=yes
}
# thaw STORE: and waits until it serves.
thaw() {
  local pid
  [[ ${frozen[$1]:-} == yes ]] || return 0
  for pid in $(processes "$1" | tac); do kill -CONT "$pid" 2>/dev/null || true; done
  frozen[$1]=no
  wait_for "$1" 90 "serves_$1"
}

# stop_all: ends what was started here and removes the data. Nothing of it is wanted.
stop_all() {
  local store pid deadline
  trap - EXIT
  for store in "${!started[@]}"; do
    for pid in $(processes "$store" | tac); do kill -CONT "$pid" 2>/dev/null || true; done
    if [[ $store == fastpath ]]; then
      "$root/cluster/down" --data "$data/fastpath" --wipe >/dev/null || true
      continue
    fi
    for pid in ${roots[$store]:-}; do
      # QUIT is PostgreSQL's "at once".
      kill "-$([[ $store == postgres ]] && say QUIT || say TERM)" "$pid" 2>/dev/null || true
    done
    deadline=$((SECONDS + 15))
    for pid in ${roots[$store]:-}; do
      while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
      kill -KILL "$pid" 2>/dev/null || true
      wait "$pid" 2>/dev/null || true
    done
  done
  rm -rf "$data"
}
