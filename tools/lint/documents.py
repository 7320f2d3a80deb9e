#!/usr/bin/env python3
"""Documents tell the truth: every path they name exists, every module has a README and a row in
docs/architecture.md, and every *_test.cc lies in a module that builds it."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = re.compile(r"`((?:src|docs|apis|tools|test|examples|cmake)/[\w./*-]+)`")
LOCAL = re.compile(r"`([\w/]+\.(?:h|cc|md|sh|py))`")


def main():
    findings = []
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if not name.endswith(".md") or not (ROOT / name).exists():
            continue
        text = (ROOT / name).read_text()
        for match in PATH.finditer(text):
            if not list(ROOT.glob(match.group(1).rstrip("/"))):
                findings.append(f"{name}: names {match.group(1)}, which does not exist")
        if name.startswith("src/") and name.count("/") == 2:
            for match in LOCAL.finditer(text):
                places = [(ROOT / name).parent / match.group(1), ROOT / "src" / match.group(1)]
                if not any(place.exists() for place in places):
                    findings.append(f"{name}: names {match.group(1)}, which does not exist")
    table = (ROOT / "docs/architecture.md").read_text() if (ROOT / "docs/architecture.md").exists() else ""
    for path in sorted((ROOT / "src").glob("*/CMakeLists.txt")):
        module = path.parent.name
        if not (path.parent / "README.md").exists():
            findings.append(f"src/{module}: has no README.md")
        if table and f"`{module}`" not in table:
            findings.append(f"docs/architecture.md: has no row for the module {module}")
    for finding in findings:
        print("documents:", finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
