"""The servers that are compared, each fresh in a directory of its own on loopback, as its makers set it up: data is
synced before a write is acknowledged, TLS to the client, RBAC. A server says its address, its kubeconfig and its
processes; etcd is reached without TLS by both who use it. The client shows a token, not a certificate: kube-apiserver
verifies a certificate again for each request, which would make a get twice as dear.
"""
import http.client
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

READY_SECONDS = 120
HOST = "127.0.0.1"


def free_port():
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


class Process:
    """A program with its log; ended when it is closed."""

    def __init__(self, directory, arguments):
        self.log_path = f"{directory}/{os.path.basename(arguments[0])}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=directory)
        self.pid = self.process.pid

    def await_answer(self, probe):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if probe():
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        with open(self.log_path, errors="replace") as log:
            raise RuntimeError(f"{self.log_path}: not ready:\n{log.read()[-2000:]}")

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def status_of(connection, path):
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


class Etcd:
    def __init__(self, program, directory):
        client, peer = (f"http://{HOST}:{free_port()}" for _ in range(2))
        self.url = client
        self.process = Process(directory, [
            program, "--name", "one", "--data-dir", f"{directory}/etcd", "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"one={peer}", "--log-level", "warn"])
        port = int(client.rsplit(":", 1)[1])
        self.process.await_answer(lambda: status_of(http.client.HTTPConnection(HOST, port), "/health") == 200)


class Server:
    """One API server, with its etcd if it has one, ready. `ready_seconds` is without the etcd's start."""

    def __init__(self, programs, with_etcd):
        self.directory = tempfile.mkdtemp(prefix="compare-")
        self.etcd = self.process = None
        self.port = free_port()
        self.url = f"https://{HOST}:{self.port}"
        self.kubeconfig = f"{self.directory}/kubeconfig"
        write_credentials(self.directory, self.url)
        try:
            if with_etcd:
                self.etcd = Etcd(programs["etcd"], self.directory)
            arguments = self.prepare(programs)
            began = time.monotonic()
            self.process = Process(self.directory, arguments)
            self.process.await_answer(self.is_ready)
            self.ready_seconds = time.monotonic() - began
        except BaseException:
            self.close()
            raise

    def is_ready(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return status_of(http.client.HTTPSConnection(HOST, self.port, context=context), "/readyz") == 200

    def close(self):
        for one in (self.process, self.etcd and self.etcd.process):
            if one:
                one.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Kcp(Server):
    def prepare(self, programs):
        store = ["--etcd-servers", self.etcd.url] if self.etcd else []
        return [programs["kcp"], "start", "--root-directory", f"{self.directory}/root", "--secure-port",
                str(self.port), "--token-auth-file", f"{self.directory}/tokens.csv"] + store


class KubeApiserver(Server):
    def prepare(self, programs):
        make_certificates(self.directory)
        flags = {
            "etcd-servers": self.etcd.url, "bind-address": HOST, "advertise-address": HOST, "secure-port": self.port,
            "endpoint-reconciler-type": "none", "service-cluster-ip-range": "10.96.0.0/16",
            "authorization-mode": "Node,RBAC", "token-auth-file": "tokens.csv", "tls-cert-file": "server.crt",
            "tls-private-key-file": "server.key", "service-account-issuer": self.url,
            "service-account-key-file": "accounts.key", "service-account-signing-key-file": "accounts.key"}
        return [programs["kube-apiserver"]] + [f"--{name}={value}" for name, value in flags.items()]


def make_certificates(directory):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            "/CN=server", "-addext", f"subjectAltName=IP:{HOST}", "-keyout", "server.key", "-out", "server.crt")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "accounts.key")


def write_credentials(directory, url):
    """The administrator's token, for the server, and a kubeconfig with it, for the client."""
    token = secrets.token_hex(16)
    with open(f"{directory}/tokens.csv", "w") as file:
        file.write(f'{token},admin,admin,"system:masters"\n')
    with open(f"{directory}/kubeconfig", "w") as file:
        file.write(f"""apiVersion: v1
kind: Config
current-context: it
contexts: [{{name: it, context: {{cluster: it, user: admin}}}}]
clusters: [{{name: it, cluster: {{server: "{url}", insecure-skip-tls-verify: true}}}}]
users: [{{name: admin, user: {{token: {token}}}}}]
""")
