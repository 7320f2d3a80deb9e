#!/usr/bin/env python3
"""Holds the includes of src/ against the modules' declared DEPS and against their bands.

A module may include itself, modules that its CMakeLists.txt names in DEPS, and those must stand in
a lower band or earlier in the order of the root CMakeLists.txt. Features of band 4 include no other
feature unless docs/architecture.md's table says so (through DEPS).
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


def module_order():
    text = (ROOT / "CMakeLists.txt").read_text()
    body = re.search(r"foreach\(name IN ITEMS(.*?)\)", text, re.S).group(1)
    return body.split()


def declared_deps(module):
    path = SRC / module / "CMakeLists.txt"
    if not path.exists():
        return None
    match = re.search(r"^module\(\s*(\w+)(.*?)\)", path.read_text(), re.S | re.M)
    if not match:
        return set()
    words = match.group(2).split()
    deps, taking = set(), False
    for word in words:
        if word in ("DEPS", "LIBS", "TEST_LIBS", "TEST_DEPS"):
            taking = word in ("DEPS", "TEST_DEPS")
        elif taking:
            deps.add(word)
    return deps


def closure(module, deps):
    seen, queue = set(), [module]
    while queue:
        for dep in deps.get(queue.pop()) or ():
            if dep not in seen:
                seen.add(dep)
                queue.append(dep)
    return seen


def main():
    order = module_order()
    rank = {name: i for i, name in enumerate(order)}
    deps = {name: declared_deps(name) for name in order}
    findings = []
    for path in sorted(SRC.glob("*/CMakeLists.txt")):
        if path.parent.name not in rank:
            findings.append(f"{path.parent.name}: not in the module list of CMakeLists.txt")
    for module in order:
        if deps[module] is None:
            continue
        for dep in sorted(deps[module]):
            if dep not in rank:
                findings.append(f"src/{module}/CMakeLists.txt: unknown module {dep}")
            elif rank[dep] >= rank[module]:
                findings.append(f"src/{module}: depends on {dep}, which comes later in the order of bands")
        allowed = closure(module, deps) | {module}
        for path in sorted((SRC / module).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = re.match(r'#include "([a-z_0-9]+)/', line)
                if match and match.group(1) in rank and match.group(1) not in allowed:
                    where = path.relative_to(ROOT)
                    findings.append(f"{where}:{number}: {module} does not declare {match.group(1)} in DEPS")
    for finding in findings:
        print("layers:", finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
