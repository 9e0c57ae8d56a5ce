#!/usr/bin/env bash
# format.sh CLANG_FORMAT [--fix]: are the tracked C++ files formatted as .clang-format says?
set -euo pipefail

tracked() { git -c safe.directory="$PWD" ls-files -z -- '*.cpp' '*.h'; }

if [ "${2:-}" = --fix ]; then
  tracked | xargs -0 -r "$1" --style=file -i
  exit 0
fi
if ! report=$(tracked | xargs -0 -r "$1" --style=file --dry-run -Werror 2>&1); then
  grep -o '^[^ ]*:[0-9]*:[0-9]*: ' <<<"$report" | cut -d: -f1 | sort | uniq -c || echo "$report"
  echo 'not formatted (places, file); the target `format` fixes them'
  exit 1
fi
