# The harness itself: the kernel, its driver and the device are what the other scripts build upon.
. /guest/lib/check.sh

check 'the controller answers' [ -c "/dev/$(controller_of "$PF")" ]
check 'its driver is nvme' [ "$(driver_of "$PF")" = nvme ]
check 'it has room for 4 VFs' [ "$(cat "$(pci "$PF")/sriov_totalvfs")" = 4 ]
check 'no VF is enabled' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
check 'there is an IOMMU' [ -n "$(ls /sys/class/iommu)" ]
check 'vfio-pci is left to be loaded' [ ! -e /sys/bus/pci/drivers/vfio-pci ]
check 'the program runs' nvmigrate --version
