# shellcheck shell=bash
# For the scripts that deb_test.sh runs inside its Debian.
step() { printf -- '--- %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
# expect_said TEXT COMMAND...: succeeds and says TEXT.
expect_said() {
  local text=$1 output
  shift
  output=$("$@" 2>&1) || fail "$*: $output"
  [[ $output == *"$text"* ]] || fail "$* should have said '$text': $output"
}
# expect_refused TEXT COMMAND...: fails with an error that says TEXT.
expect_refused() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then fail "should have failed: $*"; fi
  [[ $output == *"$text"* ]] || fail "$* should have said '$text': $output"
}
quietly() { "$@" >/tmp/log 2>&1 || fail "$*: $(tail -n 30 /tmp/log)"; }
