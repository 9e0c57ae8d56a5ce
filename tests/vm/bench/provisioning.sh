# machine: 16-vfs
# What the tool takes for 16 functions, against the bare writes to sysfs of the same boot and as many
# starts of the program. Each is the best of several rounds; ours and theirs take turns.
. /guest/lib/check.sh

ROUNDS=7
DEVICE=/dev/$(controller_of "$PF")
NVMIGRATE_STATE_DIR=/run/bench
export NVMIGRATE_STATE_DIR
addresses() { for number in $(seq 16); do vf "$number"; done; }
write() { echo "$1" >"$2"; }

# The bare writes.
numvfs() {
  write 0 "$(pci "$PF")/sriov_drivers_autoprobe"
  write 16 "$(pci "$PF")/sriov_numvfs"
  VFS=$(addresses)
  for address in $VFS; do write 1 "$(pci "$address")/reset" & done
  wait
}
probe() {
  for address in $VFS; do
    write vfio-pci "$(pci "$address")/driver_override"
    write "$address" /sys/bus/pci/drivers_probe
  done
}
give_back() {
  write '' "$(pci "$1")/driver_override"
  write "$1" /sys/bus/pci/drivers/vfio-pci/unbind
}
in_turn() { for address in $VFS; do give_back "$address"; done; }
side_by_side() {
  for address in $VFS; do give_back "$address" & done
  wait
}
remove() {
  write 0 "$(pci "$PF")/sriov_numvfs"
  write 1 "$(pci "$PF")/sriov_drivers_autoprobe"
}
start() { nvmigrate --version >/dev/null; }

# quietly ARGUMENTS...: nvmigrate, which must succeed.
quietly() { nvmigrate -q "$@" >/dev/null || fail "nvmigrate $*"; }

# timed NAME COMMAND...: notes the milliseconds that it takes.
timed() {
  name=$1
  shift
  begin=$(cut -d ' ' -f 1 /proc/uptime)
  for command; do eval "$command"; done
  echo "$name $begin $(cut -d ' ' -f 1 /proc/uptime)" >>/tmp/times
}

modprobe vfio-pci
PROVISION="quietly provision $DEVICE --vfs 16 --vq 2 --vi 1"
for round in $(seq $ROUNDS); do
  timed provision_ours "$PROVISION"
  VFS=$(addresses)
  timed bind_ours "quietly bind $DEVICE all"
  timed unbind_ours "quietly unbind $DEVICE all"
  timed bind_bare start probe
  timed unbind_bare start in_turn
  probe
  timed together_bare start side_by_side
  quietly bind "$DEVICE" all
  timed deprovision_ours "quietly deprovision $DEVICE"

  timed provision_bare start numvfs
  probe
  timed deprovision_bare start remove
done

awk '
  { took = $3 - $2; if (!($1 in best) || took < best[$1]) best[$1] = took }
  function row(what, ours, bare, goal) {
    printf "%-36s%7.2f s%7.2f s%7.2f", what, ours, bare, ours / bare
    if (goal) printf "  at most %.1f  %s\n", goal, ours / bare <= goal ? "yes" : "no"
    else printf "\n"
  }
  END {
    printf "%-36s%9s%9s%7s  %s\n", "MEASURED", "OURS", "BARE", "RATIO", "GOAL         MET"
    row("provision, bind all", best["provision_ours"] + best["bind_ours"],
        best["provision_bare"] + best["bind_bare"], 1.2)
    row("provision", best["provision_ours"], best["provision_bare"])
    row("bind all", best["bind_ours"], best["bind_bare"])
    row("deprovision", best["deprovision_ours"], best["deprovision_bare"], 1.2)
    row("unbind all", best["unbind_ours"], best["unbind_bare"], 0.7)
    row("unbind all, bare side by side", best["together_bare"], best["unbind_bare"])
  }' /tmp/times
