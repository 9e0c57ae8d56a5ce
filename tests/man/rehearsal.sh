#!/usr/bin/env bash
# rehearsal.sh BINARY PAGE [SECTION]: do the commands of a manual page run as they stand there, one
# after the other? Those of one section if it is given.
set -euo pipefail

binary=$(realpath "$1") page=$(realpath "$2") section=${3:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export NVMIGRATE_STATE_DIR=$scratch/state NVMIGRATE_RUN_DIR=$scratch/run NVMIGRATE_SIM_DIR=$scratch/sim
mkdir bin
ln -s "$binary" bin/nvmigrate

# What stands between .nf and .fi, as a reader pastes it.
awk -v section="$section" '
  /^\.S[HS] / { inside = section == "" || $0 == ".SH " section }
  /^\.nf/ { lines = inside }
  /^\.fi/ { lines = 0 }
  lines && /^\.B / { sub(/^\.B /, ""); gsub(/^"|"$/, ""); print }' "$page" |
  sed 's/\\-/-/g; s/\\e$/\\/; s/\\(aq/'\''/g' >commands
[ "$(grep -c nvmigrate commands)" -ge 5 ] || { echo "$page has no commands"; exit 1; }
PATH=$PWD/bin:$PATH bash -eu commands >output 2>&1 || { cat output; exit 1; }
[ -z "$(ls -A sim 2>/dev/null | grep json)" ] || [ -n "$section" ] || { echo 'left behind:'; ls sim; exit 1; }
