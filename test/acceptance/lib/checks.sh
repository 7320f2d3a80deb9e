# For scripts that drive the programs: what counts as passed and failed, one line each. Source it with the
# counters at 0: passed=0 failed=0.
ok()  { passed=$((passed + 1)); echo "ok    $1"; }
bad() { failed=$((failed + 1)); echo "FAIL  $1"; [ -n "${2:-}" ] && echo "      ${2:0:2000}"; }
# check NAME COMMAND...: passes if the command succeeds
check() { local name=$1 out; shift; if out=$("$@" 2>&1); then ok "$name"; else bad "$name" "$out"; fi; }
# is NAME WANTED GOT: passes if both are the same
is() { if [ "$3" = "$2" ]; then ok "$1"; else bad "$1" "wanted: $2; got: $3"; fi; }
# refused NAME TEXT COMMAND...: passes if the command fails and says TEXT
refused() {
  local name=$1 text=$2 out; shift 2
  if out=$("$@" 2>&1); then bad "$name" "$out"; elif [[ $out == *"$text"* ]]; then ok "$name"; else bad "$name" "$out"; fi
}
# until_true SECONDS COMMAND...: polls five times a second
until_true() { local end=$((SECONDS + $1)); shift; while ! "$@" >/dev/null 2>&1; do [ $SECONDS -ge $end ] && return 1; sleep 0.2; done; }
