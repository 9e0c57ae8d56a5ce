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

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
log=$folder/apt.log
# Without its own files apt would ask for root.
options=(-o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User="$(id -un)"
  -o Acquire::Languages=none -o Acquire::Retries=2)
lists=()

fail() {
  printf 'vm: %s\n' "$*" >&2
  tail -n 5 "$log" >&2
  exit 1
}

skip() {
  printf '%s\n' "$*" >"$folder/missing"
  echo "there is no newer kernel to test: $*"
  exit 77
}

# apt get|cache ARGUMENTS...: with these options and lists.
apt() {
  local tool=$1
  shift
  "apt-$tool" "${options[@]}" "${lists[@]}" "$@" 2>>"$log"
}

# update NAME: takes package lists of the test's own for those of the system.
update() {
  mkdir -p "$folder/apt/$1/partial"
  lists+=(-o Dir::State::lists="$folder/apt/$1")
  apt get update >>"$log"
}

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

# What the sources of this host say of Debian's archive: its URI, and the file that names it.
archive() {
  # shellcheck disable=SC2016 # apt's own variables
  apt get indextargets --format '$(LABEL)|$(CREATED_BY)|$(REPO_URI)|$(SOURCESENTRY)' |
    sed -nE 's/^Debian\|Packages\|([^|]*)\|([^|]*):[0-9]+$/\1 \2/p' | head -n 1
}

keyring() {
  sed -nE 's/^ *Signed-By: *(\/[^ ]*).*/\1/Ip; s/^deb .*signed-by=(\/[^] ]*).*/\1/Ip' "$1" | head -n 1
}

# aim SUITE URI KEYRING: makes apt read that suite and nothing else.
aim() {
  cat >"$folder/apt/$1.sources" <<SOURCES
Types: deb
URIs: $2
Suites: $1
Components: main
Architectures: amd64
Targets: Packages
${3:+Signed-By: $3}
SOURCES
  lists=(-o Dir::Etc::sourcelist="$folder/apt/$1.sources" -o Dir::Etc::sourceparts=/dev/null)
}

fetch_own() {
  if [ -n "$(version)" ] && fetch; then return; fi
  update own || true
  fetch || fail "the kernel package $metapackage cannot be fetched (is there a network?)"
}

fetch_newer() {
  local own uri source keys suite found
  [ -n "$(archive)" ] || update own || true
  read -r uri source < <(archive) || skip "apt does not know Debian's archive (is there a network?)"
  own=$(version)
  keys=$(keyring "$source")
  for suite in "${later_suites[@]}"; do
    aim "$suite" "$uri" "$keys"
    if update "$suite" && found=$(version) && dpkg --compare-versions "$found" gt "$own" && fetch; then
      return
    fi
  done
  skip "none of ${later_suites[*]} has one that can be fetched; see $log"
}

rm -f "$folder/missing"
if [ ! -d "$folder/kernel" ]; then
  mkdir -p "$folder/apt"
  : >"$log"
  "fetch_$which"
  rm -rf "$folder/apt"
fi
echo "vm: kernel $(ls "$folder/kernel/lib/modules")"
