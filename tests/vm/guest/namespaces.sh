# machine: more-controllers detached
# A namespace that is attached to no controller, and then to one VF.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
echo "$(vf 1)" >/sys/bus/pci/drivers_probe
eventually 'VF 1 is live' is_live "$(vf 1)"
ID=$(cat "/sys/class/nvme/$(controller_of "$(vf 1)")/cntlid")

# namespaces_of ADDRESS: those that the kernel's driver sees there.
namespaces_of() {
  cat /sys/class/nvme/"$(controller_of "$1")"/nvme*/nsid 2>/dev/null | sort | tr '\n' ' '
}
has_both() { [ "$(namespaces_of "$(vf 1)")" = '1 2 ' ]; }
check 'the device has two' [ "$(nvme list-ns "$DEVICE" --all | grep -c :)" = 2 ]
check 'the controlling function has one' [ "$(namespaces_of "$PF")" = '1 ' ]
check 'VF 1 has one' [ "$(namespaces_of "$(vf 1)")" = '1 ' ]

nvme attach-ns "$DEVICE" --namespace-id=2 --controllers="$ID"
eventually 'VF 1 has both' has_both
check 'the controlling function still has one' [ "$(namespaces_of "$PF")" = '1 ' ]

# It is in use through VF 1 alone.
DISK=/dev/$(basename "$(ls -d /sys/block/nvme*n2)")
modprobe minix
mkfs.minix "$DISK" >/dev/null
mount -t minix "$DISK" /mnt
run 4 -o json bind "$DEVICE" vf1
error used_by_host /mnt
run 0 -o json bind "$DEVICE" vf2
umount /mnt
run 0 -o json bind "$DEVICE" vf1
check 'released, it is bound' [ "$(driver_of "$(vf 1)")" = vfio-pci ]
run 0 -o json deprovision "$DEVICE"
