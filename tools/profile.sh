#!/usr/bin/env bash
# Makes cmake/release.profdata anew, by which the release build lays out and inlines code: builds a
# program that counts what it does (build/profile), runs `kcp bench` with it and merges the counts.
# Takes about 10 minutes on two cores. What the bench does not run is built as without a profile.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=cmake/release.profdata
counts=$(mktemp -d)
trap 'rm -rf "$counts"' EXIT

cmake --preset profile
cmake --build build/profile -j "$(nproc)" --target kcp

# Each process leaves a file. Reads and watches run loops a hundred times as often as writes and
# would alone be hot, so less of them is run.
export LLVM_PROFILE_FILE=$counts/%p.profraw
kcp=build/profile/src/cmd/kcp
$kcp bench writes workspaces.flat workspaces.tree workspaces.content workspaces.delete-tree crds sharing restart.objects
$kcp bench reads lists.small lists.large watches.fan-out watches.many watches.resume dns.answers --scale 0.1

llvm-profdata-19 merge --sparse -o "$profile" "$counts"/*.profraw
llvm-profdata-19 show "$profile"
echo "profile: $(du -h "$profile" | cut -f1) in $profile; now: make build && bin/kcp bench --check test/bench_baseline.json"
