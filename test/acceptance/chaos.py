#!/usr/bin/env python3
"""Kills the parts of the system, each a process of its own, at random moments during moves and traffic.

The control plane, two clusters, their syncers and the load balancer are killed with SIGKILL and started again,
without repair, while SyncTargets are drained and taken back. All the time: DNS that answers never gives a wrong or
an empty answer for a host that was published once, and no request to a cluster that stayed up is lost. In the end:
everything comes to rest, hosts are what they were, and each workload is in one place only.
Run from the project's root after `make build`: python3 test/acceptance/chaos.py [--seconds N] [--seed N]
Closes with 'N passed, N failed'.
"""
import argparse
import base64
import http.client
import json
import os
import random
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import traffic  # noqa: E402

ROOT = os.environ.get("ROOT", os.getcwd())
KCP = os.environ.get("KCP", f"{ROOT}/bin/kcp")
PORT, DNS_PORT, HTTPS_PORT = 17743, 17753, 8443
ADDRESSES = {"east": "127.0.71.1", "west": "127.0.72.1"}
TENANTS = ["one", "two"]
SETTLED = 12.0  # seconds after a cluster was started again in which requests to it may fail
DNS_REFUSED = 5
SYNC_TARGETS = {"group": "workload.kcp.io", "version": "v1alpha1", "resource": "synctargets"}
MERGE_PATCH = "application/merge-patch+json"

WORKSPACES = "apis/tenancy.kcp.io/v1alpha1/workspaces"
TARGETS = "apis/workload.kcp.io/v1alpha1/synctargets"
PLACEMENTS = "apis/scheduling.kcp.io/v1alpha1/placements"
INGRESSES = "apis/networking.k8s.io/v1/namespaces/default/ingresses"
DEPLOYMENTS = "apis/apps/v1/namespaces/default/deployments"


class Api:
    """The API server at `address`, as the administrator whose files are in `pki`; a connection per call."""

    def __init__(self, address, port, pki):
        self.address, self.port = address, port
        self.context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        self.context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")

    def call(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPSConnection(self.address, self.port, context=self.context, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def must(self, *arguments, **named):
        status, answer = self.call(*arguments, **named)
        assert status < 300 or status == 409, (arguments, answer)
        return answer


class Part:
    """A process that is killed and started again."""

    def __init__(self, name, directory, *arguments):
        self.name, self.arguments = name, arguments
        self.log = open(f"{directory}/{name}.log", "ab")
        self.process, self.up_since, self.kills = None, 0.0, 0

    def start(self):
        self.process = subprocess.Popen([KCP, *self.arguments], stdout=self.log, stderr=self.log)
        self.up_since = time.monotonic()

    def kill(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended by itself with {self.process.returncode}")
        self.up_since = float("inf")
        self.process.kill()
        self.process.wait()
        self.kills += 1


class Chaos:
    def __init__(self, directory, seed):
        self.directory = directory
        self.random = random.Random(seed)
        self.parts, self.hosts, self.wrong, self.lost = {}, {}, [], []
        self.asked = self.fetched = self.drains = 0
        self.stop, self.still = threading.Event(), threading.Event()  # of everything; of moves
        self.kcp = self.trust = None

    # The stage.

    def add(self, name, *arguments):
        self.parts[name] = Part(name, self.directory, *arguments)
        self.parts[name].start()

    def in_workspace(self, workspace, method, path, body=None, **named):
        prefix = "/clusters/root" + (f":{workspace}" if workspace else "")
        return self.kcp.must(method, f"{prefix}/{path}", body, **named)

    def set_up(self):
        d = self.directory
        with open(f"{d}/tokens", "w") as tokens:
            tokens.write("glbc-token,system:kcp:glbc,1\n")
        self.add("kcp", "start", "--root-directory", f"{d}/kcp", "--secure-port", str(PORT), "--token-auth-file",
                 f"{d}/tokens")
        for name, address in ADDRESSES.items():
            self.add(name, "cluster", "--name", name, "--root-directory", f"{d}/{name}", "--bind-address", address)
        wait_for("the control plane", 60, lambda: os.path.exists(f"{d}/kcp/admin.kubeconfig"))
        self.kcp = Api("127.0.0.1", PORT, f"{d}/kcp/pki")
        wait_for("its readiness", 60, lambda: self.kcp.call("GET", "/readyz?verbose")[0] == 200, decode_errors=True)
        for name in ADDRESSES:
            self.register(name)
        self.prepare_load_balancer()
        for tenant in TENANTS:
            self.prepare_tenant(tenant)

    def register(self, name):
        d = self.directory
        environment = dict(os.environ, KUBECONFIG=f"{d}/kcp/admin.kubeconfig")
        plugin = [f"{ROOT}/bin/kubectl-kcp"]
        subprocess.run([f"{ROOT}/bin/kubectl-ws", ":root:compute"], env=environment, check=True, capture_output=True)
        manifest = subprocess.run([*plugin, "workload", "sync", name, "--syncer-image", "none", "-o", "-"],
                                  env=environment, check=True, capture_output=True, text=True).stdout
        config = re.search(r"kubeconfig: (?:\|-?\n((?:    .*\n|\n)+)|(.*)\n)", manifest)
        text = config.group(1) or json.loads(config.group(2))
        with open(f"{d}/syncer-{name}.kubeconfig", "w") as out:
            out.write(textwrap.dedent(text))
        target = self.in_workspace("compute", "PATCH", f"{TARGETS}/{name}",
                                   {"metadata": {"labels": {"cluster": name}}}, kind=MERGE_PATCH)
        self.in_workspace("compute", "POST", "apis/scheduling.kcp.io/v1alpha1/locations", {
            "apiVersion": "scheduling.kcp.io/v1alpha1", "kind": "Location",
            "metadata": {"name": name, "labels": {"cluster": name}},
            "spec": {"resource": SYNC_TARGETS, "instanceSelector": {"matchLabels": {"cluster": name}}}})
        wait_for(f"cluster {name}", 60, lambda: os.path.exists(f"{d}/{name}/admin.kubeconfig"))
        self.add(f"syncer-{name}", "syncer", "--from-kubeconfig", f"{d}/syncer-{name}.kubeconfig", "--from-cluster",
                 "root:compute", "--sync-target-name", name, "--sync-target-uid", target["metadata"]["uid"],
                 "--to-kubeconfig", f"{d}/{name}/admin.kubeconfig")

    def make_workspace(self, name):
        self.in_workspace("", "POST", WORKSPACES, {"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace",
                                                   "metadata": {"name": name}})

    def prepare_load_balancer(self):
        d = self.directory
        self.make_workspace("glbc")
        export = self.in_workspace("compute", "GET", "apis/apis.kcp.io/v1alpha2/apiexports/kubernetes")
        with open(f"{ROOT}/apis/bootstrap/glbc.yaml") as source:
            text = source.read().replace("    resource: ingresses\n", "    resource: ingresses\n    identityHash: "
                                         + export["status"]["identityHash"] + "\n")
        subprocess.run(["kubectl", "--kubeconfig", f"{d}/kcp/admin.kubeconfig", "--server",
                        f"https://127.0.0.1:{PORT}/clusters/root:glbc", "apply", "-f", "-"],
                       input=text, text=True, check=True, capture_output=True)
        self.bind("glbc", "glbc", "glbc")
        ca = base64.b64encode(open(f"{d}/kcp/pki/ca.crt", "rb").read()).decode()
        with open(f"{d}/glbc.kubeconfig", "w") as out:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "glbc",
                       "clusters": [{"name": "glbc", "cluster": {"server": f"https://127.0.0.1:{PORT}",
                                                                 "certificate-authority-data": ca}}],
                       "users": [{"name": "glbc", "user": {"token": "glbc-token"}}],
                       "contexts": [{"name": "glbc", "context": {"cluster": "glbc", "user": "glbc"}}]}, out)
        self.add("glbc", "glbc", "--kubeconfig", f"{d}/glbc.kubeconfig", "--domain", "glbc.test", "--dns-port",
                 str(DNS_PORT), "--ttl", "2", "--probe-port", str(HTTPS_PORT), "--ca-file", f"{d}/ca.crt")

    def bind(self, workspace, provider, name):
        export = self.in_workspace(provider, "GET", f"apis/apis.kcp.io/v1alpha2/apiexports/{name}")
        claims = []
        for claim in export["spec"].get("permissionClaims", []):
            selector = claim.pop("defaultSelector", {"matchAll": True})
            claims.append(dict(claim, selector=selector, state="Accepted"))
        self.in_workspace(workspace, "POST", "apis/apis.kcp.io/v1alpha2/apibindings", {
            "apiVersion": "apis.kcp.io/v1alpha2", "kind": "APIBinding", "metadata": {"name": name},
            "spec": {"reference": {"export": {"path": f"root:{provider}", "name": name}},
                     "permissionClaims": claims}})

    def prepare_tenant(self, name):
        self.make_workspace(name)
        self.bind(name, "compute", "kubernetes")
        self.bind(name, "glbc", "glbc")
        self.in_workspace(name, "POST", PLACEMENTS, placement("default", {}))
        server = f"https://127.0.0.1:{PORT}/clusters/root:{name}"
        command = ["kubectl", "--kubeconfig", f"{self.directory}/kcp/admin.kubeconfig", "--server", server, "apply",
                   "-f", f"{ROOT}/examples/echo.yaml"]
        wait_for(f"the sample in {name}", 30,
                 lambda: subprocess.run(command, capture_output=True).returncode == 0)

    # What is true of a tenant.

    def host_of(self, tenant):
        ingress = self.in_workspace(tenant, "GET", f"{INGRESSES}/echo")
        return ingress["spec"]["rules"][0].get("host", "")

    def place_of(self, tenant):
        """The cluster that serves the tenant if it is at rest in one place, else a text that says why not."""
        ingress = self.in_workspace(tenant, "GET", f"{INGRESSES}/echo")
        deployment = self.in_workspace(tenant, "GET", f"{DEPLOYMENTS}/echo")
        states = [key for key in ingress["metadata"]["labels"] if key.startswith("state.workload.kcp.io/")]
        if len(states) != 1:
            return f"is in {len(states)} places"
        if deployment.get("status", {}).get("readyReplicas") != deployment["spec"]["replicas"]:
            return f"has status {deployment.get('status')}"
        rcode, _, found = traffic.ask(self.hosts[tenant], DNS_PORT)
        if rcode or len(found) != 1:
            return f"DNS says {rcode} {found}"
        name = traffic.fetch(self.trust, self.hosts[tenant], found[0], HTTPS_PORT)
        ingresses = {one: Api(ADDRESSES[one], 16443, f"{self.directory}/{one}/pki").must(
            "GET", "/apis/networking.k8s.io/v1/ingresses")["items"] for one in ADDRESSES}
        having = [one for one, items in ingresses.items()
                  if any(rule.get("host") == self.hosts[tenant] for item in items for rule in item["spec"]["rules"])]
        return name if having == [name] else f"is on {having}, served by {name}"

    # What goes on all the time.

    def watch(self, tenant):
        host, clusters = self.hosts[tenant], {address: name for name, address in ADDRESSES.items()}
        while not self.stop.is_set():
            time.sleep(0.04)
            try:
                rcode, _, found = traffic.ask(host, DNS_PORT, attempts=1)
            except OSError:
                continue
            if rcode == DNS_REFUSED:
                continue
            self.asked += 1
            if rcode or not found or not set(found) <= set(clusters):
                self.wrong.append(f"{time.time():.2f} {host}: {rcode} {found}")
                continue
            address = random.choice(found)
            part = self.parts[clusters[address]]
            since = part.up_since
            settled = time.monotonic() - since > SETTLED
            try:
                traffic.fetch(self.trust, host, address, HTTPS_PORT)
                self.fetched += settled
            except (OSError, ValueError, http.client.HTTPException) as error:
                if settled and part.up_since == since:
                    self.lost.append(f"{time.time():.2f} {host} at {address}: {error}")

    def move(self):
        rng, drained = random.Random(self.random.random()), set()
        while not self.still.wait(rng.uniform(0.5, 5)):
            try:
                if rng.random() < 0.6:
                    self.drain_or_back(rng.choice(list(ADDRESSES)), drained)
                else:
                    rng.choice([self.scale, self.second_place])(rng, rng.choice(TENANTS))
            except (OSError, http.client.HTTPException, AssertionError):
                continue

    def drain_or_back(self, name, drained):
        drain = name not in drained
        spec = {"unschedulable": drain, "evictAfter": now() if drain else None}
        self.in_workspace("compute", "PATCH", f"{TARGETS}/{name}", {"spec": spec}, kind=MERGE_PATCH)
        (drained.add if drain else drained.discard)(name)
        self.drains += drain

    def scale(self, rng, tenant):
        image = f"echo:v{rng.randrange(1000)}"
        containers = [{"name": "echo", "image": image}]
        spec = {"replicas": rng.randint(1, 4), "template": {"spec": {"containers": containers}}}
        self.in_workspace(tenant, "PATCH", f"{DEPLOYMENTS}/echo", {"spec": spec},
                          kind="application/strategic-merge-patch+json")

    def second_place(self, rng, tenant):
        """A second Placement comes, or goes."""
        status, _ = self.kcp.call("DELETE", f"/clusters/root:{tenant}/{PLACEMENTS}/more")
        if status == 404:
            selector = {"matchLabels": {"cluster": rng.choice(list(ADDRESSES))}}
            self.in_workspace(tenant, "POST", PLACEMENTS, placement("more", selector))

    def kill(self, names, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.random.uniform(0.2, 4))
            chosen = self.random.sample(names, self.random.choice([1, 1, 1, 2]))
            for name in chosen:
                self.parts[name].kill()
            time.sleep(self.random.choice([0, 0, 0.3, 1.5]))
            for name in chosen:
                self.parts[name].start()

    def run(self, seconds):
        self.set_up()
        for tenant in TENANTS:
            wait_for(f"a host in {tenant}", 30, lambda: self.host_of(tenant).endswith(".glbc.test"))
            self.hosts[tenant] = self.host_of(tenant)
        self.trust = ssl.create_default_context(cafile=f"{self.directory}/ca.crt")
        for tenant in TENANTS:
            wait_for(f"{tenant} to be served", 60, lambda: self.place_of(tenant) in ADDRESSES, tolerant=True)
        threads = [threading.Thread(target=self.watch, args=(tenant,)) for tenant in TENANTS]
        threads.append(threading.Thread(target=self.move))
        for thread in threads:
            thread.start()
        try:
            # First while the clusters stay up, so that no request may be lost at all; then them, too.
            self.kill([name for name in self.parts if name not in ADDRESSES], 0.6 * seconds)
            self.kill(list(self.parts), 0.4 * seconds)
            self.still.set()
            threads[-1].join()
            wait_for("the drains to be taken back", 60, self.calm_down, tolerant=True)
            return self.judge(threads)
        finally:
            self.still.set()
            self.stop.set()
            for thread in threads:
                thread.join()

    def calm_down(self):
        for name in ADDRESSES:
            self.in_workspace("compute", "PATCH", f"{TARGETS}/{name}",
                              {"spec": {"unschedulable": False, "evictAfter": None}}, kind=MERGE_PATCH)
        for tenant in TENANTS:
            self.kcp.call("DELETE", f"/clusters/root:{tenant}/{PLACEMENTS}/more")
        return True

    def judge(self, threads):
        results, places = [], {}
        for tenant in TENANTS:
            places[tenant] = rest(lambda: self.place_of(tenant), 60)
            results.append((f"{tenant} comes to rest in one place: {places[tenant]}", places[tenant] in ADDRESSES))
        self.stop.set()
        for thread in threads:
            thread.join()
        kills = {name: part.kills for name, part in self.parts.items()}
        results.append((f"every part runs; kills: {kills}",
                        all(part.process.poll() is None for part in self.parts.values())))
        results.append(("hosts are what they were", all(self.host_of(t) == h for t, h in self.hosts.items())))
        records = self.in_workspace("glbc", "GET", "apis/kuadrant.dev/v1/dnsrecords")["items"]
        results.append((f"a DNSRecord per host, not {len(records)}", len(records) == len(TENANTS)))
        results.append((f"{self.asked} answers of DNS, none wrong or empty {self.wrong[:3]}",
                        self.asked > 0 and not self.wrong))
        results.append((f"{self.fetched} requests to a cluster that was up, none lost {self.lost[:3]}",
                        self.fetched > 0 and not self.lost))
        results.append((f"there were {self.drains} drains", self.drains > 0))
        return results


def placement(name, selector):
    return {"apiVersion": "scheduling.kcp.io/v1alpha1", "kind": "Placement", "metadata": {"name": name},
            "spec": {"locationResource": SYNC_TARGETS, "locationSelectors": [selector], "namespaceSelector": {},
                     "locationWorkspace": "root:compute"}}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def wait_for(what, seconds, is_true, tolerant=False, decode_errors=False):
    end, why = time.monotonic() + seconds, "it is not so"
    while time.monotonic() < end:
        try:
            if is_true():
                return
        except json.JSONDecodeError:
            if decode_errors:  # answered, but not in JSON
                return
            raise
        except (OSError, http.client.HTTPException, ValueError, KeyError, AssertionError) as error:
            if not tolerant and not isinstance(error, (OSError, KeyError)):
                raise
            why = str(error)
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}: {why}")


def rest(look, seconds):
    """What `look` says once it has said so twice with time between, or last."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            said = look()
        except (OSError, http.client.HTTPException, ValueError, KeyError, AssertionError) as error:
            said = f"cannot be seen: {error}"
        if said in ADDRESSES and said == last:
            break
        last = said
        time.sleep(1)
    return last


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", "70")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    directory = tempfile.mkdtemp()
    chaos = Chaos(directory, arguments.seed)
    try:
        results = chaos.run(arguments.seconds)
    except AssertionError as error:
        results = [(f"the run came to its end: {error}", False)]
    for part in chaos.parts.values():
        part.process.send_signal(signal.SIGKILL)
        part.process.wait()
    for name, good in results:
        print("ok   " if good else "FAIL ", name)
    failed = sum(not good for _, good in results)
    if os.environ.get("KEEP"):
        print(f"kept: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
