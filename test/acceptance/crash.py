#!/usr/bin/env python3
"""Kills the server under write load, again and again, and checks that nothing acknowledged is lost.

Writers create config maps and workspaces; each acknowledgement is noted. After every kill -9 the server
is started again, without repair. At the end every acknowledged object must be there, every workspace
that exists must be whole, and the global order of revisions must never have gone back.
Run from the project's root after `make build`: python3 test/acceptance/crash.py [ROUNDS]
Closes with 'N passed, N failed'.
"""
import http.client
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.environ.get("ROOT", os.getcwd())
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else int(os.environ.get("CRASH_ROUNDS", "15"))
PORT = 18443
DIR = tempfile.mkdtemp()
WRITERS = 6

acknowledged_maps, acknowledged_workspaces, revisions = set(), set(), []
lock = threading.Lock()
stop = threading.Event()


def start():
    return subprocess.Popen([f"{ROOT}/bin/kcp", "start", "--root-directory", DIR, "--secure-port", str(PORT)],
                            stdout=subprocess.PIPE, stderr=open(f"{DIR}/log", "a"))


def connect():
    context = ssl.create_default_context(cafile=f"{DIR}/pki/ca.crt")
    context.load_cert_chain(f"{DIR}/pki/admin.crt", f"{DIR}/pki/admin.key")
    return http.client.HTTPSConnection("127.0.0.1", PORT, context=context, timeout=10)


def call(connection, method, path, body=None):
    connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def write(connection, name, workspace):
    if workspace:
        body = {"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}}
        path = "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces"
    else:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "x" * 500}}
        path = "/clusters/root/api/v1/namespaces/default/configmaps"
    status, answer = call(connection, "POST", path, body)
    if status == 201:
        with lock:
            (acknowledged_workspaces if workspace else acknowledged_maps).add(name)
            revisions.append(int(answer["metadata"]["resourceVersion"]))


def writer(number):
    count, connection = 0, None
    while not stop.is_set():
        count += 1
        try:
            connection = connection or connect()
            write(connection, f"w{number}-{count}", count % 5 == 0)
        except (OSError, http.client.HTTPException, ValueError):
            connection = None
            time.sleep(0.02)


def names(connection, path):
    status, answer = call(connection, "GET", path)
    assert status == 200, answer
    return {item["metadata"]["name"]: item for item in answer["items"]}


def main():
    results = []
    server = start()
    assert server.stdout.readline(), "the server did not start"
    threads = [threading.Thread(target=writer, args=(i,)) for i in range(WRITERS)]
    for thread in threads:
        thread.start()
    restarts = True
    for _ in range(ROUNDS):
        time.sleep(random.uniform(0.05, 0.6))
        server.send_signal(signal.SIGKILL)
        server.wait()
        server = start()
        restarts = restarts and bool(server.stdout.readline())
    stop.set()
    for thread in threads:
        thread.join()
    results.append(("restarts without repair", restarts))

    connection = connect()
    maps = names(connection, "/clusters/root/api/v1/namespaces/default/configmaps")
    workspaces = names(connection, "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces")
    results.append((f"{len(acknowledged_maps)} acknowledged config maps are there", acknowledged_maps <= set(maps)))
    results.append((f"{len(acknowledged_workspaces)} acknowledged workspaces are there",
                    acknowledged_workspaces <= set(workspaces)))
    whole = True
    for name, workspace in workspaces.items():
        cluster = workspace["spec"]["cluster"]
        for path in ("apis/core.kcp.io/v1alpha1/logicalclusters/cluster", "api/v1/namespaces/default"):
            status, _ = call(connection, "GET", f"/clusters/{cluster}/{path}")
            whole = whole and status == 200
    results.append((f"{len(workspaces)} workspaces are whole", whole and len(workspaces) > 0))
    results.append(("revisions are never given twice", len(revisions) == len(set(revisions))))
    results.append(("there was load", len(acknowledged_maps) > 20 * ROUNDS))

    server.send_signal(signal.SIGTERM)
    results.append(("stops cleanly", server.wait(timeout=10) == 0))
    for name, good in results:
        print("ok   " if good else "FAIL ", name)
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    shutil.rmtree(DIR, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
