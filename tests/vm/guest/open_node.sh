# While a vfio node is open, its function is neither taken away nor given back.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
run 0 -o json bind "$DEVICE" vf2
NODE=/dev/vfio/$(group_of "$(vf 2)")

sleep 1000 <>"$NODE" &
holder=$!
is_open() { [ "$(readlink "/proc/$holder/fd/0")" = "$NODE" ]; }
eventually 'the node is open' is_open
run 4 deprovision "$DEVICE"
says "pid $holder"
run 4 unbind "$DEVICE" vf2
says "$NODE"
check 'both VFs are there' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 2 ]
check 'VF 2 stays on vfio-pci' [ "$(driver_of "$(vf 2)")" = vfio-pci ]

kill $holder
wait $holder || true
run 0 -o json deprovision "$DEVICE"
check 'closed, they go' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
