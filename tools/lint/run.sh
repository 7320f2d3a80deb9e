#!/usr/bin/env bash
# All lints, each with its findings. Exits non-zero if any finds something.
set -u
cd "$(dirname "$0")/../.."
status=0
python3 tools/lint/layers.py || status=1
python3 tools/lint/budgets.py || status=1
python3 tools/lint/documents.py || status=1
files=$(git ls-files 'src/*.h' 'src/*.cc' 'test/*.h' 'test/*.cc')
if [ -n "$files" ] && ! clang-format-19 --dry-run --Werror $files >/tmp/format.$$ 2>&1; then
  echo "format: these files differ from .clang-format (run clang-format-19 -i):"
  sed -n 's/^\([^:]*\):[0-9].*/  \1/p' /tmp/format.$$ | sort -u
  status=1
fi
rm -f /tmp/format.$$
[ $status -eq 0 ] && echo "lint: clean"
exit $status
