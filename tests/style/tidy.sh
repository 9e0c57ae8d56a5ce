#!/usr/bin/env bash
# tidy.sh RUN_CLANG_TIDY BUILD: clang-tidy over what is shipped. The rooms of the library and the
# plugins are looked at as the units that they are compiled as, which reads every system header once
# a room. Tests are left out: the macros of gtest make most of the noise.
set -euo pipefail

log=$2/tidy.log
"$1" -p "$2" -quiet -j "$(nproc)" -extra-arg=-Wno-unknown-warning-option \
  "^$2/(lib|plugins)/.*/Unity/|^$PWD/(lib|plugins|cli)/" >"$log" 2>&1 && exit 0
grep -E -A4 '(warning|error):' "$log" || tail -n 40 "$log"
exit 1
