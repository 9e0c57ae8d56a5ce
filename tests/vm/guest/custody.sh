# What is recorded of a guest stands between it and its function, until it is released and its VM has
# closed the vfio node. This device cannot migrate, so the record is that of an earlier firmware.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")
run 0 -o json provision "$DEVICE" --vfs 2 --vq 2 --vi 1
run 0 -o json bind "$DEVICE" vf2
run 0 -o json list "$DEVICE"
ID=$(jq '.devices[0].functions[] | select(.virtual_function == 2) | .controller_id' /tmp/out)
NQN=$(cat "/sys/class/nvme/$(controller_of "$PF")/subsysnqn")
SERIAL=$(sed 's/ *$//' "/sys/class/nvme/$(controller_of "$PF")/serial")

mkdir -p -m 700 /run/nvmigrate
jq -n --arg nqn "$NQN" --arg serial "$SERIAL" --argjson id "$ID" '{
  schema: "nvmigrate.journal/2", ledger: [], lost: null,
  subsystems: [{subsystem: $nqn, serial: $serial, intents: [{
    kind: "exported", controller: $id, command: "export", pid: 1, time: "2026-01-01T00:00:00Z",
    details: {}}]}]}' >/run/nvmigrate/journal.json
chmod 600 /run/nvmigrate/journal.json

run 0 -o json list "$DEVICE"
json ".devices[0].functions[] | select(.controller_id == $ID) | .status == \"exported\""

NODE=/dev/vfio/$(group_of "$(vf 2)")
sleep 1000 <>"$NODE" &
holder=$!
is_open() { [ "$(readlink "/proc/$holder/fd/0")" = "$NODE" ]; }
eventually 'the node is open' is_open
run 4 unbind "$DEVICE" vf2
says "pid $holder"
says 'was exported'
run 4 deprovision "$DEVICE"
says 'was exported'
run 0 release "$DEVICE" vf2
run 4 unbind "$DEVICE" vf2
says "pid $holder"
check 'VF 2 stays on vfio-pci' [ "$(driver_of "$(vf 2)")" = vfio-pci ]

kill $holder
wait $holder || true
run 0 unbind "$DEVICE" vf2
check 'closed and released, it is given back' [ "$(driver_of "$(vf 2)")" != vfio-pci ]
check 'nothing is recorded any more' [ ! -e /run/nvmigrate/journal.json ]

echo damaged >/run/nvmigrate/journal.json
chmod 600 /run/nvmigrate/journal.json
run 0 -o json list "$DEVICE"
json '.devices[0].findings[] | select(.code == "journal_damaged")'
run 12 deprovision "$DEVICE"
run 10 doctor "$DEVICE" --repair # it repairs the journal; that the device cannot migrate remains
check 'the journal was set aside' grep -q 'set aside as /run/nvmigrate/journal.json.damaged' /tmp/out
run 0 deprovision "$DEVICE"
