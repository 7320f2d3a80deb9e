#!/usr/bin/env python3
"""Runs workloads of `kcp bench` on each of the servers in servers.py, in turn and each on a fresh one, and prints one
table of all figures that its directory of results holds. Started by kube_apiserver.sh, which finds the programs;
`compare.py --results DIR --table` prints the table alone.

Beside the workloads of kcp bench there is "idle": until ready, then memory and processor time of who does nothing.
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

import servers

SYSTEMS = {
    "kube-apiserver": lambda programs: servers.KubeApiserver(programs, with_etcd=True),
    "kcp on that etcd": lambda programs: servers.Kcp(programs, with_etcd=True),
    "kcp": lambda programs: servers.Kcp(programs, with_etcd=False),
}
WORKLOADS = ["idle", "writes.create-1", "writes.create-64", "writes.create-256", "writes.update-64",
             "writes.patch-64", "writes.apply-64", "reads.get-1", "reads.get-64", "lists.small", "watches.fan-out",
             "watches.idle", "crds.distinct"]
IDLE_SECONDS = 10
SETTLE_SECONDS = 5  # after a start there is work that is not of the workload


def memory_of(pid):
    """MiB resident."""
    with open(f"/proc/{pid}/smaps_rollup") as text:
        return sum(int(line.split()[1]) for line in text if line.startswith("Rss:")) / 1024


def cpu_seconds_of(pid):
    with open(f"/proc/{pid}/stat") as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(server):
    pids = [server.process.pid] + ([server.etcd.process.pid] if server.etcd else [])
    time.sleep(IDLE_SECONDS)
    before = [cpu_seconds_of(pid) for pid in pids]
    time.sleep(IDLE_SECONDS)
    used = [(cpu_seconds_of(pid) - then) / IDLE_SECONDS * 1000 for pid, then in zip(pids, before)]
    row = {"name": "idle", "extra": {"s until ready": server.ready_seconds}}
    for who, pid, milliseconds in zip(("", " of its store"), pids, used):
        row["extra"]["MiB resident" + who] = memory_of(pid)
        row["extra"]["ms CPU/s" + who] = milliseconds
    return {"rows": [row]}


def bench(server, kcp, workload, scale):
    out = f"{server.directory}/figures.json"
    command = [kcp, "bench", workload, "--against", server.url, "--kubeconfig", server.kubeconfig, "--server-pid",
               str(server.process.pid), "--scale", str(scale), "--json", out]
    if server.etcd:
        command += ["--store-pid", str(server.etcd.process.pid)]
    time.sleep(SETTLE_SECONDS)
    subprocess.run(command, check=True)
    with open(out) as figures:
        return json.load(figures)


def measure(options):
    programs = {"kube-apiserver": options.kube_apiserver, "etcd": options.etcd, "kcp": options.kcp}
    for workload in options.workloads or WORKLOADS:
        for _ in range(options.rounds):
            for system in options.systems:
                print(f"== {workload}: {system}", file=sys.stderr, flush=True)
                server = SYSTEMS[system](programs)
                try:
                    found = idle(server) if workload == "idle" else bench(server, options.kcp, workload, options.scale)
                finally:
                    server.close()
                folder = pathlib.Path(options.results, system)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{workload}.{time.time_ns()}.json").write_text(json.dumps(found))


def median(rows):
    """One row of several rounds: each figure's median."""
    merged = {"extra": {}}
    for name in ("rate", "p50Milliseconds", "p99Milliseconds", "serverCpuMicroseconds", "storeCpuMicroseconds"):
        values = [row[name] for row in rows if name in row]
        if values:
            merged[name] = statistics.median(values)
    for name in rows[0].get("extra", {}):
        merged["extra"][name] = statistics.median(row["extra"][name] for row in rows)
    return merged


def gathered(results):
    """{system: {name of a row: figures}}, rows in the order of the workloads."""
    order = {name: place for place, name in enumerate(WORKLOADS)}
    table = {}
    for system in SYSTEMS:
        rows = {}
        files = pathlib.Path(results, system).glob("*.json")
        for file in sorted(files, key=lambda one: (order.get(one.name.rsplit(".", 2)[0], len(order)), one.name)):
            for row in json.loads(file.read_text())["rows"]:
                rows.setdefault(row["name"], []).append(row)
        table[system] = {name: median(several) for name, several in rows.items()}
    return table


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def cell(row):
    if row is None:
        return "-"
    parts = []
    if "rate" in row:
        parts.append(f"{number(row['rate'])}/s")
    if "p50Milliseconds" in row:
        parts.append(f"{number(row['p50Milliseconds'])} / {number(row['p99Milliseconds'])} ms")
    if "serverCpuMicroseconds" in row:
        store = f" + {number(row['storeCpuMicroseconds'])}" if "storeCpuMicroseconds" in row else ""
        parts.append(f"{number(row['serverCpuMicroseconds'])}{store} us")
    parts += [f"{number(value)} {name}" for name, value in row["extra"].items() if name not in ("MB/s", "MiB grown")]
    return ", ".join(parts)


def cpu(row):
    return row["serverCpuMicroseconds"] + row.get("storeCpuMicroseconds", 0)


def ratios(theirs, ours):
    """What ours does in the time theirs needs, and the part of its processor time; both with the store's."""
    if not theirs or not ours or "rate" not in theirs or cpu(ours) == 0:
        return "-", "-"
    return f"{number(ours['rate'] / theirs['rate'])}x", f"1/{number(cpu(theirs) / cpu(ours))}"


def print_table(results):
    table = gathered(results)
    print("Per second, p50 / p99, processor time of the server (+ its etcd) for each operation.\n")
    print("| Workload | " + " | ".join(SYSTEMS) + " | rate, the same etcd | its CPU | rate, own store | its CPU |")
    print("|---" * (len(SYSTEMS) + 5) + "|")
    for name in dict.fromkeys(name for rows in table.values() for name in rows):
        rows = [table[system].get(name) for system in SYSTEMS]
        print("| " + " | ".join([name, *map(cell, rows), *ratios(rows[0], rows[1]), *ratios(rows[0], rows[2])]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    for program in ("--kube-apiserver", "--etcd", "--kcp"):
        parser.add_argument(program, type=os.path.abspath)
    parser.add_argument("--results", required=True)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    if not options.table:
        measure(options)
    print_table(options.results)


if __name__ == "__main__":
    main()
