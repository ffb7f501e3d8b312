#!/usr/bin/env bash
# Installs the client into a folder, builds a project that knows nothing else of
# Fastpath against it, and runs its program on a node.
set -euo pipefail
# shellcheck source=tests/cluster/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib.sh"
build=$3 cmake=$4

step 'install'
"$cmake" --install "$build" --prefix "$work/prefix" --component dev >/dev/null
if find "$work/prefix" -type f -print0 | xargs -0 grep -lF -e "$root" -- | grep -v '\.a$'; then
  fail 'installed files name the folder of the sources'
fi
if find "$work/prefix" -name '*.h' | grep -E '/(node|raft|storage|internal)/'; then
  fail 'headers of the server, or internal ones, were installed'
fi

step 'an outside project'
mkdir "$work/outside"
cp "$root"/tests/package/outside/* "$work/outside"
mv "$work/prefix" "$work/moved" # An installation may be moved.
configure() {
  "$cmake" -S "$work/outside" -B "$work/outside/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug "$@" 2>&1
}
configure -DCMAKE_PREFIX_PATH="$work/moved" >"$work/configure.log" || fail "$(cat "$work/configure.log")"
"$cmake" --build "$work/outside/build" >"$work/build.log" || fail "$(cat "$work/build.log")"
if ldd "$work/outside/build/outside" | grep -E 'rocksdb|spdlog|prometheus'; then
  fail "the client must not bring the server's libraries"
fi

step 'its version is checked'
sed -i 's/find_package(fastpath 0.1 /find_package(fastpath 9.9 /' "$work/outside/CMakeLists.txt"
rm -r "$work/outside/build/CMakeCache.txt"
expect_refused 'not accepted' configure -DCMAKE_PREFIX_PATH="$work/moved"

step 'it runs'
port=$(free_ports)
"$root/cluster/up" --nodes 1 --data "$data" --base-port "$port" --bin "$bin" >"$work/up.log" ||
  fail "$(cat "$work/up.log")"
expect_said 'sold a book' "$work/outside/build/outside" "127.0.0.1:$port"
expect_said '"stock": 2' "$bin/fastpath" --endpoints "127.0.0.1:$port" item get books --key '"a1"'
