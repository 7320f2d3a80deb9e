#!/usr/bin/env python3
"""A client of one host that never rests, for tests: asks DNS, connects over TLS, verifies, reads.

traffic.py HOST DNS_PORT CA_FILE HTTPS_PORT KEEP FILE
Keeps an answer of DNS for KEEP times its TTL (0: asks each time). Writes a line per request to FILE: the
time, the address, and the cluster that answered, or "failed" and why. Ends on SIGTERM.
"""
import http.client
import json
import random
import socket
import ssl
import struct
import sys
import time


def question(host):
    name = b"".join(bytes([len(part)]) + part.encode() for part in host.split("."))
    number = random.randrange(65536)
    return number, struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack(">2H", 1, 1)


def skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def ask(host, port, attempts=3):
    """(rcode, ttl, addresses) of the host; raises OSError if nobody answers."""
    for attempt in range(attempts):
        number, text = question(host)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            try:
                s.connect(("127.0.0.1", port))
                s.send(text)
                answer = s.recv(4096)
            except OSError:
                if attempt + 1 == attempts:
                    raise
                continue
        got, flags, _, count = struct.unpack(">4H", answer[:8])
        assert got == number, "an answer to another question"
        at, ttl, found = skip_name(answer, 12) + 4, 86400, []
        for _ in range(count):
            at = skip_name(answer, at)
            kind, _, its_ttl, size = struct.unpack(">2HIH", answer[at:at + 10])
            if kind == 1:
                found.append(socket.inet_ntoa(answer[at + 10:at + 14]))
                ttl = min(ttl, its_ttl)
            at += 10 + size
        return flags & 15, ttl, sorted(found)


def fetch(context, host, address, port):
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=5)
    raw = socket.create_connection((address, port), timeout=5)
    connection.sock = context.wrap_socket(raw, server_hostname=host)
    try:
        connection.request("GET", "/", headers={"Host": f"{host}:{port}"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise ValueError(f"status {response.status} {body[:80]!r}")
        return json.loads(body)["cluster"]
    finally:
        connection.close()


def main():
    host, dns_port, ca, port, keep, path = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    known, until = [], 0.0
    with open(path, "a", buffering=1) as out:
        while True:
            address = "-"
            try:
                if time.monotonic() >= until or not known:
                    asked = time.monotonic()
                    rcode, ttl, known = ask(host, int(dns_port))
                    if rcode or not known:
                        raise ValueError(f"DNS says {rcode} {known}")
                    until = asked + float(keep) * ttl
                address = random.choice(known)
                line = fetch(context, host, address, int(port))
            except (OSError, ValueError, http.client.HTTPException) as error:
                line = f"failed {type(error).__name__} {error}"
            print(f"{time.time():.2f} {address} {line}", file=out)
            time.sleep(0.05)


if __name__ == "__main__":
    main()
