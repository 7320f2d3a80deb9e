#!/usr/bin/env python3
"""Size budgets: header 400 lines, source 800, function 80, line 100 columns, module 60 files.

Files named in tools/lint/allow.txt ("path budget reason") are let through; that list may only shrink.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HARD = {".h": 400, ".cc": 800}
FUNCTION = 80
COLUMNS = 100


def allowed():
    path = ROOT / "tools/lint/allow.txt"
    if not path.exists():
        return set()
    rows = (line.split(maxsplit=2) for line in path.read_text().splitlines() if line and line[0] != "#")
    return {(row[0], row[1]) for row in rows}


def function_lengths(lines):
    """Start and length of each block that begins at column 0 or 2 with a signature and ends with } there."""
    start = indent = None
    for number, line in enumerate(lines, 1):
        if start is None:
            match = re.match(r"^( {0,4})[^\s#/}].*[)\w>] ?(const |noexcept |override |final )*\{$", line)
            opens_body = line.endswith((") {", "const {", "noexcept {", "override {", "final {", "> {"))
            if match and opens_body and "namespace" not in line and not line.lstrip().startswith(":") \
                    and not re.match(r"\s*(class|struct|enum|union|extern)\b", line) and "= {" not in line:
                start, indent = number, match.group(1)
        elif line.startswith(indent + "}"):
            yield start, number - start + 1
            start = None


def main():
    listed = subprocess.run(["git", "ls-files", "src", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    skip, findings, per_module = allowed(), [], {}
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix not in HARD or not path.exists():
            continue
        lines = path.read_text().splitlines()
        parts = name.split("/")
        if parts[0] == "src":
            per_module[parts[1]] = per_module.get(parts[1], 0) + 1
        test = name.endswith("_test.cc")
        if len(lines) > HARD[path.suffix] and not test and (name, "lines") not in skip:
            findings.append(f"{name}: {len(lines)} lines, at most {HARD[path.suffix]}")
        for number, line in enumerate(lines, 1):
            # The long strings of tests read better whole.
            if len(line) > COLUMNS and "http" not in line and not test and (name, "columns") not in skip:
                findings.append(f"{name}:{number}: {len(line)} columns, at most {COLUMNS}")
        if path.suffix == ".cc" and not test and (name, "function") not in skip:
            for start, length in function_lengths(lines):
                if length > FUNCTION:
                    findings.append(f"{name}:{start}: function of {length} lines, at most {FUNCTION}")
    for module, count in sorted(per_module.items()):
        if count > 120 and (f"src/{module}", "files") not in skip:
            findings.append(f"src/{module}: {count} files, at most 120 with tests; split it")
    for finding in findings:
        print("budgets:", finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
