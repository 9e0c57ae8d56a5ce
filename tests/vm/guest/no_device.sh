# machine: no-nvme
# A host without an NVMe controller, and names that no device has: one error, the right status.
. /guest/lib/check.sh

run 0 -o json list
json '.schema == "nvmigrate.list/1" and .devices == [] and .failed == []'
run 0 list
check 'nothing is on standard output' [ ! -s /tmp/out ]
run 0 -q list
check 'and nothing on standard error' [ ! -s /tmp/err ]

# A state file that import finds nothing wrong with, from a simulated subsystem.
run 0 provision sim:demo --vfs 1 --vq 2 --vi 1
run 0 mark sim:demo vf1
run 0 export sim:demo vf1 -f /tmp/valid
run 0 verify /tmp/valid
rm -rf /var/lib/nvmigrate

# refused DEVICE COMMAND...: the command takes a device, and this one is not there.
refused() {
  device=$1
  shift
  for command; do
    verb=${command%% *}
    run 3 -o json "$verb" "$device" ${command#"$verb"}
    error not_found "$device"
    check 'nothing is on standard output' [ ! -s /tmp/out ]
  done
}

refused /dev/nvme0 list show 'provision --vfs 1' deprovision 'mark 1' 'unmark 1' 'bind 1' 'unbind 1' \
  'handle 1' 'suspend 1' 'resume 1' 'release 1' 'export 1 -f /tmp/state' 'import 1 -f /tmp/valid' \
  'transfer 1 sim:demo vf1' backends doctor 'doctor --repair'
run 3 -o json transfer sim:demo vf1 /dev/nvme0 1
error not_found /dev/nvme0

for device in /dev/null /tmp /etc/passwd nvme0 0000:01:00.0 nonsense; do
  refused "$device" list 'bind 1'
done
