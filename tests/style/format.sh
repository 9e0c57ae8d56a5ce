#!/usr/bin/env bash
# format.sh CLANG_FORMAT [--fix]: are the tracked C++ files formatted as .clang-format says?
set -euo pipefail

how=(--dry-run -Werror)
[ "${2:-}" != --fix ] || how=(-i)
git -c safe.directory="$PWD" ls-files -z -- '*.cpp' '*.h' | xargs -0 -r "$1" --style=file "${how[@]}"
