#!/usr/bin/env bash
# Checks everything, from nothing: packages, a g++ build, a clang build with sanitizers and fuzzers,
# and then one ctest run over both. On two cores this takes less than twenty minutes.
#
# Everything is built below build-check/, which may be removed at any time.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh

jobs=$(nproc)
step() { printf '\n[%4d s] %s\n' "$SECONDS" "$*"; }

launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# build PRESET SHARED TARGETS...: configures, with a shared library if ON, and builds, and shows the
# log only when something is wrong.
build() {
  local preset=$1 shared=$2 log
  shift 2
  mkdir -p build-check
  log=build-check/$preset.log
  if ! { cmake --preset "$preset" --fresh "${launcher[@]}" -DBUILD_SHARED_LIBS="$shared" &&
    cmake --build --preset "$preset" -j "$jobs" --target "$@"; } >"$log" 2>&1; then
    grep -E -m 40 -A4 'error:|CMake Error|undefined reference' "$log" || tail -n 40 "$log"
    echo "  the whole log: $log"
    exit 1
  fi
  echo "  $(grep -c '^\[' "$log" || true) steps, log in $log"
}

step "packages"
need_packages "${build_packages[@]}" "${check_packages[@]}"

# The objects are the same with a shared and a static library, so that the first costs but links.
step "g++ build with warnings as errors, with a shared library, installed in build-check/shared"
build check ON nvmigrate libnvmigrate
rm -rf build-check/shared
cmake --install build-check/main --prefix build-check/shared >/dev/null

step "g++ build with warnings as errors, in build-check/main"
build check OFF all

step "clang build with AddressSanitizer, UBSan and fuzzers, in build-check/sanitized"
build sanitized OFF all

step "tests"
ctest --preset check -j "$jobs"

step "all checks passed"
