#!/usr/bin/env bash
# newer.sh FOLDER newer|experimental PACKAGE...: unpacks packages of the newest of Debian's later releases, or of
# experimental, below FOLDER/root with everything that they need, once; FOLDER/versions names them. Programs
# that use them run with the loader that is there.
#
# Ends with 77 when they cannot be had; FOLDER/missing says why.
set -euo pipefail

folder=$1
which=$2
shift 2
wanted=("$@")
# The symbolic names of the archive stay right when releases change.
later_suites=(unstable testing stable)
[ "$which" = newer ] || later_suites=("experimental unstable")

# shellcheck source=tests/support/archive.sh
. "$(dirname "$0")/archive.sh"

fetch() {
  local package release=${1%% *}
  rm -rf "$folder/fetched" "$folder/apt/cache/archives"
  mkdir -p "$folder/fetched/usr/lib/x86_64-linux-gnu" "$folder/apt/cache/archives/partial"
  ln -s usr/lib usr/bin usr/sbin usr/lib64 "$folder/fetched/"
  # To apt nothing is installed, so it fetches the libraries as well.
  : >"$folder/apt/status"
  apt get -o Dir::State::status="$folder/apt/status" -o Debug::NoLocking=true --no-install-recommends \
    --download-only --yes --target-release "$release" install "${wanted[@]}" >>"$log" || return 1
  for package in "$folder"/apt/cache/archives/*.deb; do
    dpkg -x "$package" "$folder/fetched" || return 1
  done
  (cd "$folder/apt/cache/archives" && for package in "${wanted[@]}"; do ls "$package"_*.deb; done) \
    >"$folder/versions"
  mv "$folder/fetched" "$folder/root"
}

rm -f "$folder/missing"
if [ ! -d "$folder/root" ]; then
  mkdir -p "$folder/apt"
  : >"$log"
  from_later "${wanted[*]}" fetch "${later_suites[@]}"
  rm -rf "$folder/apt"
fi
cat "$folder/versions"
