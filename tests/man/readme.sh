#!/usr/bin/env bash
# readme.sh BINARY README: does the first example of the README run as it stands there, and does it
# end as the README says?
set -euo pipefail

binary=$(realpath "$1") readme=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export NVMIGRATE_STATE_DIR=$scratch/state NVMIGRATE_RUN_DIR=$scratch/run NVMIGRATE_SIM_DIR=$scratch/sim NVMIGRATE_CONFIG_DIR=$scratch/config
mkdir bin
ln -s "$binary" bin/nvmigrate

sed -n '/^```sh$/,/^```$/{/^```$/q; /^```/d; p}' "$readme" >example
[ "$(grep -c nvmigrate example)" -ge 5 ] || { echo "$readme does not begin with an example"; exit 1; }
PATH=$PWD/bin:$PATH bash -eu example >output 2>&1 || { cat output; exit 1; }
grep -qxF "$(tail -n 1 output)" "$readme" || { echo "$readme ends otherwise than:"; cat output; exit 1; }
