# shellcheck shell=bash
# For the tests of scripts. Sourced after `set -euo pipefail`, with the arguments
# of the test: ROOT (the checkout), BIN (where fastpathd and fastpath are).

root=$1 bin=$2
work=$(mkdir -p "$root/.build/test-data" && mktemp -d "$root/.build/test-data/script-XXXXXX")
data=$work/data
export root bin work data

clean_up() {
  local code=$?
  [[ -e $data/cluster.conf ]] && "$root/cluster/down" --data "$data" >/dev/null
  if [[ $code == 0 ]]; then rm -rf "$work"; else printf 'kept for inspection: %s\n' "$work" >&2; fi
  exit "$code"
}
trap clean_up EXIT

step() { printf -- '--- %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# expect_refused TEXT COMMAND...: fails with an error that says TEXT.
expect_refused() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then fail "should have been refused: $*"; fi
  [[ $output == *"$text"* ]] || fail "should have said '$text': $output"
}

# expect_said TEXT COMMAND...: succeeds and says TEXT.
expect_said() {
  local text=$1 output
  shift
  output=$("$@" 2>&1) || fail "$*: $output"
  [[ $output == *"$text"* ]] || fail "$* should have said '$text': $output"
}

# free_ports: a base below which nothing of ours and above which nothing at all
# listens, for a three-node cluster.
free_ports() {
  local base port free
  for ((base = 14000 + RANDOM % 400 * 40; ; base += 40)); do
    free=yes
    for ((port = base; port < base + 30; port++)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then free=no; fi
    done
    [[ $free == yes ]] && break
  done
  printf '%s\n' "$base"
}
