# machine: no-iommu
# Without an IOMMU nothing is handed to a VM.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
check 'there is no IOMMU' [ -z "$(ls /sys/class/iommu)" ]
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
run 4 -o json bind "$DEVICE" vf1
error no_iommu ''
check 'no driver is forced upon it' [ "$(cat "$(pci "$(vf 1)")/driver_override")" = '(null)' ]
run 0 -o json list "$DEVICE"
json '.devices[0].functions | all(.iommu_group == null)'
run 0 -o json deprovision "$DEVICE"
