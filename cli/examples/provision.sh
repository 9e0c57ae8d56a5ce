#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# provision.sh DEVICE COUNT     from a bare controlling function to COUNT functions for VMs
# provision.sh --back DEVICE    and back
#
# Prints the handle of the functions as JSON. Both ways may be repeated: what is done already stays.
# Options that are not given here can be set in /etc/nvmigrate/nvmigrate.conf, such as the owner of
# the vfio nodes. Stops at the first refusal, whose reason and remedy are on standard error.
set -euo pipefail

# The ids of the functions that a document names and a filter selects: 1,2
ids() {
  jq -r "[$1 | .controller_id] | unique | map(tostring) | join(\",\")"
}

# Also the functions of a drive without live migration are good for VMs.
can_migrate() {
  nvmigrate list "$1" -o json | jq -e 'all(.devices[]; .live_migration)' >/dev/null
}

forth() {
  local device=$1 count=$2 made functions
  made=$(nvmigrate provision "$device" --vfs "$count" -o json)
  functions=$(ids '.functions[]' <<<"$made")
  if can_migrate "$device"; then nvmigrate mark "$device" "$functions" -o json >/dev/null; fi
  nvmigrate bind "$device" "$functions" -o json >/dev/null
  nvmigrate handle "$device" "$functions" -o json
}

back() {
  local device=$1 listed bound marked
  listed=$(nvmigrate list "$device" -o json)
  bound=$(ids '.devices[].functions[] | select(.binding)' <<<"$listed")
  marked=$(ids '.devices[].functions[] | select(.marked)' <<<"$listed")
  [ -z "$bound" ] || nvmigrate unbind "$device" "$bound" -o json >/dev/null
  [ -z "$marked" ] || nvmigrate unmark "$device" "$marked" -o json >/dev/null
  nvmigrate deprovision "$device" -o json
}

case ${1-} in
  --back)
    [ $# -eq 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
    back "$2"
    ;;
  *)
    [ $# -eq 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
    forth "$1" "$2"
    ;;
esac
