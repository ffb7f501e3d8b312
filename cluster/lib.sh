# shellcheck shell=bash
# What the scripts of cluster/, tests/ and bench/ share. Sourced, never run.
#
# A cluster's data folder, as `up` makes it:
#   cluster.conf     what it was made with; also the mark that the folder is ours to wipe
#   node1/ node2/ ...  each node's own data
#   log/node1.log ...  what each node printed
#   run/node1.pid ...  "PID START-TIME" of the process that `up` started
#   gateway.keys, aws.env  one access key, for the nodes and for who sources it

root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# need_value OPTION [VALUE]: for options that take one.
need_value() { [[ $# -ge 2 && -n $2 ]] || die "$1 needs a value (see --help)"; }

# ------------------------------------------------------------------- building

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "packages are missing and neither root nor sudo is at hand; as root, run: $*"
  fi
}

# install_packages KIND...: what cluster/packages.txt lists for these and is missing.
install_packages() {
  local name kind command missing=()
  command -v apt-get >/dev/null || die "this needs Debian's apt-get (built for Debian 12)"
  while read -r name kind command; do
    [[ $name == "#"* || -z $name || " $* " != *" $kind "* ]] && continue
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] && continue
    [[ -n $command ]] && command -v "$command" >/dev/null && continue
    missing+=("$name")
  done <"$root/cluster/packages.txt"
  [[ ${#missing[@]} == 0 ]] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq || die "apt-get update failed"
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get install failed"
}

# quietly LOG COMMAND...: shows the output only if the command fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    die "failed: $*"
  fi
}

# build PRESET [TARGET...]: configures and builds, all targets if none is named. In a shell of its
# own: the caller stays where it is.
build() (
  local preset=$1
  shift
  export CCACHE_DIR=${CCACHE_DIR:-$root/.build/ccache} # Only if ccache is installed.
  cd "$root" || die "cannot enter $root"
  quietly ".build/$preset-configure.log" cmake --preset "$preset"
  say "building ($preset)"
  NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" ${1:+--target "$@"} ||
    die "the build failed"
)

# ---------------------------------------------------------------- a cluster's nodes

conf_of() { printf '%s/cluster.conf' "$1"; }

# lock DATA: waits until no other script starts or stops nodes of the cluster, until unlock or the
# script's end. On the folder itself: nothing is left in it. Programs that outlive the script must
# not inherit it: 9>&-.
lock() {
  exec 9<"$1"
  flock --nonblock 9 && return
  say "waiting for another cluster/up or cluster/down on $1"
  flock 9
}
unlock() { exec 9<&-; }

# read_conf DATA: sets nodes, groups, base_port and formed as the folder was made with.
read_conf() {
  local name value
  while IFS='=' read -r name value; do
    case $name in
      nodes | groups | base_port | formed) printf -v "$name" '%s' "$value" ;;
    esac
  done <"$(conf_of "$1")"
}

# write_conf DATA: from the variables of the same names.
write_conf() {
  local file
  file=$(conf_of "$1")
  {
    say '# Made by cluster/up. Its presence lets cluster/down --wipe remove this folder.'
    say "nodes=${nodes:?}"
    say "groups=${groups:?}"
    say "base_port=${base_port:?}"
    say "formed=${formed:?}"
  } >"$file.new" && mv "$file.new" "$file"
}

client_port() { say $((base_port + 10 * ($1 - 1))); }
peer_port() { say $(($(client_port "$1") + 1)); }
http_port() { say $(($(client_port "$1") + 2)); }
gateway_port() { say $(($(client_port "$1") + 3)); }

# random_text COUNT CHARACTERS: so many of them.
random_text() {
  local text=''
  while ((${#text} < $1)); do text+=$(head -c 256 /dev/urandom | LC_ALL=C tr -dc "$2"); done
  say "${text:0:$1}"
}

# make_access_key DATA: once in a cluster's life. The secret is in these files only.
make_access_key() {
  local id secret
  [[ -e $1/gateway.keys && -e $1/aws.env ]] && return
  id=FP$(random_text 18 A-Z0-9) secret=$(random_text 40 A-Za-z0-9)
  (
    umask 077
    say "$id $secret" >"$1/gateway.keys"
    {
      say '# For AWS'"'"'s tools and SDKs: source it, and they use this cluster.'
      say "export AWS_ACCESS_KEY_ID=$id"
      say "export AWS_SECRET_ACCESS_KEY=$secret"
      say 'export AWS_DEFAULT_REGION=us-east-1'
      say 'export AWS_REGION=us-east-1'
      say "export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$(gateway_port 1)"
    } >"$1/aws.env"
  )
}

endpoints() {
  local i list=()
  for ((i = 1; i <= nodes; i++)); do list+=("127.0.0.1:$(client_port "$i")"); done
  (IFS=,; say "${list[*]}")
}

# start_time PID: when the process started, in ticks since boot; fails if there is none.
start_time() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra fields <<<"${stat##*) }" # The name before it may hold anything.
  say "${fields[19]}"
}

# has_ended PID: it is not there, or waits to be asked how it ended.
has_ended() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  [[ ${stat##*) } == [ZX]* ]]
}

# node_pid DATA I: prints the pid of node I if it runs. A number that another
# process has by now is not taken for it: start time and command line must agree.
# A process that is becoming another program has no command line for a moment.
node_pid() {
  local pid started now line file=$1/run/node$2.pid
  [[ -r $file ]] && read -r pid started <"$file" && [[ -n $pid && -n $started ]] || return 1
  now=$(start_time "$pid") && [[ $now == "$started" ]] || return 1
  line=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline") || return 1
  if [[ -z $line ]]; then
    has_ended "$pid" && return 1
  else
    grep -qxF -- "$1/node$2" <<<"$line" || return 1
  fi
  say "$pid"
}

# start_node DATA I BIN: starts fastpathd as node I of the cluster.
start_node() {
  local data=$1 i=$2 bin=$3 j pid started arguments=()
  arguments=(--data "$data/node$i" --client-listen "127.0.0.1:$(client_port "$i")"
    --peer-listen "127.0.0.1:$(peer_port "$i")" --http-listen "127.0.0.1:$(http_port "$i")"
    --gateway-listen "127.0.0.1:$(gateway_port "$i")" --gateway-keys "$data/gateway.keys")
  # Only the first start of node 1 creates a cluster; later it finds the others
  # as they find it, also when its own data was lost.
  if [[ $i == 1 && $formed == no ]]; then
    arguments+=(--bootstrap --groups "$groups")
  elif ((nodes > 1)); then
    for ((j = 1; j <= nodes; j++)); do
      ((j == i)) || arguments+=(--seed "127.0.0.1:$(peer_port "$j")")
    done
  fi
  mkdir -p "$data/log" "$data/run"
  setsid "$bin/fastpathd" "${arguments[@]}" >>"$data/log/node$i.log" 2>&1 </dev/null 9>&- &
  pid=$!
  started=$(start_time "$pid") || started=gone
  say "$pid $started" >"$data/run/node$i.pid"
  for ((j = 0; j < 100; j++)); do # Until it is fastpathd and no more this shell's copy.
    node_pid "$data" "$i" >/dev/null && return
    sleep 0.01
  done
}

# gateway_healthy PORT: whether DynamoDB's API is served there.
gateway_healthy() {
  local line=''
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
    read -r -t 5 line <&3 || true
    exec 3>&-
  } 2>/dev/null
  [[ $line == 'HTTP/1.1 200 '* ]]
}

# port_in_use PORT: whether something answers there.
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# machine DATA: processor, cores, memory and the filesystem of DATA in a line.
machine() {
  local model memory
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  memory=$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)
  say "$(nproc) cores (${model:-$(uname -m)}), $memory GiB, $(df --output=fstype "$1" | tail -n 1), Linux $(uname -r)"
}
