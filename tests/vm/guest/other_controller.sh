# machine: second-controller
# A controlled function that is not a VF: another controller of the subsystem on a port of its own.
. /guest/lib/check.sh

OTHER=0000:02:00.0
eventually 'the other controller is live' is_live "$OTHER"
DEVICE=/dev/$(controller_of "$PF")
ID=$(cat "/sys/class/nvme/$(controller_of "$OTHER")/cntlid")

run 0 -o json list
json '[.devices[].address] | sort == ["0000:01:00.0", "0000:02:00.0"]'
run 0 -o json list "$DEVICE"
json ".devices[0].functions | map(select(.controller_id == $ID)) | length == 1"
json ".devices[0].functions[] | select(.controller_id == $ID)
      | .virtual_function == null and .secondary == false and .address == \"$OTHER\"
        and .driver == \"nvme\" and .kernel_name == \"$(controller_of "$OTHER")\""

run 0 -o json bind "$DEVICE" "$ID"
json '.changed == true'
check 'it is on vfio-pci' [ "$(driver_of "$OTHER")" = vfio-pci ]
check 'it has its node' [ -c "/dev/vfio/$(group_of "$OTHER")" ]
run 0 -o json list "$DEVICE"
json ".devices[0].functions[] | select(.controller_id == $ID)
      | .address == \"$OTHER\" and .driver == \"vfio-pci\""
run 0 -o json handle "$DEVICE" "$ID"
json ".functions[0].address == \"$OTHER\" and .functions[0].virtual_function == null"

run 0 -o json unbind "$DEVICE" "$ID"
check 'it is back with nvme' [ "$(driver_of "$OTHER")" = nvme ]
eventually 'it is live again' is_live "$OTHER"
run 0 -o json list "$PF"
json ".devices[0].functions[] | select(.controller_id == $ID)
      | .driver == \"nvme\" and .kernel_name == \"$(controller_of "$OTHER")\""
