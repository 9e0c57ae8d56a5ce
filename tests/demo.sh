#!/usr/bin/env bash
# demo.sh [--installed]: shows what the tool does, without hardware and without root. Builds it in
# build-demo/, unless it is to take the one that is installed, and moves a running guest from one
# simulated host to another. Every command is printed before it runs, and must end as the demo says
# it does; everything it leaves behind is removed again.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh

say() { printf '\n# %s\n' "$*"; }

build() {
  say 'Build'
  need_packages "${build_packages[@]}"
  mkdir -p build-demo
  if ! { cmake --preset release -B build-demo && cmake --build build-demo -j "$(nproc)"; } \
    >build-demo/demo.log 2>&1; then
    tail -n 40 build-demo/demo.log
    exit 1
  fi
  tool=$PWD/build-demo/bin/nvmigrate
}

case ${1-} in
  --installed) tool=$(command -v nvmigrate) ;;
  '') build ;;
  *)
    echo 'usage: demo.sh [--installed]' >&2
    exit 2
    ;;
esac
"$tool" --version

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export NVMIGRATE_SIM_DIR=$scratch/subsystems NVMIGRATE_CONFIG_DIR=$scratch/config NO_COLOR=1

# Each host remembers for itself; the simulated subsystems are in one place, so that the guest can
# be compared on both sides.
nvmigrate() {
  NVMIGRATE_STATE_DIR=$scratch/$host/state NVMIGRATE_RUN_DIR=$scratch/$host/run "$tool" "$@"
}

shown() {
  printf '\n%s$ nvmigrate' "$host"
  printf ' %q' "$@"
  echo
}

on() {
  host=$1
  shift
  shown "$@"
  nvmigrate "$@" 2>&1
}

# refused_on HOST STATUS COMMAND...: the command must end with this exit status.
refused_on() {
  local expected=$2 status=0
  host=$1
  shift 2
  shown "$@"
  nvmigrate "$@" 2>&1 || status=$?
  echo "(exit status $status)"
  [ "$status" -eq "$expected" ]
}

say 'Two hosts, each with a simulated NVMe subsystem'
on left sim create alpha --vfs-total 4
on right sim create beta --vfs-total 4
on left list sim:alpha

say 'From a bare controlling function to a function a VM can have'
on left provision sim:alpha --vfs 2 --dry-run
on left provision sim:alpha --vfs 2
on left bind sim:alpha vf1
on left mark sim:alpha vf1
on left handle sim:alpha vf1
on left handle sim:alpha vf1 --format qemu

say 'The same on the other host, where a VMM waits with an empty guest'
on right provision sim:beta --vfs 2
on right bind sim:beta vf1
on right mark sim:beta vf1
on right sim guest start sim:beta vf1 --empty

say 'A guest runs on the left, its queues move'
on left sim guest start sim:alpha vf1
on left sim guest status sim:alpha vf1

say 'What would break a host is refused before anything is sent'
refused_on left 4 suspend sim:alpha 0

say 'Its state goes to a file; the function stays suspended'
on left export sim:alpha vf1 -f guest.nvmstate
on left inspect guest.nvmstate

say 'A damaged file is found before the destination hears of it'
cp guest.nvmstate damaged.nvmstate
printf '\377\377\377\377' | dd of=damaged.nvmstate bs=1 seek=20000 conv=notrunc status=none
refused_on right 8 import sim:beta vf1 -f damaged.nvmstate

say 'The whole file is loaded on the right, and the guest goes on where it stopped'
on right import sim:beta vf1 -f guest.nvmstate --check-only
on right import sim:beta vf1 -f guest.nvmstate
on right resume sim:beta vf1
on right sim guest status sim:beta vf1 --continues-from sim:alpha vf1
on right list sim:beta

say 'The left knows that the state was handed over, and does not resume its function by itself'
on left list sim:alpha
refused_on left 4 resume sim:alpha vf1

say 'The state was taken, so the function is released; once its VM has ended, it is given back'
on left release sim:alpha vf1
on left sim guest stop sim:alpha vf1
on left unbind sim:alpha vf1
on left deprovision sim:alpha
on left list sim:alpha

say 'Back again, by a transfer: a stand-in for ssh runs the tool of the left host'
cat >ssh-to-left <<EOF
#!/bin/sh
# Called as ssh is: -- HOST COMMAND
NVMIGRATE_STATE_DIR=$scratch/left/state NVMIGRATE_RUN_DIR=$scratch/left/run exec sh -c "\$3"
EOF
chmod +x ssh-to-left
on left provision sim:alpha --vfs 2
on left mark sim:alpha vf1
on left bind sim:alpha vf1
on left sim guest start sim:alpha vf1 --empty
on right transfer sim:beta vf1 ssh://root@left/sim:alpha vf1 \
  --ssh-command "$scratch/ssh-to-left" --remote-program "$tool"
on left sim guest status sim:alpha vf1 --continues-from sim:beta vf1
on right list sim:beta
on right sim guest stop sim:beta vf1
on right unbind sim:beta vf1
on right deprovision sim:beta

say 'Done: the guest was moved twice, and no queue entry was lost or done twice'
