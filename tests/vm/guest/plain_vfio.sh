# A function on plain vfio-pci: nothing migrates it through its driver, and that is said before
# anyone tries. The example VMM owns it, drives it, and goes as far as the runbook can go here.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
run 0 -o json backends "$DEVICE"
json '.backends | map(select(.name == "vfio"))[0] | .serves == false
      and (.reason | contains("no controlled function is bound"))'
run 0 -o json bind "$DEVICE" vf1
VF=$(vf 1)
WHY="$VF is not migratable through its driver: vfio-pci has no migration states"

# --- said beforehand ------------------------------------------------------------------------------
run 0 -o json backends "$DEVICE"
json ".chosen == null and (.backends | map(select(.name == \"vfio\"))[0].reason | contains(\"$WHY\"))"
run 0 -o json show "$DEVICE"
json ".migration.backend == null
      and (.migration.refused_by | map(select(.backend == \"vfio\"))[0].reason | contains(\"$WHY\"))"
run 10 -o json doctor "$DEVICE"
json ".findings | map(select(.code == \"no_live_migration\"))[0].message | contains(\"$WHY\")"

# --- export ---------------------------------------------------------------------------------------
run 9 export "$DEVICE" vf1 --backend vfio -f /tmp/state
says "$WHY"
check 'no file is left' [ ! -e /tmp/state ]

# --- a VMM that owns the function -----------------------------------------------------------------
DISK=/dev/$(basename "$(ls -d /sys/block/nvme*n1)")
eventually 'the namespace has a node' [ -b "$DISK" ]
printf 'the first block of the disk\0' | dd of="$DISK" conv=fsync 2>/dev/null
mkdir /tmp/moved
modprobe vfio_iommu_type1  # a soft dependency of vfio, which busybox does not follow

prints() { check "it prints: $1" grep -qF -e "$1" /tmp/out; }

ends 9 vmm source "$DEVICE" vf1 /tmp/moved
prints "$VF is open through its group; vfio-pci has no migration states"
prints 'read 1 of namespace 1: the first block of the disk'
says no_live_migration
prints 'the guest goes on here'
prints 'read 2 of namespace 1: the first block of the disk'
check 'nothing was handed over' [ -z "$(ls /tmp/moved)" ]

# A stop signal arrives while it waits for a reader of its output. Its guest must still go on.
mkfifo /tmp/output
exec 3<>/tmp/output
dd if=/dev/zero of=/tmp/output bs=64k count=1 2>/dev/null
vmm source "$DEVICE" vf1 /tmp/moved >/tmp/output 2>/tmp/err </dev/null 3>&- &
VMM=$!
has_opened() { ls -l /proc/$VMM/fd 2>/dev/null | grep -q vfio; }
eventually 'the VMM has the function open' has_opened
kill -TERM $VMM
exec 4</tmp/output 3>&-
tr -d "\\0" <&4 >/tmp/out
wait
exec 4<&-
prints 'the guest goes on here'
prints 'read 2 of namespace 1: the first block of the disk'

ends 9 vmm destination "$DEVICE" vf1 /tmp/moved group
says no_live_migration
ends 4 vmm destination "$DEVICE" vf2 /tmp/moved
says not_on_vfio
ends 9 vmm destination "$DEVICE" vf1 /tmp/moved iommufd
says no_iommufd

run 0 -o json list "$DEVICE"
json '.devices[0].functions | all(.intents == [])'
run 0 -o json deprovision "$DEVICE"
