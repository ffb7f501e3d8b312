#!/usr/bin/env bash
# The converter of Debian's package index: escapes, continuation lines, types,
# and the machine's own index where it has one.
set -euo pipefail

convert=$1/cluster/dumpavail-to-jsonl
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

input='Package: one
Version: 1:2.0-3
Architecture: amd64
Installed-Size: 17
Depends: libc6 (>= 2.34), zlib1g
Description: says "hello\world"
 and	goes on
Tag: a::b,
 c::d

Package: two
Version: 1
Architecture: all
Size: unknown'
expected='{"Package":"one","Release":"1:2.0-3 amd64","Installed-Size":17,"Depends":["libc6 (>= 2.34)","zlib1g"],"Description":"says \"hello\\world\"\nand\tgoes on","Tag":["a::b","c::d"]}
{"Package":"two","Release":"1 all","Size":"unknown"}'
# python3 judges: equal as JSON, whichever escapes were chosen.
python3 - "$(printf '%s\n' "$input" | "$convert")" "$expected" <<'END' || fail 'wrong conversion'
import json, sys
got, expected = ([json.loads(line) for line in text.splitlines()] for text in sys.argv[1:])
assert got == expected, f"{got}\nis not\n{expected}"
END

[[ -z $("$convert" </dev/null) ]] || fail 'something came out of nothing'

apt-cache dumpavail | "$convert" | python3 -c '
import json, sys
keys = [(d["Package"], d["Release"]) for d in map(json.loads, sys.stdin)]
assert len(keys) == len(set(keys)), "a key came twice"
print(len(keys), "records of this machine")'
