#!/usr/bin/env python3
"""Kills the server under write load, again and again, and checks that nothing acknowledged is lost.

Writers create config maps, count in them, delete them; make workspaces, bind APIs in them; create Deployments of a
bound API, and CRDs. Each acknowledgement is noted. After every kill -9 the server is started again, without repair.
At the end every acknowledged object must be there, every workspace that exists must be whole, every binding bound
and every CRD established, and the global order of revisions must never have gone back.
Run from the project's root after `make build`: python3 test/acceptance/crash.py [ROUNDS] [--playground]
With --playground it is the whole system in one process that is killed, and what was placed must have arrived.
Closes with 'N passed, N failed'.
"""
import argparse
import collections
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
KCP = os.environ.get("KCP", f"{ROOT}/bin/kcp")
PORT = int(os.environ.get("PORT", "18743"))
DNS_PORT = PORT + 1
EAST, WEST = "127.0.81.1", "127.0.82.1"
DIR = tempfile.mkdtemp()
WRITERS = 6
PAUSE = 0.01  # between the writes of a writer

MAPS = "api/v1/namespaces/default/configmaps"
WORKSPACES = "apis/tenancy.kcp.io/v1alpha1/workspaces"
BINDINGS = "apis/apis.kcp.io/v1alpha2/apibindings"
CRDS = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEPLOYMENTS = "apis/apps/v1/namespaces/default/deployments"

acknowledged = collections.defaultdict(set)  # names, by kind
counters, revisions = {}, []
lock = threading.Lock()
stop = threading.Event()


def start(playground):
    command = [KCP, "start"]
    if playground:
        command = [KCP, "playground", "--dns-port", str(DNS_PORT), "--cluster-addresses", f"{EAST},{WEST}"]
    server = subprocess.Popen([*command, "--root-directory", DIR, "--secure-port", str(PORT)],
                              stdout=subprocess.PIPE, stderr=open(f"{DIR}/log", "a"))
    ready = any(b"kcp is ready" in line for line in iter(server.stdout.readline, b""))
    # Nobody reads on: what is printed later must not fill the pipe.
    threading.Thread(target=server.stdout.read, daemon=True).start()
    return server, ready


def connect(address="127.0.0.1", port=PORT, pki=None):
    context = ssl.create_default_context(cafile=f"{pki or DIR + '/pki'}/ca.crt")
    context.load_cert_chain(f"{pki or DIR + '/pki'}/admin.crt", f"{pki or DIR + '/pki'}/admin.key")
    return http.client.HTTPSConnection(address, port, context=context, timeout=20)


def call(connection, method, path, body=None):
    connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def named(version, kind, name, **rest):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}


def create(connection, kind, cluster, path, body):
    """Whether it was acknowledged, which then is noted."""
    status, answer = call(connection, "POST", f"/clusters/{cluster}/{path}", body)
    if status != 201:
        return False
    with lock:
        acknowledged[kind].add(body["metadata"]["name"])
        revisions.append(int(answer["metadata"]["resourceVersion"]))
    return True


def write_map(connection, name):
    create(connection, "config maps", "root", MAPS, named("v1", "ConfigMap", name, data={"k": "x" * 500}))


def write_and_delete(connection, name):
    path = f"/clusters/root/{MAPS}"
    if call(connection, "POST", path, named("v1", "ConfigMap", name))[0] != 201:
        return
    if call(connection, "DELETE", f"{path}/{name}")[0] == 200:
        with lock:
            acknowledged["deletions"].add(name)


def count_up(connection, name):
    """Counts in one config map: what was acknowledged last may not be undone."""
    name = name.split("-")[0] + "-counter"
    path = f"/clusters/root/{MAPS}"
    status, present = call(connection, "GET", f"{path}/{name}")
    if status == 404:
        status, present = call(connection, "POST", path, named("v1", "ConfigMap", name, data={"n": "0"}))
    if status not in (200, 201):
        return
    present["data"]["n"] = str(int(present["data"]["n"]) + 1)
    status, answer = call(connection, "PUT", f"{path}/{name}", present)
    if status == 200:
        with lock:
            counters[name] = int(answer["data"]["n"])
            revisions.append(int(answer["metadata"]["resourceVersion"]))


def write_workspace(connection, name):
    create(connection, "workspaces", "root", WORKSPACES, named("tenancy.kcp.io/v1alpha1", "Workspace", name))


def binding():
    reference = {"export": {"path": "root:compute", "name": "kubernetes"}}
    return named("apis.kcp.io/v1alpha2", "APIBinding", "kubernetes", spec={"reference": reference})


def write_binding(connection, name):
    name += "-bound"
    if not create(connection, "workspaces", "root", WORKSPACES, named("tenancy.kcp.io/v1alpha1", "Workspace", name)):
        return
    if call(connection, "POST", f"/clusters/root:{name}/{BINDINGS}", binding())[0] == 201:
        with lock:
            acknowledged["bindings"].add(name)


def deployment(name):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "pause"}]}}
    return named("apps/v1", "Deployment", name,
                 spec={"replicas": 0, "selector": {"matchLabels": labels}, "template": template})


def write_deployment(connection, name):
    create(connection, "Deployments", "root:demo", DEPLOYMENTS, deployment(name))


def write_crd(connection, name):
    plural = name.replace("-", "") + "s"
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    create(connection, "CRDs", "root", CRDS,
           named("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.crash.example.org",
                 spec={"group": "crash.example.org", "scope": "Namespaced", "versions": versions,
                       "names": {"plural": plural, "singular": plural[:-1], "kind": plural.capitalize()}}))


KINDS = [write_map, write_map, write_map, count_up, write_workspace, write_and_delete, write_map, write_deployment,
         count_up, write_binding, write_map, write_map, count_up]


def writer(number):
    count, connection = 0, None
    while not stop.wait(PAUSE):
        count += 1
        act = write_crd if count % 100 == 1 else KINDS[(count + number) % len(KINDS)]
        try:
            connection = connection or connect()
            act(connection, f"w{number}-{count}")
        except (OSError, http.client.HTTPException, ValueError):
            connection = None
            time.sleep(0.02)


def names(connection, path):
    found, more = {}, ""
    while True:
        status, answer = call(connection, "GET", f"{path}?limit=500{more}")
        assert status == 200, answer
        found.update({item["metadata"]["name"]: item for item in answer["items"]})
        token = answer["metadata"].get("continue")
        if not token:
            return found
        more = f"&continue={token}"


def condition(item, kind):
    return any(c["type"] == kind and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))


def eventually(is_true, seconds=60):
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def prepare(playground):
    """A workspace with the workload APIs; the playground has it already."""
    connection = connect()
    if not playground:
        call(connection, "POST", f"/clusters/root/{WORKSPACES}", named("tenancy.kcp.io/v1alpha1", "Workspace", "demo"))
        call(connection, "POST", f"/clusters/root:demo/{BINDINGS}", binding())
    return eventually(lambda: call(connection, "GET", f"/clusters/root:demo/{DEPLOYMENTS}")[0] == 200, 20)


def check_present(connection, results):
    maps = names(connection, f"/clusters/root/{MAPS}")
    present = {"config maps": maps, "workspaces": names(connection, f"/clusters/root/{WORKSPACES}"),
               "Deployments": names(connection, f"/clusters/root:demo/{DEPLOYMENTS}"),
               "CRDs": names(connection, f"/clusters/root/{CRDS}")}
    for kind, found in present.items():
        lost = acknowledged[kind] - set(found)
        results.append((f"{len(acknowledged[kind])} acknowledged {kind} are there, not without {sorted(lost)[:3]}",
                        not lost and bool(found)))
    back = acknowledged["deletions"] & set(maps)
    results.append((f"{len(acknowledged['deletions'])} acknowledged deletions stay, not undone: {sorted(back)[:3]}",
                    not back))
    undone = [n for n, value in counters.items() if int(maps[n]["data"]["n"]) < value]
    results.append((f"{sum(counters.values())} acknowledged counts, not undone: {undone}", not undone))
    return present


def check_whole(connection, present, results):
    broken = []
    for name, workspace in present["workspaces"].items():
        cluster = workspace["spec"]["cluster"]
        for path in ("apis/core.kcp.io/v1alpha1/logicalclusters/cluster", "api/v1/namespaces/default"):
            status, _ = call(connection, "GET", f"/clusters/{cluster}/{path}")
            if status != 200:
                broken.append((name, path, status))
        if workspace["status"].get("phase") != "Ready":
            broken.append((name, workspace["status"]))
    results.append((f"{len(present['workspaces'])} workspaces are whole, not broken: {broken[:3]}",
                    not broken and bool(present["workspaces"])))

    def unbound():
        left = []
        for name in acknowledged["bindings"]:
            status, item = call(connection, "GET", f"/clusters/root:{name}/{BINDINGS}/kubernetes")
            served, _ = call(connection, "GET", f"/clusters/root:{name}/{DEPLOYMENTS}")
            if status != 200 or item["status"].get("phase") != "Bound" or served != 200:
                left.append((name, status, served, item.get("status")))
        return left
    bound = eventually(lambda: not unbound(), 30)
    results.append((f"{len(acknowledged['bindings'])} acknowledged bindings are bound" +
                    ("" if bound else f", not {unbound()[:2]}"), bound and bool(acknowledged["bindings"])))

    def established():
        return all(condition(item, "Established") for item in names(connection, f"/clusters/root/{CRDS}").values())
    results.append((f"{len(present['CRDs'])} CRDs are established", eventually(established, 30)))


def check_placed(connection, results):
    """Each Deployment has one copy in one of the clusters, and its status came back."""
    def missing():
        copies = []
        for name, address in (("east", EAST), ("west", WEST)):
            there = connect(address, 16443, f"{DIR}/clusters/{name}/pki")
            items = call(there, "GET", "/apis/apps/v1/deployments")[1]["items"]
            copies += [item["metadata"]["name"] for item in items]
        upstream = names(connection, f"/clusters/root:demo/{DEPLOYMENTS}")
        return [n for n, item in upstream.items()
                if copies.count(n) != 1 or "observedGeneration" not in item.get("status", {})]
    placed = eventually(lambda: not missing(), 90)
    results.append(("every Deployment runs once and its status came back" + ("" if placed else
                    f", not {missing()[:3]} ({len(missing())})"), placed))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=int(os.environ.get("CRASH_ROUNDS", "15")))
    parser.add_argument("--playground", action="store_true")
    arguments = parser.parse_args()
    results = []
    server, ready = start(arguments.playground)
    assert ready, "the server did not start"
    assert prepare(arguments.playground), "the workload APIs cannot be bound"
    threads = [threading.Thread(target=writer, args=(i,)) for i in range(WRITERS)]
    for thread in threads:
        thread.start()
    restarts, slowest = True, 0.0
    for _ in range(arguments.rounds):
        time.sleep(random.uniform(0.05, 0.6))
        server.send_signal(signal.SIGKILL)
        server.wait()
        began = time.monotonic()
        server, ready = start(arguments.playground)
        slowest = max(slowest, time.monotonic() - began)
        restarts = restarts and ready
        if not ready:
            break
    stop.set()
    for thread in threads:
        thread.join()
    results.append((f"{arguments.rounds} restarts without repair, the slowest in {slowest:.1f} s", restarts))
    if restarts:
        connection = connect()
        present = check_present(connection, results)
        check_whole(connection, present, results)
        if arguments.playground:
            check_placed(connection, results)
        results.append(("revisions are never given twice", len(revisions) == len(set(revisions))))
        results.append(("there was load", len(acknowledged["config maps"]) > 5 * arguments.rounds))
        server.send_signal(signal.SIGTERM)
        results.append(("stops cleanly", server.wait(timeout=10) == 0))
    for name, good in results:
        print("ok   " if good else "FAIL ", name)
    failed = sum(not good for _, good in results)
    if os.environ.get("KEEP") and failed:
        print(f"kept: {DIR}")
    else:
        shutil.rmtree(DIR, ignore_errors=True)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
