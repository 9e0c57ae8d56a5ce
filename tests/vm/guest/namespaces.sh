# machine: detached-namespace
# A namespace that is attached to no VF, until provisioning attaches it.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")

run 0 provision "$DEVICE" --vfs 2 --vq 2 --vi 1
run 0 -o json list "$DEVICE"
json '.devices[0].namespaces == [1]'
json '.devices[0].functions[0:2] | all(.online and .namespaces == [])'
json '.devices[0].findings | map(.code) == ["no_namespace_attached"]'
REMEDY=$(jq -r '.devices[0].findings[0].commands[0] | join(" ")' /tmp/out)
check 'it names a command' [ "$REMEDY" = "nvmigrate provision $DEVICE --vfs 2 --attach all" ]

run 0 -o json ${REMEDY#nvmigrate }
json '.changed and .namespaces == [1] and (.plan | map(.step) == ["attach", "attach"])'
run 0 -o json provision "$DEVICE" --vfs 2 --attach 1
json '.changed == false'
run 0 -o json list "$DEVICE"
json '.devices[0].functions[0:2] | all(.namespaces == [1])'
json '.devices[0].findings == []'

echo "$(vf 1)" >/sys/bus/pci/drivers_probe
eventually 'VF 1 is live' is_live "$(vf 1)"
has_disk() { ls -d "/sys/class/nvme/$(controller_of "$(vf 1)")"/nvme*n1 >/dev/null 2>&1; }
eventually 'its driver finds the namespace' has_disk

run 0 -o json provision "$DEVICE" --vfs 1 --vq 2 --vi 1 --attach all --recreate
json '.namespaces == [1]'
run 0 -o json list "$DEVICE"
json '.devices[0].functions[0].namespaces == [1] and .devices[0].functions[1].namespaces == []'

run 0 -o json deprovision "$DEVICE"
json '.plan | map(.step) | index("detach") != null'
run 0 -o json list "$DEVICE"
json '.devices[0].functions | all(.namespaces == [] and .wanted == null)'
