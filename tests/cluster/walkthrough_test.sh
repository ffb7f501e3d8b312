#!/usr/bin/env bash
# Runs the walk-through exactly as the README has it, on a cluster of its own.
set -euo pipefail
# shellcheck source=tests/cluster/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The lines of the README's sh blocks.
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" >"$work/walk.sh"
for part in cluster/up 'fastpath import' kill-leader 'cluster digest' 'debug digest'; do
  grep -q "$part" "$work/walk.sh" || fail "the README's walk-through has no $part"
done

FASTPATH_BASE_PORT=$(free_ports)
export FASTPATH_BASE_PORT FASTPATH_DATA=$data
export FASTPATH_ENDPOINTS=127.0.0.1:$FASTPATH_BASE_PORT,127.0.0.1:$((FASTPATH_BASE_PORT + 10))
cd "$root"
bash -euxo pipefail "$work/walk.sh" 2>&1 | tee "$work/out"

records=$(wc -l <.build/packages.jsonl)
said() { grep -qE -- "$1" "$work/out" || fail "the walk-through did not say: $1"; }
said "imported $(sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta' <<<"$records") items"
said '^read units: '
said 'refused, and nothing changed'
said '"stock": ?2'
said '^42$'
said 'expired means gone'
said 'killed -9 the leader'
said '^[1-3][0-9][0-9] acknowledged'
said '"found": ?true'
said '^torn tail: none'
if grep -q '^LOST' "$work/out"; then fail 'acknowledged writes were lost'; fi
