#!/usr/bin/env bash
# kernel.sh FOLDER own|newer: fetches a kernel of Debian into FOLDER/kernel, once: the one of this
# host's release ("own"), or the newest that a later release carries ("newer"). Nothing is installed,
# root is not needed, and apt's own files are only read.
#
# Ends with 77 when there is no newer kernel to be had; FOLDER/missing says why.
set -euo pipefail

folder=$1
which=$2
metapackage=linux-image-amd64
# The symbolic names of the archive stay right when releases change. Backports come from testing,
# where a kernel has to prove itself first; unstable has a new one every few days.
later_suites=(stable-backports stable)

# shellcheck source=tests/support/archive.sh
. "$(dirname "$0")/../support/archive.sh"

version() { apt cache show --no-all-versions $metapackage | sed -nE 's/^Version: //p'; }

# The packages that the metapackage means: one, or several that share its name after "linux-image-".
packages() {
  local image
  image=$(apt cache depends --important $metapackage |
    sed -nE 's/.*Depends: (linux-image-[0-9].*)$/\1/p' | head -n 1)
  [ -n "$image" ] || return 1
  echo "$image"
  apt cache depends --important "$image" | sed -nE 's/.*Depends: (linux-[a-z].*)$/\1/p' |
    grep -F -e "-${image#linux-image-}" || true
}

# fetch: leaves the kernel of the present lists in FOLDER/kernel.
fetch() {
  local names package
  mapfile -t names < <(packages)
  [ "${#names[@]}" -gt 0 ] || return 1
  rm -rf "$folder/fetched"
  # Packages of newer releases have all below /usr.
  mkdir -p "$folder/fetched/packages" "$folder/fetched/kernel/usr/lib" "$folder/apt/cache/archives/partial"
  ln -s usr/lib "$folder/fetched/kernel/lib"
  (cd "$folder/fetched/packages" && apt get download "${names[@]}") >>"$log" || return 1
  for package in "$folder"/fetched/packages/*.deb; do
    dpkg -x "$package" "$folder/fetched/kernel" || return 1
  done
  [ -d "$folder/fetched/kernel/lib/modules" ] || return 1
  mv "$folder/fetched/kernel" "$folder/kernel"
  rm -rf "$folder/fetched"
}

fetch_own() {
  if [ -n "$(version)" ] && fetch; then return; fi
  update own || true
  fetch || fail "vm: the kernel package $metapackage cannot be fetched (is there a network?)"
}

fetch_if_newer() {
  local found
  found=$(version) && dpkg --compare-versions "$found" gt "$own" && fetch
}

fetch_newer() {
  [ -n "$(version)" ] || update own || true
  own=$(version) || own=
  from_later kernel fetch_if_newer "${later_suites[@]}"
}

rm -f "$folder/missing"
if [ ! -d "$folder/kernel" ]; then
  mkdir -p "$folder/apt"
  : >"$log"
  "fetch_$which"
  rm -rf "$folder/apt"
fi
echo "vm: kernel $(ls "$folder/kernel/lib/modules")"
