#!/usr/bin/env python3
"""Backup, restore, a full disk, and damaged files, with the real program.

Nothing acknowledged may be lost without a word: a backup that is taken while two tenants write holds all that was
acknowledged before it; a restored shard takes the old credentials and goes on; a full disk refuses writes, tells why
and recovers by itself; a torn end of the log is left out, any other damage refuses to start with one line.
Run from the project's root after `make build`: python3 test/acceptance/durability.py
The full disk needs the right to mount a small file system. Closes with 'N passed, N failed'.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.environ.get("ROOT", os.getcwd())
KCP = os.environ.get("KCP", f"{ROOT}/bin/kcp")
PORT = int(os.environ.get("PORT", "18763"))
DIR = tempfile.mkdtemp()
BACKUP = "/admin/backup"
WORKSPACES = "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces"
results, servers = [], []


def check(name, good, detail=""):
    results.append(good)
    print("ok   " if good else "FAIL ", name, flush=True)
    if not good and detail:
        print("     ", str(detail)[:1500])


class Server:
    """kcp start on a root directory; its log grows in a file beside."""

    def __init__(self, root):
        self.root, self.log = root, f"{DIR}/{os.path.basename(root)}.log"
        self.process, self.ready = None, False
        servers.append(self)

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [KCP, "start", "--root-directory", self.root, "--secure-port", str(PORT), "--token-auth-file",
                 f"{DIR}/tokens"], stdout=subprocess.PIPE, stderr=log)
        self.ready = any(b"kcp is ready" in line for line in iter(self.process.stdout.readline, b""))
        return self.ready

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.stdout.close()
        return self.process.wait(timeout=20)

    def refusal(self):
        """Starts what must not start: the exit status and what it says."""
        self.log = f"{DIR}/refusal.log"
        pathlib.Path(self.log).write_text("")
        if self.start():
            self.stop(signal.SIGKILL)
            return 0, ""
        return self.process.wait(timeout=20), pathlib.Path(self.log).read_text()

    def said(self, text):
        return text in pathlib.Path(self.log).read_text()


def connect(root=None, token=None):
    context = ssl.create_default_context(cafile=f"{root or connect.root}/pki/ca.crt")
    if not token:
        pki = f"{root or connect.root}/pki"
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context, timeout=30)
    connection.token = token
    return connection


def call(connection, method, path, body=None):
    headers = {"Content-Type": "application/json"}
    if connection.token:
        headers["Authorization"] = f"Bearer {connection.token}"
    connection.request(method, path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    text = response.read()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text.decode(errors="replace")


def config_map(name, size=500):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": os.urandom(size // 2).hex()}}


def maps(tenant):
    return f"/clusters/root:{tenant}/api/v1/namespaces/default/configmaps"


def names(connection, tenant):
    status, answer = call(connection, "GET", maps(tenant))
    return {item["metadata"]["name"] for item in answer["items"]} if status == 200 else set()


def kcp(*arguments):
    done = subprocess.run([KCP, *arguments], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def eventually(is_true, seconds=30):
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


class Writer(threading.Thread):
    """A tenant that creates config maps until told to stop, and notes what was acknowledged."""

    def __init__(self, tenant):
        super().__init__()
        self.tenant, self.acknowledged, self.done = tenant, [], threading.Event()

    def run(self):
        connection = connect()
        while not self.done.is_set():
            name = f"{self.tenant}-{len(self.acknowledged)}"
            if call(connection, "POST", maps(self.tenant), config_map(name))[0] == 201:
                self.acknowledged.append(name)


def make_tenants(connection, *tenants):
    for name in tenants:
        workspace = {"apiVersion": "tenancy.kcp.io/v1alpha1", "kind": "Workspace", "metadata": {"name": name}}
        call(connection, "POST", WORKSPACES, workspace)
    return eventually(lambda: all(call(connection, "GET", maps(t))[0] == 200 for t in tenants))


def backup_and_restore():
    server = Server(f"{DIR}/first")
    connect.root = server.root
    check("a server starts", server.start())
    admin = connect()
    check("with two tenants", make_tenants(admin, "a", "b"))
    kubeconfig = shutil.copy(f"{server.root}/admin.kubeconfig", f"{DIR}/old.kubeconfig")
    accounts = "/clusters/root:a/api/v1/namespaces/default/serviceaccounts"
    call(admin, "POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}})
    token = call(admin, "POST", accounts + "/robot/token", {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                                                            "spec": {}})[1]["status"]["token"]
    writers = [Writer("a"), Writer("b")]
    for writer in writers:
        writer.start()
    eventually(lambda: all(len(writer.acknowledged) > 300 for writer in writers))
    before = {writer.tenant: list(writer.acknowledged) for writer in writers}
    status, said = kcp("backup", "--kubeconfig", kubeconfig, "--to", DIR)
    after = {writer.tenant: len(writer.acknowledged) for writer in writers}
    files = list(pathlib.Path(DIR).glob("kcp-*.backup"))
    check("a backup is made while they write", status == 0 and len(files) == 1, said)
    check("writes went on", all(after[t] > len(before[t]) for t in before), after)
    check("only its owner can read it", stat.S_IMODE(files[0].stat().st_mode) == 0o600)
    status, said = kcp("backup", "--verify", str(files[0]))
    check("it is sound", status == 0 and "records" in said, said)
    refused_backups(files[0])
    for writer in writers:
        writer.done.set()
        writer.join()
    revision = call(admin, "GET", maps("a"))[1]["metadata"]["resourceVersion"]
    server.stop(signal.SIGKILL)
    restored(files[0], before, kubeconfig, token, revision)


def refused_backups(file):
    for who, connection in (("a tenant", connect(token="jane-token")), ("a stranger", connect(token="wrong"))):
        status, answer = call(connection, "GET", BACKUP)
        check(f"{who} gets no backup", status in (401, 403), answer)
    status, _ = call(connect(token="jane-token"), "GET", "/clusters/root:a" + BACKUP)
    check("nor through a workspace", status in (403, 404), status)
    bad = bytearray(file.read_bytes())
    bad[len(bad) // 2] ^= 1
    pathlib.Path(f"{DIR}/bad").write_bytes(bad)
    status, said = kcp("backup", "--verify", f"{DIR}/bad")
    check("a flipped bit is seen", status == 1 and "no sound backup" in said, said)
    status, said = kcp("restore", "--from", f"{DIR}/bad", "--root-directory", f"{DIR}/from-bad")
    check("and nothing is restored from it", status == 1 and not os.path.exists(f"{DIR}/from-bad"), said)
    status, said = kcp("restore", "--from", str(file), "--root-directory", f"{DIR}/first")
    check("a directory in use is not restored to", status == 1 and "not empty" in said, said)


def restored(file, before, kubeconfig, token, revision):
    status, said = kcp("restore", "--from", str(file), "--root-directory", f"{DIR}/second")
    check("it is restored", status == 0, said)
    server = Server(f"{DIR}/second")
    check("the restored server starts", server.start(), pathlib.Path(server.log).read_text())
    admin = connect(f"{DIR}/first")  # the credentials of before
    for tenant, expected in before.items():
        found = names(admin, tenant)
        lost = set(expected) - found
        check(f"{len(expected)} objects that {tenant} had before the backup are there", not lost, sorted(lost)[:5])
        check(f"and nobody else's in {tenant}", all(name.startswith((tenant, "kube")) for name in found))
    status, said = kcp("backup", "--kubeconfig", kubeconfig, "--to", f"{DIR}/again")
    check("the old kubeconfig is good", status == 0, said)
    status, answer = call(connect(token=token), "GET", "/clusters/root:a/version")
    check("the old token of a service account is known", status != 401, answer)
    status, answer = call(admin, "GET", f"{maps('a')}?watch=true&resourceVersion={revision}&timeoutSeconds=5")
    gone = status == 410 or (isinstance(answer, dict) and answer.get("object", {}).get("code") == 410)
    check("a watch from before has to list again", gone, (status, answer))
    status, answer = call(admin, "POST", maps("a"), config_map("later"))
    check("revisions go on", status == 201 and int(answer["metadata"]["resourceVersion"]) > int(revision), answer)
    check("it stops cleanly", server.stop() == 0)


def mount(folder, size):
    os.makedirs(folder)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode == 0


def fill_up(connection, acknowledged):
    """Writes until the server refuses for good; what it says. What goes from memory into tables meanwhile may make room."""
    refused = False
    for i in range(2000):
        status, answer = call(connection, "POST", maps("full"), config_map(f"m{len(acknowledged)}", 200_000))
        if status == 201:
            acknowledged.append(f"m{len(acknowledged)}")
        elif refused:
            return status, answer
        else:
            time.sleep(3)
        refused = status != 201
    return status, "it never refused"


def full_disk():
    disk = f"{DIR}/disk"
    if not mount(disk, "160m"):
        print("left out: a full disk, for want of the right to mount")
        return
    try:
        on_full_disk(disk)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def on_full_disk(disk):
    server = Server(f"{disk}/kcp")
    connect.root = server.root
    check("a server on a small disk starts", server.start())
    admin, acknowledged = connect(), []
    make_tenants(admin, "full")
    filler = pathlib.Path(f"{disk}/filler")
    filler.write_bytes(b"x" * (60 << 20))
    status, answer = fill_up(admin, acknowledged)
    check(f"after {len(acknowledged)} objects a write is refused with 507 and why",
          status == 507 and "is full" in str(answer) and "free some space" in str(answer), (status, answer))
    status, answer = call(admin, "GET", "/readyz")
    check("it is not ready, and says why", status == 500 and "[-]storage failed: the disk of" in str(answer), answer)
    check("lists go on", names(admin, "full") >= set(acknowledged))
    status, answer = call(admin, "GET", f"{maps('full')}?watch=true&timeoutSeconds=1")
    check("watches go on", status == 200, status)
    status, answer = call(admin, "DELETE", f"{maps('full')}/m0")
    check("deletes are refused too, not half done", status == 507 and call(admin, "GET", f"{maps('full')}/m0")[0] == 200)
    filler.unlink()
    check("it recovers by itself", eventually(lambda: call(admin, "GET", "/readyz")[0] == 200))
    status, answer = call(admin, "POST", maps("full"), config_map("later"))
    check("writes go on", status == 201, answer)
    filler.write_bytes(b"x" * (60 << 20))
    fill_up(admin, acknowledged)
    server.stop(signal.SIGKILL)
    filler.unlink()
    check("killed on the full disk, it starts again", server.start(), pathlib.Path(server.log).read_text())
    lost = set(acknowledged) - names(connect(), "full")
    check("with everything that was acknowledged", not lost, sorted(lost)[:5])
    server.stop()
    rest = shutil.disk_usage(disk).free
    filler.write_bytes(b"x" * max(0, rest - (16 << 20)))
    status, said = server.refusal()
    check("on a disk that is full it does not start, and says why", status == 1 and "the disk is full" in said, said)


def killed_server(name):
    """A root directory as kill -9 leaves it, and what was acknowledged in it."""
    server = Server(f"{DIR}/{name}")
    connect.root = server.root
    server.start()
    admin = connect()
    make_tenants(admin, "t")
    acknowledged = [f"m{i}" for i in range(200) if call(admin, "POST", maps("t"), config_map(f"m{i}"))[0] == 201]
    server.stop(signal.SIGKILL)
    return server, acknowledged


def largest(root, pattern):
    return max(pathlib.Path(f"{root}/data").glob(pattern), key=lambda path: path.stat().st_size)


def flipped(data, at, bits):
    changed = bytearray(data)
    changed[at] ^= bits
    return changed


def records_of(journal):
    """A journal without the zeros behind its last record (src/storage/journal_format.h)."""
    at, header = 20, 24
    while at + header <= len(journal) and any(journal[at:at + header]):
        at += header + int.from_bytes(journal[at + 4:at + 8], "big")
    return journal[:at]


def damaged_files():
    server, acknowledged = killed_server("damaged")
    log = largest(server.root, "*.journal")
    whole = log.read_bytes()
    sound = records_of(whole)
    check("the log has room ahead", len(whole) > len(sound), f"{len(whole)} of {len(sound)} bytes")

    log.write_bytes(flipped(sound, len(sound) // 2, 16))
    status, said = server.refusal()
    check("a bit flipped in the log: it does not start, and says what to do",
          status == 1 and "its log is corrupt" in said and "kcp restore" in said and said.count("\n") == 1, said)
    log.write_bytes(sound[:-20])
    status, said = server.refusal()
    check("an acknowledged write cut off: likewise", status == 1 and "was acknowledged" in said, said)
    log.write_bytes(flipped(sound, -5, 1))
    status, said = server.refusal()
    check("a bit flipped in the last write: likewise", status == 1 and "was acknowledged" in said, said)

    log.write_bytes(sound + sound[:20] + bytes(100_000))  # a write that power interrupted
    server.log = f"{DIR}/torn.log"
    check("a torn end of the log: it starts", server.start(), pathlib.Path(server.log).read_text())
    check("and tells", server.said("torn by a crash"))
    lost = set(acknowledged) - names(connect(), "t")
    check(f"all {len(acknowledged)} acknowledged objects are there", len(acknowledged) == 200 and not lost, sorted(lost)[:5])
    server.stop()

    table = largest(server.root, "*.sst")
    sound = table.read_bytes()
    table.write_bytes(flipped(sound, len(sound) // 3, 1))
    status, said = server.refusal()
    check("a bit flipped in a table: it does not start, and says what to do",
          status == 1 and "corrupt" in said and "kcp restore" in said, said)
    table.write_bytes(sound)
    check("with the sound one it does", server.start())
    server.stop()


def main():
    pathlib.Path(f"{DIR}/tokens").write_text('jane-token,jane,1,"team"\n')
    try:
        backup_and_restore()
        damaged_files()
        full_disk()
    finally:
        for server in servers:
            if server.process and server.process.poll() is None:
                server.process.kill()
        if os.environ.get("KEEP"):
            print(f"kept: {DIR}")
        else:
            shutil.rmtree(DIR, ignore_errors=True)
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
