#!/usr/bin/env bash
# The benchmark against the Go original, in turn on this machine: kube-apiserver on etcd, kcp on the same etcd, kcp on
# its own store. Builds kube-apiserver and etcd from their Go modules, once, unless they are given.
# Usage: test/compare/kube_apiserver.sh [WORKLOAD...]     after `make build`; without names, those of compare.py
# Environment: KUBE_APISERVER, ETCD: binaries to take instead; KUBERNETES_VERSION: which to build (default 1.37.2);
#   KCP (default bin/kcp); RESULTS: where figures are gathered over several calls (default build/compare/results);
#   SCALE: multiplies the sizes (default 1); ROUNDS: how often each is measured, the median counts (default 1).
# Needs python3, openssl, and to build: Go as new as that Kubernetes wants, 1.5 GB of disk, ten minutes of two cores.
# Exits with 77 when there is nothing to compare with.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$PWD/build/compare
version=${KUBERNETES_VERSION:-1.37.2}
server=${KUBE_APISERVER:-$work/kube-apiserver-$version}
etcd=${ETCD:-$work/etcd-$version}

skip() { echo "skipped: $*; set KUBE_APISERVER and ETCD to binaries that are there" >&2; exit 77; }

# The published module of Kubernetes names its own parts by folders that it does not carry; each is published too,
# as version 0.x.y of 1.x.y. etcd comes in the version that this Kubernetes is built with.
describe() {
  local directory
  printf 'module compare\n' >go.mod
  directory=$(go mod download -json "k8s.io/kubernetes@v$version" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
  go mod edit -go "$(go mod edit -json "$directory/go.mod" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Go"])')"
  go mod edit -require "k8s.io/kubernetes@v$version"
  go mod edit -json "$directory/go.mod" | python3 -c 'import json, sys
for one in json.load(sys.stdin)["Replace"]: print(one["Old"]["Path"])' |
    while read -r part; do go mod edit -replace "$part=$part@v0.${version#1.}"; done
}

build() {
  local minor=${version#1.}
  local stamp="k8s.io/component-base/version"
  export GOFLAGS="-mod=mod -buildvcs=false" GOWORK=off CGO_ENABLED=0
  mkdir -p "$work/source"
  cd "$work/source"
  describe || return
  echo "building kube-apiserver $version and its etcd in $work" >&2
  nice -n 10 go build -trimpath -o "$work/etcd-$version" -ldflags "-s -w" go.etcd.io/etcd/server/v3 || return
  nice -n 10 go build -trimpath -o "$work/kube-apiserver-$version" -ldflags "-s -w -X $stamp.gitVersion=v$version \
    -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" k8s.io/kubernetes/cmd/kube-apiserver
}

command -v openssl >/dev/null || skip "openssl makes the certificates and is not installed"
if [ ! -x "$server" ] || [ ! -x "$etcd" ]; then
  [ -z "${KUBE_APISERVER:-}${ETCD:-}" ] || skip "$server or $etcd cannot be run"
  command -v go >/dev/null || skip "kube-apiserver is not built and there is no Go"
  (build) || true
  [ -x "$server" ] && [ -x "$etcd" ] || skip "kube-apiserver $version cannot be built here"
fi
exec python3 test/compare/compare.py --kube-apiserver "$server" --etcd "$etcd" --kcp "${KCP:-$PWD/bin/kcp}" \
  --results "${RESULTS:-$work/results}" --scale "${SCALE:-1}" --rounds "${ROUNDS:-1}" "$@"
