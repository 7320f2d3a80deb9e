#!/usr/bin/env python3
"""Runs the tests of this folder against kube-apiserver, which shows that what they expect is right.
Usage: kube_apiserver.py [ARGUMENT of go test...]
Environment: KUBE_APISERVER, ETCD: the binaries, by default those that test/compare/kube_apiserver.sh has built.
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
COMPARE = HERE.parents[2] / "compare"
BUILT = HERE.parents[3] / "build" / "compare"
VERSION = os.environ.get("KUBERNETES_VERSION", "1.37.2")

sys.path.insert(0, str(COMPARE))
sys.dont_write_bytecode = True
import servers  # noqa: E402


def main():
    programs = {"kube-apiserver": os.environ.get("KUBE_APISERVER", f"{BUILT}/kube-apiserver-{VERSION}"),
                "etcd": os.environ.get("ETCD", f"{BUILT}/etcd-{VERSION}")}
    missing = [program for program in programs.values() if not os.access(program, os.X_OK)]
    if missing:
        sys.exit(f"{missing} cannot be run: test/compare/kube_apiserver.sh builds it")
    server = servers.KubeApiserver(programs, with_etcd=True)
    try:
        environment = dict(os.environ, APPLY_KUBECONFIG=server.kubeconfig)
        command = ["go", "test", "-vet=off", "-count=1", "-v", *sys.argv[1:], "."]
        return subprocess.run(command, cwd=HERE, env=environment).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
