# machine: 64-vfs
# 64 VFs, bound to vfio and given back together.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
bound() { ls -d /sys/bus/pci/drivers/vfio-pci/0000:* 2>/dev/null | wc -l; }

run 0 -o json provision "$DEVICE" --vfs 64 --vq 2 --vi 1
json '.functions | length == 64 and all(.online and .queues == 2 and .interrupts == 1)'
check '64 VFs are enabled' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 64 ]

run 0 -o json bind "$DEVICE" all
json '.functions | length == 64 and all(.driver == "vfio-pci" and .failure == null)'
check 'all are on vfio-pci' [ "$(bound)" = 64 ]
check 'each has its group' [ "$(ls /dev/vfio | grep -c '^[0-9]')" = 64 ]
run 0 -o json list "$DEVICE"
json '.devices[0].functions | map(.virtual_function) == [range(1; 65)]'
json '.devices[0].functions | all(.online and .driver == "vfio-pci" and .binding != null)'
json '.devices[0].functions | map(.vfio_group) | unique | length == 64'
run 0 handle "$DEVICE" all --format qemu
check 'each has its argument' [ "$(grep -c vfio-pci,host= /tmp/out)" = 64 ]

run 0 -o json unbind "$DEVICE" all
json '.functions | length == 64 and all(.driver == null and .failure == null)'
check 'none is on vfio-pci' [ "$(bound)" = 0 ]
run 0 -o json bind "$DEVICE" vf1,vf33,vf64
run 0 -o json deprovision "$DEVICE"
check 'no VF is left' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
run 0 -o json list "$DEVICE"
json '.devices[0].functions | all(.online == false and .binding == null and .queues == 0)'
json '.devices[0].intents == []'
