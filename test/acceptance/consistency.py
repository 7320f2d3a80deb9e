#!/usr/bin/env python3
"""Checks what concurrent clients and watchers see while servers are killed and paused, on both engines.

Clients read, write, delete and list objects in several workspaces through one server on the embedded store, then
through two servers on an etcd of three members. Every answer is noted. Then: each object's operations are
linearizable; revisions are in the order of time over all objects; each list is the state at its revision; each
watch, resumed over all breaks, perhaps at another server, is what was committed without a gap, anything twice or out
of order; and where it ends is what a list shows. How that is decided: lib/linearizability.py, lib/revisions.py.
Run from the project's root after `make build`:
    python3 test/acceptance/consistency.py [--engine rocksdb|etcd] [--seconds N] [--seed N]
A seed repeats what is asked and when faults come, not how threads meet. Closes with 'N passed, N failed'.
"""
import argparse
import collections
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import consistency_test  # noqa: E402
import linearizability  # noqa: E402
import revisions  # noqa: E402
from consistency_load import (BROKEN, COLORS, GROUPS, SHORT, Client, Server, Watcher, collection,  # noqa: E402
                              selector)
from linearizability import FAILED, OK, UNKNOWN  # noqa: E402

ROOT = os.environ.get("ROOT", os.getcwd())
KCP = os.environ.get("KCP", f"{ROOT}/bin/kcp")
KCP_PORTS = {"a": 17901, "b": 17902}
ETCD_PORTS = [(17911, 17921), (17912, 17922), (17913, 17923)]
CLIENTS = 12
WORKSPACES = "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces"
EVERYWHERE = ("configmaps", "secrets")  # kinds that can be asked for in all workspaces at once
CRDS = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MOST_PROBLEMS, LONGEST_PROBLEM = 3, 6000  # that are shown; characters
passed = failed = 0


def check(name, problems):
    """Passes if there are no problems; shows the first of them."""
    global passed, failed
    if not problems:
        passed += 1
        print(f"ok   {name}", flush=True)
        return
    failed += 1
    print(f"FAIL {name}: {len(problems)} problems, the first of them:", flush=True)
    for problem in problems[:MOST_PROBLEMS]:
        print(str(problem)[:LONGEST_PROBLEM], flush=True)


def wait_for(seconds, probe):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if probe():
                return True
        except BROKEN:
            pass
        time.sleep(0.1)
    return False


class Part:
    """A process that faults befall."""

    def __init__(self, name, directory, *command):
        self.name, self.command, self.log_path = name, command, f"{directory}/{name}.log"
        self.process, self.kills, self.pauses, self.ended = None, 0, 0, []
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def kill(self):
        if self.process.poll() is not None:
            self.ended.append(f"{self.name} ended by itself with {self.process.returncode}: {self.log()[-1500:]}")
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def pause(self, on):
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)
        self.pauses += on

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Stage:
    """The servers of one engine, and what faults they suffer."""

    def __init__(self, engine, directory, seed):
        self.random, self.directory = random.Random(f"{seed}-{engine}-faults"), directory
        self.members, self.faults, flags, names = [], 0, [], "a"
        if engine == "etcd":
            names = "ab"
            cluster = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ETCD_PORTS))
            self.members = [self.add_member(i, cluster) for i in range(len(ETCD_PORTS))]
            flags = ["--etcd-servers", ",".join(f"http://127.0.0.1:{client}" for client, _ in ETCD_PORTS)]
        self.kcp, self.servers = [], []
        for name in names:
            root, port = f"{directory}/kcp-{name}", KCP_PORTS[name]
            self.kcp.append(Part(f"kcp-{name}", directory, KCP, "start", "--root-directory", root, "--secure-port",
                                 str(port), *flags))
            self.servers.append(Server(name, port, f"{root}/pki"))

    def add_member(self, number, cluster):
        client, peer = (f"http://127.0.0.1:{port}" for port in ETCD_PORTS[number])
        return Part(f"m{number}", self.directory, "etcd", "--name", f"m{number}", "--data-dir",
                    f"{self.directory}/m{number}", "--listen-client-urls", client, "--advertise-client-urls", client,
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                    "--logger", "zap", "--log-level", "warn")

    def parts(self):
        return self.kcp + self.members

    def is_ready(self):
        return all(server.is_ready() for server in self.servers)

    def fault(self):
        """One fault, and its end: a kill of one process and a pause of one or two in turn."""
        self.faults += 1
        if self.faults % 2:
            return self.kill(self.random.choice(self.parts()))
        several = len(self.parts()) > 1 and self.random.random() < 0.3
        victims = self.random.sample(self.parts(), 2 if several else 1)
        for victim in victims:
            victim.pause(True)
        time.sleep(self.random.choice((0.2, 0.4, 0.8, 1.5, 3.0)))
        for victim in victims:
            victim.pause(False)

    def kill(self, victim):
        victim.kill()
        time.sleep(self.random.choice((0.0, 0.2, 1.0)))
        victim.start()
        if victim in self.kcp and not wait_for(60, self.servers[self.kcp.index(victim)].is_ready):
            victim.ended.append(f"{victim.name} did not become ready again")

    def clear(self):
        for part in self.parts():
            part.stop()


def definition():
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {"metadata": {"name": "registers.check.example.org"},
            "spec": {"group": "check.example.org", "scope": "Namespaced",
                     "names": {"plural": "registers", "singular": "register", "kind": "Register"},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}]}}


def prepare(server):
    """Three workspaces, each with a definition and a namespace more; the names of their clusters."""
    clusters = []
    for name in ("one", "two", "three"):
        status, answer = server.call("POST", WORKSPACES, {"metadata": {"name": name}})
        assert status == 201, answer
        path = f"{WORKSPACES}/{name}"
        wait_for(60, lambda: server.call("GET", path)[1].get("status", {}).get("phase") == "Ready")
        cluster = server.call("GET", path)[1]["spec"]["cluster"]
        clusters.append(cluster)
        status, answer = server.call("POST", f"/clusters/{cluster}/{CRDS}", definition())
        assert status == 201, answer
        status, answer = server.call("POST", f"/clusters/{cluster}/api/v1/namespaces", {"metadata": {"name": "more"}})
        assert status == 201, answer
        kinds = [collection(revisions.Scope(kind, cluster, namespace)) for kind in GROUPS
                 for namespace in ("default", "more")]
        assert wait_for(60, lambda: all(server.call("GET", path)[0] == 200 for path in kinds)), "a kind is not served"
    return clusters


def settled(server, clusters):
    """Whether the namespaces that were to go have gone."""
    for cluster in clusters:
        path = f"/clusters/{cluster}/api/v1/namespaces"
        for namespace in server.call("GET", path)[1]["items"]:
            name = namespace["metadata"]["name"]
            if name.startswith(SHORT):
                server.call("DELETE", f"{path}/{name}")
                return False
    return True


def watchers_of(seed, stage, clusters):
    one, two, three = clusters
    watchers = []
    for kind in GROUPS:
        everywhere = [""] if kind in EVERYWHERE else clusters
        scopes = [revisions.Scope(kind, cluster) for cluster in everywhere]
        scopes += [revisions.Scope(kind, cluster, color="red") for cluster in everywhere]
        scopes += [revisions.Scope(kind, one), revisions.Scope(kind, two, "default"),
                   revisions.Scope(kind, three, color="green")]
        watchers += [Watcher(f"{kind[0]}{i}", seed, stage.servers, scope, streaming=i % 3 == 1)
                     for i, scope in enumerate(scopes)]
        # One at each server, whatever happens: together they see what either may show.
        watchers += [Watcher(f"{kind[0]}{i}-{server.name}", seed, [server], revisions.Scope(kind, cluster))
                     for server in stage.servers for i, cluster in enumerate(everywhere)]
    return watchers


def write_last(writer, key, color):
    """Whether the object is there, which the writer's history then tells."""
    try:
        if writer.create(key, color).reason == "AlreadyExists":
            writer.get(key)
        return writer.history[-1].outcome == OK
    except BROKEN:  # not connected
        time.sleep(0.05)
        return False


def close_watches(stage, clusters, watchers):
    """Writes one last object into each scope, waits until all watches show it; the operations and what is missing."""
    writer = Client(99, 0, stage.servers, [], [], threading.Event())
    namespaces = [(kind, cluster, namespace) for kind in GROUPS for cluster in clusters
                  for namespace in ("default", "more")]
    for place in namespaces:
        for color in COLORS:
            while not write_last(writer, (*place, f"last-{color}"), color):
                pass
    lasts = [one for one in writer.history if one.outcome == OK]
    missing = []
    for watcher in watchers:
        end = max(one.revision for one in lasts if watcher.scope.covers(one.key) and
                  watcher.scope.color in ("", one.seen[2]))
        if wait_for(60, lambda: watcher.seen >= end):
            watcher.segments[-1].end = end
        else:
            missing.append(f"the watch {watcher.name} of {watcher.scope.text()} stands at {watcher.seen} behind {end}")
    return writer.history, missing


def describe(verdict, operations):
    part = linearizability.relevant_part(operations, verdict)
    zero = part[0].invoked
    lines = [f"  nothing explains the answer to\n  {verdict.operation.text(zero)}" if verdict.decided else
             f"  given up after {verdict.steps} steps near\n  {verdict.operation.text(zero)}"]
    lines += [f"  before, the register may have been {state}" for state in verdict.states]
    return "\n".join([*lines, "  its operations:", *(f"  {one.text(zero)}" for one in part)])


def check_registers(registers, operations):
    by_key = collections.defaultdict(list)
    for one in operations:
        if one.verb not in linearizability.LISTS and one.verb != "old get":
            by_key[one.key].append(one)
    problems, decided = [], True
    for key in registers:
        verdict = linearizability.check_register(by_key[key])
        if not verdict.linearizable:
            problems.append(describe(verdict, by_key[key]))
            decided = decided and verdict.decided
    check(f"the operations of each of {len(registers)} objects are linearizable", problems)


def check_watches(stage, watchers, versions):
    segments = [segment for watcher in watchers for segment in watcher.segments]
    problems = [problem for segment in segments for problem in revisions.check_segment(segment, versions)]
    check(f"{len(watchers)} watches have no gap, nothing twice and nothing out of order", problems)
    problems = []
    for watcher in watchers:
        for server in stage.servers:
            _, answer = server.call("GET", f"{collection(watcher.scope)}?{selector(watcher.scope)}")
            problems += revisions.check_end(watcher.segments[-1], answer["items"])
    check("each ends with what a list shows", problems)


def report(engine, seed, stage, operations, watchers, versions):
    outcomes = collections.Counter(one.outcome for one in operations)
    verbs = collections.Counter(one.verb for one in operations if one.outcome == OK)
    print(f"     {engine}, seed {seed}: {outcomes[OK]} operations ok, {outcomes[FAILED]} refused, {outcomes[UNKNOWN]} "
          f"unknown ({', '.join(f'{count} {verb}' for verb, count in sorted(verbs.items()))})")
    kills, pauses = (sum(counts) for counts in zip(*((part.kills, part.pauses) for part in stage.parts())))
    print(f"     {kills} kills, {pauses} pauses; "
          f"{sum(len(segment.events) for one in watchers for segment in one.segments)} events of "
          f"{sum(len(order) for order in versions.order.values())} states, {sum(one.resumed for one in watchers)} "
          f"resumptions, {sum(one.expired for one in watchers)} times 410", flush=True)


def is_load(stage, clients):
    """Whether enough has happened to tell something."""
    done = sum(one.outcome == OK for client in clients for one in list(client.history))
    return done > 500 and any(part.kills for part in stage.parts()) and any(part.pauses for part in stage.parts())


def run_load(stage, seed, seconds, clusters):
    """The histories of clients and the watchers, after all faults have ended."""
    registers = [(kind, cluster, namespace, name) for kind in GROUPS for cluster in clusters
                 for namespace, name in (("default", "r1"), ("more", "r2"))]
    scopes = [revisions.Scope(kind, cluster, namespace, color) for kind in GROUPS
              for cluster, namespace in (("", ""), (clusters[0], ""), (clusters[1], "default"), (clusters[2], "more"))
              for color in ("", "red") if cluster or kind in EVERYWHERE]
    watchers = watchers_of(seed, stage, clusters)
    for watcher in watchers:
        watcher.start()
    stopping = threading.Event()
    assert wait_for(60, lambda: all(watcher.seen for watcher in watchers)), "not every watch begins"
    clients = [Client(i, seed, stage.servers, registers, scopes, stopping) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    end = time.monotonic() + seconds
    # On a slow machine it lasts longer.
    while time.monotonic() < end or (time.monotonic() < end + 120 and not is_load(stage, clients)):
        time.sleep(stage.random.uniform(0.1, 1.0))
        stage.fault()
    stopping.set()
    for client in clients:
        client.join()
    return registers, clients, watchers


def test(engine, directory, seconds, seed):
    print(f"     {engine}, seed {seed}", flush=True)
    stage = Stage(engine, directory, seed)
    try:
        if not wait_for(90, stage.is_ready):
            check(f"{engine}: the servers start", [f"{part.name}: {part.log()[-1500:]}" for part in stage.parts()])
            return
        clusters = prepare(stage.servers[0])
        registers, clients, watchers = run_load(stage, seed, seconds, clusters)
        server = stage.servers[-1]
        well = wait_for(90, lambda: stage.is_ready() and settled(server, clusters))
        check(f"{engine}: all is well again after the last fault",
              [problem for part in stage.parts() for problem in part.ended] + ([] if well else ["it is not"]))
        last, missing = close_watches(stage, clusters, watchers)
        operations = [one for client in clients for one in client.history] + last
        segments = [segment for watcher in watchers for segment in watcher.segments]
        versions = revisions.gather(operations, segments)
        report(engine, seed, stage, operations, watchers, versions)
        check("all watches reach the end", missing)
        check_registers(registers, operations)
        check("revisions are in the order of time", revisions.check_order(operations))
        check("no revision shows two states", versions.problems)
        check("each list is the state at its revision", revisions.check_lists(operations, versions))
        check("reads that may be old do not go back", revisions.check_stale(operations, versions))
        check("nothing is stored that was refused", revisions.check_tokens(operations, versions))
        check("each deletion has a revision", revisions.check_deletions(operations, versions))
        check("no answer is out of place", [problem for one in clients + watchers for problem in one.problems])
        check_watches(stage, watchers, versions)
        check("there was load in all of it", [] if is_load(stage, clients) else ["there was not"])
        for watcher in watchers:
            watcher.stopping.set()
    finally:
        stage.clear()


def test_checkers():
    """The checkers' own tests: what they have passed means nothing if they cannot fail."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(consistency_test)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    check(f"the checkers find what is wrong in {result.testsRun} tests",
          [text for _, text in result.failures + result.errors])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=["rocksdb", "etcd"])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers shall not stay
    test_checkers()
    for engine in [arguments.engine] if arguments.engine else ["rocksdb", "etcd"]:
        directory = tempfile.mkdtemp(prefix="kcp-consistency-")
        before = failed
        test(engine, directory, arguments.seconds, arguments.seed)
        if failed > before and os.environ.get("KEEP"):
            print(f"     kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
