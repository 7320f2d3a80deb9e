"""Clients and watchers that note all they see, for consistency.py. Each is a thread with a connection of its own,
which it makes anew, perhaps to another server, when it breaks."""
import http.client
import itertools
import json
import math
import random
import ssl
import threading
import time
import traceback

import revisions
from linearizability import FAILED, OK, UNKNOWN, Operation

COLORS = ("red", "green")
SHORT = "short-"  # how the names of namespaces begin that come and go
CLIENT_PATIENCE, WATCH_PATIENCE = 5, 30  # seconds without an answer
BROKEN = (OSError, http.client.HTTPException, ValueError)
GROUPS = {"configmaps": ("api/v1", "v1", "ConfigMap"), "secrets": ("api/v1", "v1", "Secret"),
          "registers": ("apis/check.example.org/v1", "check.example.org/v1", "Register")}
connections = itertools.count(1)


class Server:
    """Where a kcp server is and how to be its administrator."""

    def __init__(self, name, port, pki):
        self.name, self.port, self.pki, self.context = name, port, pki, None

    def connect(self, patience=CLIENT_PATIENCE):
        context = self.context
        if context is None:
            context = ssl.create_default_context(cafile=f"{self.pki}/ca.crt")
            context.load_cert_chain(f"{self.pki}/admin.crt", f"{self.pki}/admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=patience)
        connection.connect()
        self.context = context  # not before: until servers on one store agree, the files may change
        connection.number = next(connections)
        return connection

    def call(self, method, path, body=None, connection=None, content="application/json"):
        """Status and answer."""
        own = connection or self.connect()
        try:
            own.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": content})
            response = own.getresponse()
            return response.status, json.loads(response.read())
        finally:
            if not connection:
                own.close()

    def is_ready(self):
        connection = self.connect()
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()


def path_of(key):
    kind, cluster, namespace, name = key
    return f"{collection(revisions.Scope(kind, cluster, namespace))}/{name}"


def collection(scope):
    namespace = f"/namespaces/{scope.namespace}" if scope.namespace else ""
    return f"/clusters/{scope.cluster or '*'}/{GROUPS[scope.kind][0]}{namespace}/{scope.kind}"


def selector(scope):
    return f"&labelSelector=color%3D{scope.color}" if scope.color else ""


class Client(threading.Thread):
    """Does one operation after another; `history` holds them."""

    def __init__(self, number, seed, servers, registers, scopes, stopping):
        super().__init__(name=f"c{number}", daemon=True)
        self.random = random.Random(f"{seed}-{number}")
        self.servers, self.at = servers, number
        self.registers, self.scopes, self.stopping = registers, scopes, stopping
        self.connection, self.server = None, None
        self.history, self.known, self.problems = [], {}, []
        self.written = 0

    def run(self):
        while not self.stopping.is_set() and not self.problems:
            try:
                self.one()
            except BROKEN:  # not connected, so that nothing was asked
                self.at += 1
                time.sleep(0.05)
            except Exception:  # an answer without what it must have
                self.problems.append(traceback.format_exc())

    # One request. What comes back is noted whatever it is.

    def call(self, method, path, body=None, content="application/json"):
        try:
            return self.server.call(method, path, body, self.connection, content)
        except BROKEN:
            self.disconnect()
            return 0, None

    def disconnect(self):
        if self.connection:
            self.connection.close()
        self.connection, self.at = None, self.at + 1

    def begin(self, verb, key, **rest):
        if self.connection is None:
            self.server = self.servers[self.at % len(self.servers)]
            self.connection = self.server.connect()
        operation = Operation(verb, key, 0.0, client=self.name, connection=self.connection.number,
                              server=self.server.name, **rest)
        operation.invoked = time.monotonic()
        return operation

    def end(self, operation, status, answer):
        operation.answered = time.monotonic()
        if status in (200, 201):
            operation.outcome = OK
        elif status in (400, 401, 403, 404, 405, 409, 410, 415, 422, 429):
            operation.outcome, operation.reason = FAILED, answer.get("reason", "")
        else:
            operation.outcome, operation.answered = UNKNOWN, math.inf
        if status not in (0, 200, 201, 404, 409, 410, 429, 503, 504):
            self.problems.append(f"an answer that should not be: {status} {answer}\n  {operation.text()}")
        self.history.append(operation)
        if operation.outcome == UNKNOWN:
            time.sleep(0.1)

    def note_object(self, operation, answer):
        if operation.outcome == OK:
            operation.revision, operation.uid = revisions.revision_of(answer), answer["metadata"]["uid"]
            operation.seen, operation.body = revisions.value_of(answer), answer
            self.known[operation.key] = answer
        elif operation.reason == "NotFound":
            self.known.pop(operation.key, None)

    # What clients do.

    def one(self):
        key = self.random.choice(self.registers)
        acts = ((self.get, 8), (self.old_get, 2), (self.create, 5), (self.update, 7), (self.patch, 4),
                (self.delete, 3), (self.list, 2))
        act = self.random.choices([one for one, _ in acts], [weight for _, weight in acts])[0]
        if self.random.random() < 0.004:
            return self.namespace_comes_and_goes(self.random.choice(self.registers)[1])
        if act == self.list:
            return act(self.random.choice(self.scopes))
        if act == self.update and self.random.random() < 0.7:
            self.get(key)  # for a base that is fresh
        return act(key)

    def token(self):
        self.written += 1
        return f"{self.name}-{self.written}"

    def get(self, key):
        operation = self.begin("get", key)
        status, answer = self.call("GET", path_of(key))
        self.end(operation, status, answer)
        self.note_object(operation, answer)

    def old_get(self, key):
        operation = self.begin("old get", key)
        status, answer = self.call("GET", path_of(key) + "?resourceVersion=0")
        self.end(operation, status, answer)
        if operation.outcome == OK:
            operation.revision, operation.body = revisions.revision_of(answer), answer

    def create(self, key, color=None):
        value = (self.token(), "", color or self.random.choice(COLORS))
        operation = self.begin("create", key, value=value)
        _, version, kind = GROUPS[key[0]]
        body = {"apiVersion": version, "kind": kind,
                "metadata": {"name": key[3], "annotations": {"a": value[0]}, "labels": {"color": value[2]}}}
        status, answer = self.call("POST", path_of(key).rsplit("/", 1)[0], body)
        self.end(operation, status, answer)
        if operation.reason == "NotFound":  # of the namespace
            operation.reason = "NamespaceNotFound"
        self.note_object(operation, answer)
        return operation

    def update(self, key):
        present = self.known.get(key)
        if not present:
            return
        body = json.loads(json.dumps(present))
        body["metadata"]["annotations"]["a"] = self.token()
        body["metadata"]["labels"]["color"] = self.random.choice(COLORS)
        operation = self.begin("update", key, value=revisions.value_of(body), base=revisions.revision_of(present),
                               base_uid=present["metadata"]["uid"])
        status, answer = self.call("PUT", path_of(key), body)
        self.end(operation, status, answer)
        self.note_object(operation, answer)

    def patch(self, key):
        color = self.random.choice([None, *COLORS])
        token = self.token()
        metadata = {"annotations": {"b": token}, **({"labels": {"color": color}} if color else {})}
        operation = self.begin("patch", key, value=(None, token, color))
        status, answer = self.call("PATCH", path_of(key), {"metadata": metadata},
                                   content="application/merge-patch+json")
        self.end(operation, status, answer)
        self.note_object(operation, answer)

    def delete(self, key):
        present, condition = self.known.get(key), {}
        which = self.random.choice(("", "uid", "resourceVersion"))
        if present and which:
            condition = {which: present["metadata"][which]}
        operation = self.begin("delete", key, base=int(condition.get("resourceVersion", 0)),
                               base_uid=condition.get("uid", ""))
        status, answer = self.call("DELETE", path_of(key), {"preconditions": condition} if condition else None)
        self.end(operation, status, answer)
        if operation.outcome == OK:
            self.known.pop(key, None)

    def list(self, scope):
        old = self.random.random() < 0.2
        operation = self.begin("old list" if old else "list", scope)
        query = f"?{'resourceVersion=0' if old else ''}{selector(scope)}"
        paged = scope.cluster and not old and self.random.random() < 0.4
        status, answer = self.call("GET", collection(scope) + query + ("&limit=2" if paged else ""))
        items = answer["items"] if status == 200 else []
        while status == 200 and answer["metadata"].get("continue"):
            more = f"&limit=2&continue={answer['metadata']['continue']}"
            status, answer = self.call("GET", collection(scope) + query + more)
            items += answer["items"] if status == 200 else []
        self.end(operation, status, answer)
        if operation.outcome == OK:
            operation.revision, operation.body = int(answer["metadata"]["resourceVersion"]), items

    def namespace_comes_and_goes(self, cluster):
        """Its content goes in few transactions of many deletions."""
        self.written += 1
        name = f"{SHORT}{self.name}-{self.written}"
        path = f"/clusters/{cluster}/api/v1/namespaces"
        self.begin("none", name)  # only to be connected
        if self.call("POST", path, {"metadata": {"name": name}})[0] != 201:
            return
        for i in range(self.random.randrange(2, 12)):
            if not self.connection:
                break
            self.create((self.random.choice(("configmaps", "secrets")), cluster, name, f"m{i}"))
        if self.connection:
            self.call("DELETE", f"{path}/{name}")


class Watcher(threading.Thread):
    """Lists, then watches from there; goes on behind what it saw last when the watch ends."""

    def __init__(self, name, seed, servers, scope, streaming=False):
        super().__init__(name=name, daemon=True)
        self.random = random.Random(f"{seed}-{name}")
        self.servers, self.scope, self.streaming = servers, scope, streaming
        self.segments, self.resumed, self.expired, self.problems = [], 0, 0, []
        self.seen = 0  # the last revision of the present segment
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set() and not self.problems:
            try:
                server = self.random.choice(self.servers)
                if self.seen:
                    self.follow(server)
                elif self.streaming:
                    self.list_by_watch(server)
                else:
                    self.list(server)
            except BROKEN:  # goes on from the last event that came
                pass
            except Exception:  # an event without what it must have
                self.problems.append(traceback.format_exc())
            self.stopping.wait(0.05)

    def begin(self, revision, items):
        self.segments.append(revisions.Segment(self.scope, self.name, revision, items))
        self.seen = revision

    def list(self, server):
        connection = server.connect(WATCH_PATIENCE)
        try:
            status, answer = server.call("GET", f"{collection(self.scope)}?{selector(self.scope)}",
                                         connection=connection)
            if status == 200:
                self.begin(int(answer["metadata"]["resourceVersion"]), answer["items"])
        finally:
            connection.close()

    def list_by_watch(self, server):
        """What is present comes first, and a bookmark at its end."""
        items = []
        for event in self.events(server, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"):
            if event["type"] == "ADDED" and not self.seen:
                items.append(event["object"])
            elif event["type"] == "BOOKMARK" and not self.seen:
                self.begin(revisions.revision_of(event["object"]), items)
            else:
                self.take(event, server)

    def follow(self, server):
        self.resumed += 1
        for event in self.events(server, f"&resourceVersion={self.seen}"):
            self.take(event, server)
            if not self.seen or self.breaks_off(event):
                break

    def breaks_off(self, event):
        """Now and then among the deletions of one transaction."""
        namespace = event["object"]["metadata"].get("namespace", "")
        return event["type"] == "DELETED" and namespace.startswith(SHORT) and self.random.random() < 0.2

    def events(self, server, query):
        connection = server.connect(WATCH_PATIENCE)
        try:
            connection.request("GET", f"{collection(self.scope)}?watch=1&allowWatchBookmarks=true&timeoutSeconds="
                                      f"{self.random.randrange(1, 6)}{query}{selector(self.scope)}")
            response = connection.getresponse()
            if response.status == 410:
                self.begin_again()
            for line in response if response.status == 200 else ():
                yield json.loads(line)
        finally:
            connection.close()

    def begin_again(self):
        self.seen, self.expired = 0, self.expired + 1

    def take(self, event, server):
        if event["type"] == "ERROR":
            if event["object"].get("code") == 410:
                self.begin_again()
            return
        if event["type"] != "BOOKMARK":
            self.segments[-1].events.append((event["type"], event["object"], server.name))
        self.seen = revisions.revision_of(event["object"])
