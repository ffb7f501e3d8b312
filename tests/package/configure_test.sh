#!/usr/bin/env bash
# Configuring on machines that have some of what only tests need: it goes
# without the tests and says so; what a server needs is refused by its name.
set -euo pipefail
# shellcheck source=tests/cluster/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib.sh"
cmake=$3

configure_without() {
  "$cmake" -S "$root" -B "$work/without-$1" -G Ninja "-DCMAKE_DISABLE_FIND_PACKAGE_$1=ON"
}
for package in GTest rapidcheck Python3; do
  step "without $package"
  expect_said "configured without the tests, for this is not installed: $package" configure_without "$package"
done

step 'without RocksDB'
expect_refused 'RocksDB' configure_without RocksDB
