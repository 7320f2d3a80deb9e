#!/usr/bin/env python3
"""Several servers on one etcd: three members with TLS, two kcp servers, and what befalls them.

Both servers are one API server to clients: the same administrator, reads that show at once what was written through
the other. Then servers and members are killed and stopped under a load of writes and a watch: nothing that was
acknowledged is lost, the watch has no gap, and writes go on. A member is cut off from the others, and a server from
all of etcd for longer than history is kept. Also: three servers at once on a new etcd, no quorum, no space, a user
with a password.
Run from the project's root after `make build`: python3 test/acceptance/etcd.py
ETCD names another etcd than the installed one, ETCDCTL its client.
Closes with 'N passed, N failed'.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.environ.get("ROOT", os.getcwd())
KCP = os.environ.get("KCP", f"{ROOT}/bin/kcp")
KUBECTL = os.environ.get("KUBECTL", "kubectl")
ETCD, ETCDCTL = os.environ.get("ETCD", "etcd"), os.environ.get("ETCDCTL", "etcdctl")
CLIENT_PORTS, PEER_PORTS = [17801, 17802, 17803], [17811, 17812, 17813]
QUOTA_PORTS, AUTH_PORTS = (17804, 17814), (17805, 17815)
PEER_GATES, SERVER_GATE = [17831, 17832, 17833], 17834
EXTERNAL_URL = "https://kcp.example:17820"
NEW_PORTS = (17806, 17816)
ROUNDS = 10  # of servers that start at once
KCP_PORTS = {"a": 17821, "b": 17822, "quota": 17823, "auth": 17824, "behind": 17825, "x": 17826, "y": 17827, "z": 17828}
CONFIG_MAPS = "/clusters/root/api/v1/namespaces/default/configmaps"
WORKSPACES = "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces"
passed = failed = 0


def check(name, good, why=""):
    global passed, failed
    if good:
        passed += 1
        print(f"ok   {name}", flush=True)
    else:
        failed += 1
        print(f"FAIL {name} {why}", flush=True)


def wait_for(what, seconds, probe):
    """Whether `probe` came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if probe():
                return True
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(0.1)
    print(f"     gave up waiting for {what}", flush=True)
    return False


class Process:
    def __init__(self, name, directory, arguments):
        self.name, self.arguments = name, arguments
        self.log_path = f"{directory}/{name}.log"
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log)

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    def log(self):
        with open(self.log_path, errors="replace") as text:
            return text.read()


class Api:
    """One kcp server, with the administrator's files of `pki`; a connection per call."""

    def __init__(self, port, pki):
        self.port, self.pki = port, pki

    def context(self):
        context = ssl.create_default_context(cafile=f"{self.pki}/ca.crt")
        context.load_cert_chain(f"{self.pki}/admin.crt", f"{self.pki}/admin.key")
        return context

    def connect(self, timeout=20):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context(), timeout=timeout)

    def call(self, method, path, body=None, connection=None):
        own = connection or self.connect()
        try:
            own.request(method, path, json.dumps(body) if body is not None else None,
                        {"Content-Type": "application/json"})
            response = own.getresponse()
            text = response.read()
            try:
                return response.status, json.loads(text or b"null")
            except ValueError:
                return response.status, text.decode(errors="replace")
        finally:
            if not connection:
                own.close()

    def create(self, name, data="x", connection=None):
        body = {"metadata": {"name": name}, "data": {"text": data}}
        return self.call("POST", CONFIG_MAPS, body, connection)

    def is_ready(self):
        return self.call("GET", "/readyz")[0] == 200


class Load:
    """Creates ConfigMaps through one server after another, and remembers which were acknowledged."""

    def __init__(self, prefix, apis, threads=4):
        self.prefix, self.apis = prefix, apis
        self.acknowledged, self.last, self.lock = set(), 0.0, threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        count, at, connection = 0, number, None
        while not self.stopping.is_set():
            name = f"{self.prefix}-{number}-{count}"
            count += 1
            try:
                connection = connection or self.apis[at % len(self.apis)].connect()
                status, _ = self.apis[0].create(name, connection=connection)
            except (OSError, http.client.HTTPException):
                status, connection, at = 0, None, at + 1
                time.sleep(0.05)
            if status == 201:
                with self.lock:
                    self.acknowledged.add(name)
                    self.last = time.monotonic()

    def goes_on(self, seconds=30):
        """Whether more is acknowledged from now on, by several requests."""
        with self.lock:
            before = len(self.acknowledged)
        return wait_for("writes to go on", seconds, lambda: len(self.acknowledged) > before + 20)


class Watch(threading.Thread):
    """Follows the ConfigMaps through one server; takes the watch up again where it broke off."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.added, self.expired = api, [], False
        self.revision = api.call("GET", CONFIG_MAPS)[1]["metadata"]["resourceVersion"]
        self.start()

    def run(self):
        while not self.expired:
            try:
                connection = self.api.connect(timeout=120)
                connection.request("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={self.revision}")
                response = connection.getresponse()
                for line in response:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        self.expired = True
                        break
                    self.revision = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] == "ADDED":
                        self.added.append(event["object"]["metadata"]["name"])
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)


def names_of(api):
    """All ConfigMaps' names, or None."""
    status, answer = api.call("GET", CONFIG_MAPS)
    return {one["metadata"]["name"] for one in answer["items"]} if status == 200 else None


def make_certificates(d):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=d, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=etcd-ca", "-keyout", "ca.key", "-out", "ca.crt")
    with open(f"{d}/names", "w") as names:
        names.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("member", "kcp"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-extfile", "names", "-out", f"{name}.crt")


class Gate:
    """Passes TCP connections on to a port; those whose client `is_shut` tells are held, in both directions: what was
    sent is neither lost nor arrives, as between hosts whose link is down."""

    def __init__(self, port, target):
        self.target, self.is_shut, self.changed = target, lambda client: False, threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def set(self, is_shut):
        with self.changed:
            self.is_shut = is_shut
            self.changed.notify_all()

    def accept(self):
        while True:
            client, address = self.listener.accept()
            threading.Thread(target=self.serve, args=(client, address[1]), daemon=True).start()

    def serve(self, client, number):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        owner = owner_of(number)
        threading.Thread(target=self.pump, args=(client, server, owner), daemon=True).start()
        self.pump(server, client, owner)

    def pump(self, source, target, owner):
        try:
            while True:
                data = source.recv(65536)
                with self.changed:
                    self.changed.wait_for(lambda: not self.is_shut(owner))
                if not data:
                    break
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def owner_of(port):
    """The process on the client's side of a connection that comes from `port`."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as table:
        inodes = [line.split()[9] for line in table if line.split()[1] == wanted]
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            for file in os.scandir(f"/proc/{process}/fd"):
                if inodes and os.readlink(file.path) == f"socket:[{inodes[0]}]":
                    return int(process)
        except OSError:
            continue
    return 0


class Stage:
    def __init__(self, directory):
        self.directory = directory
        self.processes = []

    def add(self, name, *arguments):
        process = Process(name, self.directory, list(arguments))
        self.processes.append(process)
        process.start()
        return process

    def add_etcd(self, name, ports, cluster, *more, gate=None):
        """A member; `cluster` is what --initial-cluster wants; `gate` is the port that the others reach it through."""
        d, (client, peer) = self.directory, ports
        scheme = "https" if "--cert-file" in more else "http"
        peer_scheme = "https" if "--peer-cert-file" in more else "http"
        url, peer_url = f"{scheme}://127.0.0.1:{client}", f"{peer_scheme}://127.0.0.1:{peer}"
        return self.add(name, ETCD, "--name", name, "--data-dir", f"{d}/{name}", "--listen-client-urls", url,
                        "--advertise-client-urls", url, "--listen-peer-urls", peer_url,
                        "--initial-advertise-peer-urls", f"{peer_scheme}://127.0.0.1:{gate or peer}",
                        "--initial-cluster", cluster, "--logger", "zap", "--log-level", "warn", *more)

    def add_kcp(self, name, *more):
        root = f"{self.directory}/kcp-{name}"
        process = self.add(f"kcp-{name}", KCP, "start", "--root-directory", root, "--secure-port",
                           str(KCP_PORTS[name]), *more)
        return process, Api(KCP_PORTS[name], f"{root}/pki")

    def clear(self):
        for process in self.processes:
            if process.process.poll() is None:
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGKILL)


def test_two_servers_are_one(a, b, directory):
    def same(file):
        with open(f"{directory}/kcp-a/pki/{file}") as one, open(f"{directory}/kcp-b/pki/{file}") as other:
            return one.read() == other.read()

    check("both servers have the same CA, administrator and signing key",
          all(same(file) for file in ("ca.crt", "admin.crt", "admin.key", "service-account.key")))
    for name in ("a", "b"):
        server = f"https://127.0.0.1:{KCP_PORTS[name]}/clusters/root"
        answer = subprocess.run([KUBECTL, "--kubeconfig", f"{directory}/kcp-{name}/admin.kubeconfig", "--server", server,
                                 "get", "ns"], capture_output=True, text=True)
        check(f"kubectl works with server {name}", "default" in answer.stdout, answer.stderr)
    stale = 0
    for i in range(100):
        status, _ = a.create(f"shown-{i}")
        stale += status != 201 or b.call("GET", f"{CONFIG_MAPS}/shown-{i}")[0] != 200
        stale += f"shown-{i}" not in names_of(b)
    check("what was written through one is read at once through the other", stale == 0, f"{stale} times not")
    wrong = 0
    for i in range(50):
        _, present = b.call("GET", f"{CONFIG_MAPS}/shown-{i}")
        present["data"]["text"] = "changed"
        wrong += b.call("PUT", f"{CONFIG_MAPS}/shown-{i}", present)[0] != 200
        _, present = a.call("GET", f"{CONFIG_MAPS}/shown-{i}")
        wrong += present["data"]["text"] != "changed"
        present["data"]["text"] = "again"
        wrong += a.call("PUT", f"{CONFIG_MAPS}/shown-{i}", present)[0] != 200
        wrong += b.call("DELETE", f"{CONFIG_MAPS}/shown-{i}")[0] != 200
        wrong += a.call("GET", f"{CONFIG_MAPS}/shown-{i}")[0] != 404
        wrong += a.create(f"shown-{i}")[0] != 201
    check("updates and deletions alternate between the two without a conflict", wrong == 0, f"{wrong} times not")
    wrong = 0
    for i in range(20):
        wrong += a.call("POST", "/clusters/root/api/v1/namespaces", {"metadata": {"name": f"ns-{i}"}})[0] != 201
        status, answer = b.call("POST", f"/clusters/root/api/v1/namespaces/ns-{i}/configmaps",
                                {"metadata": {"name": "first"}})
        wrong += status != 201
    check("a namespace made through one is used at once through the other", wrong == 0, f"{wrong} times not")
    status, answer = a.call("POST", WORKSPACES, {"metadata": {"name": "team"}})
    status, answer = b.call("POST", "/clusters/root:team/api/v1/namespaces", {"metadata": {"name": "x"}})
    check("so is a workspace", status == 201, answer)
    status, answer = b.call("GET", "/clusters/*/api/v1/secrets")
    check("the shared keys are no object of the API", status == 200 and "PRIVATE KEY" not in json.dumps(answer))


def workspace_comes_and_goes(api, name):
    """Whether a workspace with content is removed: for that somebody must lead."""
    status, answer = api.call("POST", WORKSPACES, {"metadata": {"name": name}})
    if status != 201:
        return False
    for i in range(200):
        api.call("POST", f"/clusters/root:{name}/api/v1/namespaces/default/configmaps",
                 {"metadata": {"name": f"c-{i}"}})
    api.call("DELETE", f"{WORKSPACES}/{name}")
    return wait_for("the workspace to go", 40, lambda: api.call("GET", f"{WORKSPACES}/{name}")[0] == 404)


def check_nothing_lost(trouble, acknowledged, watch, a, b):
    """After it: both servers have what was acknowledged, and the watch was told of each object once."""
    for name, api in (("a", a), ("b", b)):
        missing = acknowledged - (names_of(api) or set())
        check(f"server {name} has all {len(acknowledged)} objects that were acknowledged through {trouble}", not missing,
              sorted(missing)[:5])
    wait_for("the watch", 10, lambda: acknowledged <= set(watch.added))
    check(f"a watch through {trouble} has no gap and nothing twice",
          not watch.expired and acknowledged <= set(watch.added) and len(watch.added) == len(set(watch.added)),
          f"expired={watch.expired} missing={sorted(acknowledged - set(watch.added))[:5]} seen={len(watch.added)}")


def test_faults(stage, members, a, b, servers):
    watch = Watch(b)
    acknowledged = set()
    check("a workspace with more content than a transaction takes is removed", workspace_comes_and_goes(a, "large"))

    leader = "a" if "this server leads" in servers["a"].log() else "b"
    other = {"a": b, "b": a}[leader]
    with Load("server", [a, b]) as load:
        load.goes_on()
        servers[leader].signal(signal.SIGKILL)
        check("a killed server's clients go on with the other", load.goes_on())
    acknowledged |= load.acknowledged
    present = names_of(other)
    check("a killed server loses nothing that it acknowledged", load.acknowledged <= present,
          sorted(load.acknowledged - present)[:5])
    check("the other leads then", workspace_comes_and_goes(other, "orphan"))
    servers[leader].start()
    check("the killed server comes back", wait_for("readiness", 30, {"a": a, "b": b}[leader].is_ready))

    for i, member in enumerate(members):
        with Load(f"member-{i}", [a, b]) as load:
            load.goes_on()
            member.signal(signal.SIGKILL)
            check(f"writes go on without etcd member {i}", load.goes_on())
            member.start()
            load.goes_on()
        acknowledged |= load.acknowledged
    for i, member in enumerate(members):
        with Load(f"stopped-{i}", [a, b]) as load:
            load.goes_on()
            member.signal(signal.SIGSTOP)
            check(f"writes go on while etcd member {i} is stopped", load.goes_on())
            member.signal(signal.SIGCONT)
            load.goes_on()
        acknowledged |= load.acknowledged
    check_nothing_lost("all of this", acknowledged, watch, a, b)

    for member in members[:2]:
        member.signal(signal.SIGSTOP)
    check("without a quorum a server is not ready",
          wait_for("unreadiness", 30, lambda: b.call("GET", "/readyz")[0] == 500))
    status, answer = b.create("no-quorum")
    check("without a quorum a write is refused or its outcome unknown", status in (503, 504), (status, answer))
    check("without a quorum a read that may be old is answered",
          b.call("GET", f"{CONFIG_MAPS}/shown-60?resourceVersion=0")[0] == 200)
    for member in members[:2]:
        member.signal(signal.SIGCONT)
    check("with a quorum it is ready again", wait_for("readiness", 30, b.is_ready))
    check("and takes writes", wait_for("a write", 10, lambda: b.create("quorum")[0] in (201, 409)))


def test_partition(stage, gates, members, a, b):
    """Each member in turn is cut off from the two others; servers still reach it."""
    def cut_off(member):
        others = [one.process.pid for one in members if one is not member]
        for one, gate in zip(members, gates):
            gate.set((lambda client: client in others) if one is member
                     else (lambda client: client == member.process.pid))

    def heal():
        for gate in gates:
            gate.set(lambda client: False)

    watch, acknowledged = Watch(b), set()
    for i, member in enumerate(members):
        with Load(f"cut-{i}", [a, b]) as load:
            load.goes_on()
            cut_off(member)
            check(f"writes go on while etcd member {i} is cut off from the others", load.goes_on())
            time.sleep(3)
            check("and still do when the members have noticed", load.goes_on())
            with_both = all(api.call("GET", CONFIG_MAPS + "/shown-60")[0] == 200 for api in (a, b))
            check("both servers answer reads that must be current meanwhile", with_both)
            heal()
            check("and when it is back", load.goes_on())
        acknowledged |= load.acknowledged
    check_nothing_lost("the partitions", acknowledged, watch, a, b)


def test_falling_behind(stage, gate, a, flags, ctl):
    """A server is cut off from etcd until what it has not seen is compacted: it loads anew, in the same process."""
    process, behind = stage.add_kcp("behind", *flags)
    if not wait_for("the third server", 30, behind.is_ready):
        check("a third server starts", False, process.log()[-500:])
        return
    a.create("stays")
    a.create("goes")
    a.create("changes")
    check("the third server shows what there is", behind.call("GET", f"{CONFIG_MAPS}/goes")[0] == 200)
    watch = Watch(behind)
    gate.set(lambda client: True)
    check("without etcd it is not ready", wait_for("unreadiness", 30, lambda: not behind.is_ready()))
    a.call("DELETE", f"{CONFIG_MAPS}/goes")
    _, present = a.call("GET", f"{CONFIG_MAPS}/changes")
    present["data"]["text"] = "changed"
    a.call("PUT", f"{CONFIG_MAPS}/changes", present)
    a.call("POST", WORKSPACES, {"metadata": {"name": "meanwhile"}})
    a.create("comes")
    status = json.loads(etcdctl(ctl[0], *ctl[1:], "endpoint", "status", "-w", "json").stdout)
    compacted = etcdctl(ctl[0], *ctl[1:], "compact", str(status[0]["Status"]["header"]["revision"]))
    check("etcd forgets what it has not seen", compacted.returncode == 0, compacted.stderr)
    gate.set(lambda client: False)
    back = wait_for("readiness", 30, behind.is_ready) and "loading everything anew" in process.log()
    check("with etcd again it loads everything anew in the same process", back, process.log()[-500:])
    if not back:
        return
    check("what was deleted meanwhile is gone", behind.call("GET", f"{CONFIG_MAPS}/goes")[0] == 404)
    check("what was changed is changed", behind.call("GET", f"{CONFIG_MAPS}/changes")[1]["data"]["text"] == "changed")
    check("what was created is there", behind.call("GET", f"{CONFIG_MAPS}/comes")[0] == 200)
    check("what was left alone still is", behind.call("GET", f"{CONFIG_MAPS}/stays")[0] == 200)
    check("a workspace that was made meanwhile is served",
          behind.call("GET", "/clusters/root:meanwhile/api/v1/namespaces/default")[0] == 200)
    check("a watch from before ends with 410", wait_for("the watch's end", 10, lambda: watch.expired))
    check("both list the same", names_of(a) == names_of(behind))
    later = Watch(behind)
    a.create("later")
    check("a new watch goes on", wait_for("an event", 10, lambda: "later" in later.added))
    check("it takes writes", behind.create("own")[0] == 201)


def test_one_name(a, b, directory):
    for name, api in (("one", a), ("other", b)):
        status, answer = api.call("POST", WORKSPACES, {"metadata": {"name": f"called-{name}"}})
        url = answer.get("spec", {}).get("URL", "") if status == 201 else answer
        check(f"a workspace made by the {name} server has the common URL",
              url == f"{EXTERNAL_URL}/clusters/root:called-{name}", url)
        cluster = api.call("GET", f"/clusters/root:called-{name}/apis/core.kcp.io/v1alpha1/logicalclusters/cluster")[1]
        check("so does its logical cluster", cluster["status"]["URL"].startswith(EXTERNAL_URL + "/clusters/"), cluster)
    for name, api in (("a", a), ("b", b)):
        with open(f"{directory}/kcp-{name}/admin.kubeconfig") as file:
            check(f"the kubeconfig of server {name} has it too", f"{EXTERNAL_URL}/clusters/root" in file.read())
        context = api.context()
        with socket.create_connection(("127.0.0.1", api.port)) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="kcp.example"):
                    good, why = True, ""
            except ssl.SSLError as error:
                good, why = False, error
        check(f"the certificate of server {name} is good for that host", good, why)


def test_three_at_once(stage):
    """Several servers on a new etcd: one CA comes of it, whoever is first, and every kubeconfig is good for all."""
    url, names, wrong = f"http://127.0.0.1:{NEW_PORTS[0]}", ("x", "y", "z"), []
    stage.add_etcd("new", NEW_PORTS, f"new=http://127.0.0.1:{NEW_PORTS[1]}")
    wait_for("etcd", 20, lambda: etcdctl(url, "endpoint", "health").returncode == 0)
    for turn in range(ROUNDS):
        servers = [stage.add_kcp(name, "--etcd-servers", url, "--etcd-prefix", f"/round-{turn}") for name in names]
        seen = {name: set() for name in names}

        def all_ready():
            for name in names:
                try:
                    with open(f"{stage.directory}/kcp-{name}/pki/ca.crt") as file:
                        seen[name].add(file.read())
                except OSError:
                    pass
            return all(api.is_ready() for _, api in servers)

        if not wait_for("three servers", 60, all_ready):
            wrong.append((turn, [process.log()[-300:] for process, _ in servers]))
        if len(set.union(*seen.values())) != 1:
            wrong.append((turn, "several CAs"))
        for _, api in servers:
            for other in names:
                crossed = Api(api.port, f"{stage.directory}/kcp-{other}/pki")
                if crossed.call("GET", CONFIG_MAPS)[0] != 200:
                    wrong.append((turn, f"{other}'s credentials do not work"))
        for (process, _), name in zip(servers, names):
            process.signal(signal.SIGKILL)
            shutil.rmtree(f"{stage.directory}/kcp-{name}")
    check(f"three servers at once on a new etcd are one, {ROUNDS} times", not wrong, wrong[:3])


def test_quota(stage):
    url = f"http://127.0.0.1:{QUOTA_PORTS[0]}"
    stage.add_etcd("quota", QUOTA_PORTS, f"quota=http://127.0.0.1:{QUOTA_PORTS[1]}", "--quota-backend-bytes",
                   "8000000")
    wait_for("etcd", 20, lambda: etcdctl(url, "endpoint", "health").returncode == 0)
    _, api = stage.add_kcp("quota", "--etcd-servers", url)
    if not wait_for("readiness", 30, api.is_ready):
        check("a server on a small etcd starts", False, stage.processes[-1].log()[-500:])
        return
    status, answer, written = 201, None, 0
    while status == 201 and written < 200:
        status, answer = api.create(f"large-{written}", "x" * 200_000)
        written += 1
    check("a full etcd refuses a write with 507", status == 507, (status, answer))
    check("the server says so", wait_for("unreadiness", 10, lambda: "space" in str(api.call("GET", "/readyz")[1])))
    check("reads go on", api.call("GET", f"{CONFIG_MAPS}/large-0")[0] == 200)
    check("deletions go on", all(api.call("DELETE", f"{CONFIG_MAPS}/large-{i}")[0] == 200 for i in range(written - 1)))
    revision = json.loads(etcdctl(url, "endpoint", "status", "-w", "json").stdout)[0]["Status"]["header"]["revision"]
    etcdctl(url, "compact", str(revision))
    etcdctl(url, "defrag")
    etcdctl(url, "alarm", "disarm")
    check("with space again it is ready", wait_for("readiness", 20, api.is_ready))
    check("and takes writes again", api.create("small")[0] == 201)


def etcdctl(url, *arguments):
    environment = {**os.environ, "ETCDCTL_API": "3"}
    return subprocess.run([ETCDCTL, "--endpoints", url, *arguments], capture_output=True, text=True, env=environment)


def test_password(stage):
    d, url = stage.directory, f"http://127.0.0.1:{AUTH_PORTS[0]}"
    stage.add_etcd("auth", AUTH_PORTS, f"auth=http://127.0.0.1:{AUTH_PORTS[1]}", "--auth-token-ttl", "3")
    wait_for("etcd", 20, lambda: etcdctl(url, "endpoint", "health").returncode == 0)
    for command in (["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["role", "add", "kcp"],
                    ["role", "grant-permission", "kcp", "readwrite", "/kcp/", "/kcp0"], ["user", "add", "kcp:pass"],
                    ["user", "grant-role", "kcp", "kcp"], ["auth", "enable"]):
        etcdctl(url, *command)
    for name, password in (("wrong", "guess"), ("right", "pass")):
        with open(f"{d}/{name}", "w") as file:
            file.write(password + "\n")
    wrong = subprocess.run([KCP, "start", "--root-directory", f"{d}/kcp-wrong", "--secure-port",
                            str(KCP_PORTS["auth"]), "--etcd-servers", url, "--etcd-username", "kcp",
                            "--etcd-password-file", f"{d}/wrong"], capture_output=True, text=True, timeout=60)
    check("a wrong password ends the start with a reason", wrong.returncode != 0 and "password" in wrong.stderr,
          wrong.stderr)
    _, api = stage.add_kcp("auth", "--etcd-servers", url, "--etcd-username", "kcp", "--etcd-password-file",
                           f"{d}/right")
    check("a user with a password and rights on the prefix only will do", wait_for("readiness", 30, api.is_ready),
          stage.processes[-1].log()[-500:])
    written = 0
    for i in range(10):
        written += api.create(f"auth-{i}")[0] == 201
        time.sleep(1)
    check("its token is renewed", written == 10, f"{written} of 10 written")


def main():
    directory = tempfile.mkdtemp(prefix="kcp-etcd-")
    stage = Stage(directory)
    try:
        make_certificates(directory)
        cluster = ",".join(f"m{i}=https://127.0.0.1:{port}" for i, port in enumerate(PEER_GATES))
        gates = [Gate(port, target) for port, target in zip(PEER_GATES, PEER_PORTS)]
        server_gate = Gate(SERVER_GATE, CLIENT_PORTS[0])
        tls = ["--cert-file", f"{directory}/member.crt", "--key-file", f"{directory}/member.key", "--client-cert-auth",
               "--trusted-ca-file", f"{directory}/ca.crt", "--peer-cert-file", f"{directory}/member.crt",
               "--peer-key-file", f"{directory}/member.key", "--peer-client-cert-auth", "--peer-trusted-ca-file",
               f"{directory}/ca.crt"]
        members = [stage.add_etcd(f"m{i}", ports, cluster, *tls, gate=PEER_GATES[i])
                   for i, ports in enumerate(zip(CLIENT_PORTS, PEER_PORTS))]
        servers_flag = ",".join(f"https://127.0.0.1:{port}" for port in CLIENT_PORTS)
        files = [f"{directory}/{name}" for name in ("ca.crt", "kcp.crt", "kcp.key")]
        common = ["--etcd-cafile", files[0], "--etcd-certfile", files[1], "--etcd-keyfile", files[2],
                  "--shard-external-url", EXTERNAL_URL]
        flags = ["--etcd-servers", servers_flag, *common]
        process_a, a = stage.add_kcp("a", *flags)
        process_b, b = stage.add_kcp("b", *flags)
        both = wait_for("both servers", 60, lambda: a.is_ready() and b.is_ready())
        check("two servers start at the same time on a new etcd", both, process_a.log()[-500:] + process_b.log()[-500:])
        if both:
            test_two_servers_are_one(a, b, directory)
            test_one_name(a, b, directory)
            test_faults(stage, members, a, b, {"a": process_a, "b": process_b})
            test_partition(stage, gates, members, a, b)
            test_falling_behind(stage, server_gate, a, ["--etcd-servers", f"https://127.0.0.1:{SERVER_GATE}", *common],
                                [f"https://127.0.0.1:{CLIENT_PORTS[1]}", "--cacert", files[0], "--cert", files[1],
                                 "--key", files[2]])
        stage.clear()
        test_three_at_once(stage)
        test_quota(stage)
        test_password(stage)
    finally:
        stage.clear()
        if failed and os.environ.get("KEEP"):
            print(f"logs: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
