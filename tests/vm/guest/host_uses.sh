# What this host uses, bind leaves to it: a mounted file system, a loop device, swap, an open block
# device.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
VF=$(vf 1)
echo "$VF" >/sys/bus/pci/drivers_probe
eventually 'VF 1 is live' is_live "$VF"

# All controllers share the namespace, so its block device is that of the subsystem.
DISK=/dev/$(basename "$(ls -d /sys/block/nvme*n1)")
eventually 'the namespace has a node' [ -b "$DISK" ]
attached() { ls -d "/sys/class/nvme/$(controller_of "$VF")"/nvme*n1 >/dev/null 2>&1; }
eventually 'VF 1 has the namespace' attached

stays() {
  run 4 -o json bind "$DEVICE" vf1
  error used_by_host "$1"
  check 'VF 1 keeps its driver' [ "$(driver_of "$VF")" = nvme ]
  check 'no driver is forced upon it' [ "$(cat "$(pci "$VF")/driver_override")" = '(null)' ]
}

modprobe minix
mkfs.minix "$DISK" >/dev/null
mount -t minix "$DISK" /mnt
stays /mnt
umount /mnt

modprobe loop
losetup /dev/loop0 "$DISK"
stays loop0
losetup -d /dev/loop0

mkswap "$DISK" >/dev/null
swapon "$DISK"
stays "$DISK"
swapoff "$DISK"

printf 'o\nn\np\n1\n\n\nw\n' | fdisk "$DISK" >/dev/null 2>&1 || true
eventually 'it has a partition' [ -b "${DISK}p1" ]
sleep 1000 <"${DISK}p1" &
holder=$!
stays "${DISK}p1"
says "$holder"
kill $holder
wait $holder || true

run 0 -o json bind "$DEVICE" vf1
check 'released, it is bound' [ "$(driver_of "$VF")" = vfio-pci ]
run 0 -o json unbind "$DEVICE" vf1
check 'and given back' [ "$(driver_of "$VF")" = nvme ]
