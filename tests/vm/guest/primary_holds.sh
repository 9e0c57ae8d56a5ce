# The controlling function holds all flexible resources: provision says so, and --release-primary makes
# it give them back, unless this host uses its namespaces.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
for resource in 0 1; do
  nvme virt-mgmt "$DEVICE" --cntlid=0 --act=1 --rt=$resource --nr=8 >/dev/null
done
echo 1 >"$(pci "$PF")/reset"
eventually 'the controlling function is live' is_live "$PF"
run 0 -o json show "$DEVICE"
json '.resources | [.queues, .interrupts] | all(.total == 8 and .primary == 8 and .free == 0)'

run 4 -o json provision "$DEVICE" --vfs 4 --vq 2 --vi 1
error resources_short 'holds 8 of 8'
says '--release-primary'
check 'no VF is enabled' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]

DISK=/dev/$(basename "$(ls -d /sys/block/nvme*n1)")
modprobe minix
mkfs.minix "$DISK" >/dev/null
mount -t minix "$DISK" /mnt
run 4 -o json provision "$DEVICE" --vfs 4 --vq 2 --vi 1 --release-primary
error controlling_function_used /mnt
umount /mnt
run 0 -o json show "$DEVICE"
json '.resources | [.queues, .interrupts] | all(.primary == 8)'

run 0 -o json provision "$DEVICE" --vfs 4 --vq 2 --vi 1 --release-primary
json '.release | .queues == 8 and .interrupts == 8 and .methods != ""'
json '.functions | length == 4 and all(.online and .queues == 2 and .interrupts == 1)'
run 0 -o json show "$DEVICE"
json '.resources.queues | .primary == 0 and .assigned == 8'
json '.resources.interrupts | .primary == 0 and .assigned == 4'
check 'the controller is alive' is_live "$PF"
check 'its disk can be read' dd if="$DISK" of=/dev/null bs=64k count=1
echo "$(vf 4)" >/sys/bus/pci/drivers_probe
eventually 'a VF works' is_live "$(vf 4)"
run 0 -o json bind "$DEVICE" all
run 0 -o json deprovision "$DEVICE"
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
json '.release == null'
