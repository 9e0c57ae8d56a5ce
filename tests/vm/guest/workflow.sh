# The workflow of an administrator, from a bare controlling function to functions handed to VMs and
# back, on a controller that has no migration commands.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
NQN=$(cat "/sys/class/nvme/${DEVICE#/dev/}/subsysnqn")

# --- Before anything is provisioned ---------------------------------------------------------------
run 0 -o json list
json '.schema == "nvmigrate.list/1" and (.devices | length) == 1 and .failed == []'
json ".devices[0] | .device == \"$DEVICE\" and .address == \"$PF\" and .simulated == false"
json ".devices[0] | .subsystem_nqn == \"$NQN\" and .serial == \"pf0\" and .live_migration == false"
json '.devices[0].vfs == {"total": 4, "enabled": 0, "autoprobe": true}'
json '.devices[0].functions | length == 4 and all(.online == false and .address == null)'
run 0 list
run 0 -o json show "$PF"

# --- provision ------------------------------------------------------------------------------------
run 0 -o json provision "$DEVICE" --vfs 4 --vq 2 --vi 1 --dry-run
json '.dry_run == true and .changed == true'
check 'a dry run enables nothing' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]

run 0 -o json provision "$DEVICE" --vfs 4 --vq 2 --vi 1
json '.dry_run == false and .changed == true and (.functions | length) == 4'
check 'four VFs are enabled' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 4 ]
run 0 -o json provision "$DEVICE" --vfs 4 --vq 2 --vi 1
json '.changed == false'

run 4 provision "$DEVICE" --vfs 2
check 'refused, four VFs stay' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 4 ]

# --- list joins what the device, the bus and the kernel know --------------------------------------
run 0 -o json list "$DEVICE"
json '.devices[0].vfs.enabled == 4'
json '.devices[0].functions | map(.virtual_function) == [1, 2, 3, 4]'
json '.devices[0].functions | all(.online and .secondary and .queues == 2 and .interrupts == 1)'
json '.devices[0].functions | map(.controller_id) | unique | length == 4'
for number in 1 2 3 4; do
  address=$(vf $number)
  json ".devices[0].functions[$number - 1] | .address == \"$address\"
        and .iommu_group == $(group_of "$address")"
done

id() { nvmigrate -o json list "$DEVICE" | jq ".devices[0].functions[$1 - 1].controller_id"; }
FIRST=$(id 1)
THIRD=$(id 3)

# The third VF is the host's own, so that giving it back has a driver to restore.
echo "$(vf 3)" >/sys/bus/pci/drivers_probe
check 'the host takes VF 3' [ "$(driver_of "$(vf 3)")" = nvme ]
eventually 'VF 3 is live' is_live "$(vf 3)"
run 0 -o json list "$DEVICE"
json ".devices[0].functions[2] | .driver == \"nvme\" and .controller_id == $THIRD
      and .kernel_name == \"$(controller_of "$(vf 3)")\""
check 'the kernel knows it by the same controller id' \
  [ "$(cat "/sys/class/nvme/$(controller_of "$(vf 3)")/cntlid")" = "$THIRD" ]

# --- bind -----------------------------------------------------------------------------------------
run 0 -o json bind "$DEVICE" vf1,vf3
json '.changed == true and (.functions | length) == 2 and (.functions | all(.driver == "vfio-pci"))'
json '.functions | map(.driver_before) == [null, "nvme"]'
for number in 1 3; do
  check "VF $number is on vfio-pci" [ "$(driver_of "$(vf $number)")" = vfio-pci ]
  check "VF $number has its node" [ -c "/dev/vfio/$(group_of "$(vf $number)")" ]
done
check 'VF 2 is left alone' [ "$(driver_of "$(vf 2)")" = none ]
run 0 -o json bind "$DEVICE" vf1,vf3
json '.changed == false'
run 0 -o json bind "$DEVICE" vf1 --owner guest:guest
check 'the node has its owner' \
  [ "$(stat -c %U:%G "/dev/vfio/$(group_of "$(vf 1)")")" = guest:guest ]

run 0 -o json list "$DEVICE"
json ".devices[0].functions[2] | .controller_id == $THIRD and .driver == \"vfio-pci\"
      and .vfio_group == \"/dev/vfio/$(group_of "$(vf 3)")\""
json '.devices[0].functions[2].binding.original_driver == "nvme"'
run 4 bind "$DEVICE" "$PF"
run 4 bind "$DEVICE" "$(cat "/sys/class/nvme/${DEVICE#/dev/}/cntlid")"
check 'the controlling function keeps its driver' [ "$(driver_of "$PF")" = nvme ]

# --- handle, in five formats ----------------------------------------------------------------------
NODE=/dev/vfio/$(group_of "$(vf 1)")
holds() { check "handle --format $format has $1" grep -qF -e "$1" /tmp/out; }
format=text
run 0 handle "$DEVICE" vf1
holds "$(vf 1)"; holds "$NODE"; holds "$DEVICE"; holds "$PF"
format=json
run 0 handle "$DEVICE" vf1 --format json
json ".functions[0].address == \"$(vf 1)\" and .functions[0].vfio_group == \"$NODE\"
      and .functions[0].controller_id == $FIRST"
json ".controlling_function | .device == \"$DEVICE\" and .address == \"$PF\"
      and .subsystem_nqn == \"$NQN\""
format=env
run 0 handle "$DEVICE" vf1 --format env
check 'a shell takes it' eval "$(cat /tmp/out)"
check 'the function is in it' [ "$NVMIGRATE_FUNCTION" = "$(vf 1)" ]
check 'the node is in it' [ "$NVMIGRATE_VFIO_GROUP" = "$NODE" ]
check 'the controlling function is in it' [ "$NVMIGRATE_CONTROLLING_FUNCTION" = "$DEVICE" ]
check 'and its address' [ "$NVMIGRATE_CONTROLLING_ADDRESS" = "$PF" ]
format=json
run 0 handle "$DEVICE" vf3 --format json
json ".functions[0].address == \"$(vf 3)\" and .functions[0].controller_id == $THIRD
      and .functions[0].virtual_function == 3
      and .functions[0].vfio_group == \"/dev/vfio/$(group_of "$(vf 3)")\"
      and .controlling_function.address == \"$PF\""
format=qemu
run 0 handle "$DEVICE" vf1 --format qemu
holds "vfio-pci,host=$(vf 1)"
holds "$(echo "$PF" | tr ':.' '--')"
format=libvirt
run 0 handle "$DEVICE" vf1 --format libvirt
holds "<address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/>"
holds "$NODE"; holds "$DEVICE"; holds "$PF"
run 4 handle "$DEVICE" vf2

# --- export: the device has no migration commands -------------------------------------------------
run 9 -vv export "$DEVICE" vf1 -f /tmp/state
says 'OACS bit 11'
check 'commands are traced' grep -qi '0x06' /tmp/err
! grep -qiE '0x4[12]' /tmp/err || fail 'a migration command was sent'
check 'no file is left' [ ! -e /tmp/state ]
run 9 export "$DEVICE" vf1 -f /tmp/state
run 9 suspend "$DEVICE" vf1
run 9 mark "$DEVICE" vf1

# --- unbind restores the original drivers ---------------------------------------------------------
run 0 -o json unbind "$DEVICE" all
json '.changed == true'
check 'VF 3 is back with nvme' [ "$(driver_of "$(vf 3)")" = nvme ]
check 'VF 1 has no driver, as before' [ "$(driver_of "$(vf 1)")" = none ]
check 'no driver is forced upon it' [ "$(cat "$(pci "$(vf 1)")/driver_override")" = '(null)' ]
run 0 -o json unbind "$DEVICE" all
json '.changed == false'

# --- deprovision ----------------------------------------------------------------------------------
run 0 -o json bind "$DEVICE" vf2
run 0 -o json deprovision "$DEVICE"
json '.changed == true'
check 'no VF is left' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
check 'not on the bus either' [ ! -e "$(pci "$PF")/virtfn0" ]
run 0 -o json deprovision "$DEVICE"
json '.changed == false'
run 0 -o json list
json '.devices[0].functions | all(.online == false and .binding == null and .queues == 0)'
json '.devices[0].intents == [] and (.devices[0].functions | all(.intents == []))'
check 'the controller is alive' is_live "$PF"
