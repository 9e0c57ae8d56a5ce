#!/usr/bin/env bash
# record.sh [--play] NVMIGRATE [SVG]: records with termtosvg, which Debian has, how a running guest
# moves between two simulated subsystems. --play only shows that, as fast as it can.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

play() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  mkdir "$scratch/bin"
  ln -s "$tool" "$scratch/bin/nvmigrate"
  cd "$scratch"
  export PATH=$scratch/bin:$PATH LC_ALL=C.UTF-8 TZ=UTC
  export NVMIGRATE_STATE_DIR=$scratch/state NVMIGRATE_RUN_DIR=$scratch/run
  export NVMIGRATE_SIM_DIR=$scratch/sim NVMIGRATE_CONFIG_DIR=$scratch/config
  ready >ready.log 2>&1
  scenes
}

ready() {
  nvmigrate sim create alpha --vfs-total 4
  nvmigrate sim create beta --vfs-total 4
  nvmigrate provision sim:beta --vfs 2
  nvmigrate bind sim:beta vf1
  nvmigrate mark sim:beta vf1
  nvmigrate sim guest start sim:beta vf1 --empty
}

scenes() {
  run nvmigrate provision sim:alpha --vfs 2
  run nvmigrate bind sim:alpha vf1
  run nvmigrate mark sim:alpha vf1
  nvmigrate sim guest start sim:alpha vf1 >>ready.log
  run nvmigrate list sim:alpha
  run nvmigrate export sim:alpha vf1 -f guest.nvmstate
  run nvmigrate import sim:beta vf1 -f guest.nvmstate --resume
  run nvmigrate list
  run nvmigrate resume sim:alpha vf1
  printf '# '
  wait_for 2
}

wait_for() { [ -z "$slowly" ] || sleep "$1"; }

run() {
  local line=$* place
  printf '# '
  wait_for 0.7
  for ((place = 0; place < ${#line}; place += 4)); do
    printf '%s' "${line:place:4}"
    wait_for 0.12
  done
  echo
  "$@" || true
  wait_for 2.2
}

record() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  # termtosvg stops where its standard input ends; a pipe that it could write to itself never ends.
  mkfifo "$scratch/stdin"
  TERM=xterm-256color termtosvg "$svg" -g 100x26 -t window_frame -D 4000 \
    -c "bash $here/record.sh --play-slowly $tool" <>"$scratch/stdin"
}

case ${1-} in
  --play) slowly='' tool=$(realpath "$2") && play ;;
  --play-slowly) slowly=yes tool=$(realpath "$2") && play ;;
  *)
    tool=$(realpath "$1") svg=$2
    if command -v termtosvg >/dev/null; then
      record
    else
      echo "record.sh: needs termtosvg (apt-get install termtosvg); $svg stays as it is"
    fi
    ;;
esac
