#!/usr/bin/env bash
# Runs every test: lints, unit and scenario tests (under ASan+UBSan, then under TSan), fuzzers, the
# acceptance scripts. Closes with one line "N passed, N failed". Options: --fast runs the lints and
# the unit and scenario tests without sanitizers, no more; FUZZ_SECONDS sets how long each fuzzer
# runs (default 30).
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
export PATH=$root/bin:$PATH
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1  # another checkout finds what this one has built
jobs=$(nproc)
fast=; [ "${1:-}" = --fast ] && fast=1
passed=0 failed=0
logs=$root/build/logs
rm -rf "$logs"; mkdir -p "$logs"

# count NAME STATUS: one test that is not a unit test
count() {
  if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $1"; fi
}

# stage NAME: what begins now, and after how much time
stage() { echo "== $1 ($((SECONDS / 60)) min)"; }

# build PRESET TARGET...
build() {
  local preset=$1; shift
  cmake --preset "$preset" >"$logs/configure-$preset.log" 2>&1 || { cat "$logs/configure-$preset.log"; return 1; }
  cmake --build "build/$preset" -j "$jobs" --target "$@" >"$logs/build-$preset.log" 2>&1 || { tail -50 "$logs/build-$preset.log"; return 1; }
}

# unit PRESET: runs all unit test programs of a build and adds up their figures
unit() {
  local preset=$1 program name log status ran ok
  if ! build "$preset" all; then count "build $preset" 1; return; fi
  while read -r program; do
    name=$(basename "$program")
    log=$logs/$preset-$name.log
    timeout 600 "$program" --gtest_brief=1 >"$log" 2>&1
    status=$?
    if [ $status -ne 0 ]; then
      echo "FAILED $preset $name:"; grep -E '^\[  FAILED|ERROR|SUMMARY|Failure|CHECK' "$log" | head -20 || true
    fi
    ran=$(sed -n 's/^\[==========\] \([0-9]*\) tests\{0,1\} from.* ran.*/\1/p' "$log" | tail -1)
    ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -1)
    if [ -z "$ran" ]; then count "$preset $name (did not end)" 1; continue; fi
    passed=$((passed + ${ok:-0})); failed=$((failed + ran - ${ok:-0}))
    # All tests passed, and then a sanitizer found a leak or a race.
    if [ $status -ne 0 ] && [ "$ran" = "${ok:-0}" ]; then count "$preset $name (its end)" 1; fi
  done < <(find "build/$preset/src" -type f -name '*_test' -perm -u+x | sort)
}

# lane SCRIPT...: runs acceptance scripts one after another, each with a log and a status
lane() {
  local script run
  for script in "$@"; do
    run=bash; [[ $script == *.py ]] && run=python3
    ROOT=$root $run "test/acceptance/$script" >"$logs/$script.log" 2>&1
    echo $? >"$logs/$script.status"
  done
}

# add_up SCRIPT: what a script of a lane counted; one that no lane ran has failed
add_up() {
  local log=$logs/$1.log closing
  if [ ! -f "$logs/$1.status" ]; then count "$1 (in no lane)" 1; return; fi
  grep -A1 -E '^FAIL' "$log" | cut -c1-1000
  closing=$(tail -1 "$log")
  if [[ $closing =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1])); failed=$((failed + BASH_REMATCH[2]))
    [ "${BASH_REMATCH[2]}" -eq 0 ] || echo "FAILED $1: see $log"
  else
    count "$1" "$(cat "$logs/$1.status")"
  fi
}

stage "lint"; tools/lint/run.sh; count lint $?
if [ -n "$fast" ]; then
  stage "unit (dev)"; unit dev
else
  stage "unit (ASan, UBSan)"; ASAN_OPTIONS=detect_leaks=1 unit asan
  stage "unit (TSan)"; TSAN_OPTIONS="suppressions=$root/test/tsan.supp halt_on_error=1 ignore_noninstrumented_modules=1 die_after_fork=0" unit tsan
  stage "fuzzers"
  if build fuzz fuzzers; then
    fuzz() {
      local program=$1 name; name=$(basename "$1")
      local corpus=build/fuzz/corpus/$name
      mkdir -p "$corpus"
      "$program" -max_total_time="${FUZZ_SECONDS:-30}" -rss_limit_mb=2048 -timeout=10 -artifact_prefix="$logs/$name-" \
        "$corpus" $(ls -d "test/fuzz/seeds/$name" 2>/dev/null) >"$logs/$name.log" 2>&1
      echo $? >"$logs/$name.status"
    }
    export -f fuzz; export logs
    find build/fuzz/test/fuzz -name '*_fuzz' -type f -perm -u+x | sort | xargs -P "$jobs" -I{} bash -c 'fuzz {}'
    for program in build/fuzz/test/fuzz/*_fuzz; do
      [ -x "$program" ] && count "$(basename "$program")" "$(cat "$logs/$(basename "$program").status")"
    done
  else
    count "build fuzz" 1
  fi
  stage "acceptance"
  if make build >"$logs/make-build.log" 2>&1; then
    lane first_light.sh  # alone: it counts what its clients send during a move
    # Two lanes side by side. Those of the first use the playground's own ports or load the machine; each
    # of the second has ports to itself.
    lane workspaces.sh cluster.sh moves.sh crash.py consistency.py &
    first=$!
    lane clients.sh glbc.sh syncer.sh sharing.sh apply.sh compute.sh isolation.sh durability.py chaos.py etcd.py
    wait $first
    for script in test/acceptance/*.sh test/acceptance/*.py; do add_up "$(basename "$script")"; done
    stage "bench-check"  # alone on the machine
    bin/kcp bench --check test/bench_baseline.json >"$logs/bench-check.log" 2>&1
    status=$?; grep -E '^FAIL' "$logs/bench-check.log"; count bench-check $status
  else
    tail -30 "$logs/make-build.log"; count "make build" 1
  fi
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
