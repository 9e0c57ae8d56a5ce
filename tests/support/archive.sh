# Sourced with `folder`: packages of Debian's other releases, fetched into that folder. Nothing is
# installed, root is not needed, and apt's own files are only read.

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
log=$folder/apt.log
# Without its own files apt would ask for root.
options=(-o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User="$(id -un)"
  -o Acquire::Languages=none -o Acquire::Retries=2)
lists=()

fail() {
  printf '%s\n' "$*" >&2
  tail -n 5 "$log" >&2
  exit 1
}

# skip WHY: ends with 77; FOLDER/missing says why.
skip() {
  printf '%s\n' "$*" | tee "$folder/missing"
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

# What the sources of this host say of Debian's archive: its URI, and the file that names it.
archive() {
  # shellcheck disable=SC2016 # apt's own variables
  apt get indextargets --format '$(LABEL)|$(CREATED_BY)|$(REPO_URI)|$(SOURCESENTRY)' |
    sed -nE 's/^Debian\|Packages\|([^|]*)\|([^|]*):[0-9]+$/\1 \2/p' | head -n 1
}

keyring() {
  sed -nE 's/^ *Signed-By: *(\/[^ ]*).*/\1/Ip; s/^deb .*signed-by=(\/[^] ]*).*/\1/Ip' "$1" | head -n 1
}

# aim SUITES URI KEYRING: makes apt read these suites and nothing else. Fails when it cannot be had.
aim() {
  local name=${1// /-}
  cat >"$folder/apt/$name.sources" <<SOURCES
Types: deb
URIs: $2
Suites: $1
Components: main
Architectures: amd64
Targets: Packages
${3:+Signed-By: $3}
SOURCES
  lists=(-o Dir::Etc::sourcelist="$folder/apt/$name.sources" -o Dir::Etc::sourceparts=/dev/null)
  update "$name"
}

# from_later WHAT COMMAND SUITES...: aims at one after the other until the command, called with them, succeeds.
# Skips where there is no newer WHAT.
from_later() {
  local what=$1 command=$2 uri source keys suite
  shift 2
  [ -n "$(archive)" ] || update own || true
  read -r uri source < <(archive) ||
    skip "there is no newer $what to test: apt does not know Debian's archive (is there a network?)"
  keys=$(keyring "$source")
  for suite in "$@"; do
    if aim "$suite" "$uri" "$keys" && "$command" "$suite"; then return; fi
  done
  skip "there is no newer $what to test: none of $* has one that can be fetched; see $log"
}
