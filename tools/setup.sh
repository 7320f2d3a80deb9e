#!/usr/bin/env bash
# Installs what the build (and with "test", the tests) needs and is missing, from Debian packages.
# Usage: tools/setup.sh [build|test]. Needs root or sudo only when something is missing.
set -euo pipefail
what=${1:-build}

build="clang-19 lld-19 llvm-19 g++ cmake ninja-build ccache pkg-config make git
  libboost1.81-dev libnghttp2-dev libssl-dev librocksdb-dev libre2-dev libfmt-dev libyaml-dev
  zlib1g-dev libjemalloc-dev"
test="libclang-rt-19-dev clang-format-19 clang-tidy-19 libgtest-dev libgmock-dev bind9-dnsutils
  curl jq python3 python3-venv nghttp2-client etcd-server etcd-client openssl"
packages=$build
[ "$what" = test ] && packages="$build $test"

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: run as root or install sudo; missing:$missing" >&2; exit 1; }
    sudo=sudo
  fi
  echo "setup: installing$missing"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
[ "$what" = test ] && "$(dirname "$0")/kubectl.sh"
exit 0
