# machine: more-controllers
# Controlled functions that are not VFs: two more controllers of the subsystem, on ports of their own;
# and a subsystem of two controllers without SR-IOV.
. /guest/lib/check.sh

OTHER=0000:02:00.0
THIRD=0000:03:00.0
for address in "$OTHER" "$THIRD"; do
  eventually 'the other controllers are live' is_live "$address"
done
DEVICE=/dev/$(controller_of "$PF")
cntlid_of() { cat "/sys/class/nvme/$(controller_of "$1")/cntlid"; }
ID=$(cntlid_of "$OTHER")
THIRD_ID=$(cntlid_of "$THIRD")

run 0 -o json list
json '[.devices[].address] | sort == ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0",
                                      "0000:04:00.0", "0000:05:00.0"]'
run 0 -o json list "$DEVICE"
json '.devices[0].functions | map(select(.virtual_function == null)) | length == 2'
for address in "$OTHER" "$THIRD"; do
  json ".devices[0].functions[] | select(.controller_id == $(cntlid_of "$address"))
        | .virtual_function == null and .secondary == false and .address == \"$address\"
          and .driver == \"nvme\" and .kernel_name == \"$(controller_of "$address")\""
done

run 0 -o json bind "$DEVICE" "$ID"
json '.changed == true'
check 'it is on vfio-pci' [ "$(driver_of "$OTHER")" = vfio-pci ]
check 'it has its node' [ -c "/dev/vfio/$(group_of "$OTHER")" ]
check 'the third stays with nvme' [ "$(driver_of "$THIRD")" = nvme ]
run 0 -o json list "$DEVICE"
json ".devices[0].functions[] | select(.controller_id == $ID)
      | .address == \"$OTHER\" and .driver == \"vfio-pci\""
run 0 -o json handle "$DEVICE" "$ID"
json ".functions[0].address == \"$OTHER\" and .functions[0].virtual_function == null"
run 0 -o json bind "$DEVICE" "$THIRD"
json ".functions[0].controller_id == $THIRD_ID"
check 'and the third too' [ "$(driver_of "$THIRD")" = vfio-pci ]

# The two are given back together, and stand beside VFs.
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
run 0 -o json unbind "$DEVICE" "$ID,$THIRD_ID"
for address in "$OTHER" "$THIRD"; do
  check 'it is back with nvme' [ "$(driver_of "$address")" = nvme ]
  eventually 'it is live again' is_live "$address"
done
run 0 -o json list "$PF"
json ".devices[0].functions[] | select(.controller_id == $ID)
      | .driver == \"nvme\" and .kernel_name == \"$(controller_of "$OTHER")\""
run 0 -o json deprovision "$DEVICE"
check 'they outlive the VFs' is_live "$OTHER"

# Another tool takes the driver away: nothing tells then which controller the function is.
echo vfio-pci >"$(pci "$THIRD")/driver_override"
echo "$THIRD" >"$(pci "$THIRD")/driver/unbind"
run 4 -o json bind "$DEVICE" "$THIRD_ID"
error not_on_bus 'nvme driver'
echo >"$(pci "$THIRD")/driver_override"
echo "$THIRD" >/sys/bus/pci/drivers_probe
eventually 'the nvme driver has it again' is_live "$THIRD"

# Two controllers and no SR-IOV: either may be named as the one in control, of the other.
PLAIN=0000:04:00.0
TARGET=0000:05:00.0
for address in "$PLAIN" "$TARGET"; do
  eventually 'the controllers without SR-IOV are live' is_live "$address"
done
DEVICE=/dev/$(controller_of "$PLAIN")
ID=$(cntlid_of "$TARGET")
listed() {
  run 0 -o json list "$DEVICE"
  json ".devices[0].functions | length == 1"
  json ".devices[0].functions[0] | .controller_id == $ID and .address == \"$TARGET\"
        and .virtual_function == null and .secondary == false and ($1)"
}
check 'there is no SR-IOV' [ ! -e "$(pci "$PLAIN")/sriov_totalvfs" ]
listed '.driver == "nvme"'
run 0 -o json show "$DEVICE" "$ID"
json ".function.address == \"$TARGET\""
# This device cannot migrate its functions, so they are not marked.
run 9 -o json mark "$DEVICE" "$ID" --allow foreign
error no_live_migration "$DEVICE"

# Where nvmigrate takes it, the place was recorded before, and outlives the run folder.
run 0 -o json bind "$DEVICE" "$ID"
check 'it is on vfio-pci' [ "$(driver_of "$TARGET")" = vfio-pci ]
listed '.driver == "vfio-pci" and .kernel_name == null'
rm -rf /run/nvmigrate
listed '.driver == "vfio-pci"'
run 0 -o json handle "$DEVICE" "$ID"
json ".functions[0] | .address == \"$TARGET\" and .controller_id == $ID
      and .vfio_group == \"/dev/vfio/$(group_of "$TARGET")\""
for command in "export $DEVICE $ID -f /tmp/state" "suspend $DEVICE $ID" "resume $DEVICE $ID"; do
  run 9 -o json $command
  error no_live_migration "$DEVICE"
done
run 0 provision sim:demo --vfs 1 --vq 2 --vi 1
run 0 mark sim:demo vf1
run 0 export sim:demo vf1 -f /tmp/valid
run 9 -o json import "$DEVICE" "$ID" -f /tmp/valid
error no_live_migration "$DEVICE"
run 9 -o json transfer sim:demo vf1 "$DEVICE" "$ID"
error no_live_migration "$DEVICE"
check 'no state was written' [ ! -e /tmp/state ]
run 0 -o json unbind "$DEVICE" "$ID"
check 'it is back with nvme' [ "$(driver_of "$TARGET")" = nvme ]
eventually 'it is live again' is_live "$TARGET"
listed '.driver == "nvme" and .binding == null'
