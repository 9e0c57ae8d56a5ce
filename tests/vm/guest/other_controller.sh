# machine: more-controllers
# Controlled functions that are not VFs: two more controllers of the subsystem, on ports of their own.
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
json '[.devices[].address] | sort == ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]'
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
