#!/usr/bin/env bash
# Makes sure that a kubectl of 1.28 or newer is on the PATH or in bin/. Builds one with Go if not.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export PATH=$root/bin:$PATH

new_enough() {
  local minor
  minor=$(kubectl version --client -o json 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p' | head -1)
  [ -n "$minor" ] && [ "$minor" -ge 28 ]
}
new_enough && exit 0

if ! command -v go >/dev/null || [ "$(go env GOVERSION | sed 's/go1\.\([0-9]*\).*/\1/')" -lt 23 ]; then
  sudo=; [ "$(id -u)" -eq 0 ] || sudo=sudo
  command -v go >/dev/null || $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-go
fi
echo "setup: building kubectl"
mkdir -p "$root/bin"
cd "$root/tools/kubectl"
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath -ldflags "-s -w -X k8s.io/client-go/pkg/version.gitVersion=v1.32.4" -o "$root/bin/kubectl" .
PATH=$root/bin:$PATH new_enough || { echo "setup: bin/kubectl does not report a version of 1.28 or newer" >&2; exit 1; }
