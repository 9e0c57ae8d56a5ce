# machine: no-nvme
# A host without NVMe controller, and device names that are none: one clear line, the right status.
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

# each STATUS TEXT DEVICE: every command that takes a device, with this one.
each() {
  for command in list show 'provision --vfs 1' deprovision 'mark 1' 'unmark 1' 'bind 1' 'unbind 1' \
    'handle 1' 'suspend 1' 'resume 1' 'export 1 -f /tmp/state' 'import 1 -f /tmp/valid' 'transfer 1 sim:demo vf1' \
    backends doctor 'doctor --repair'; do
    verb=${command%% *}
    rest=${command#"$verb"}
    run "$1" "$verb" "$3" $rest
    one_line
    says "$2"
    check 'nothing is on standard output' [ ! -s /tmp/out ]
  done
  run "$1" transfer sim:demo vf1 "$3" 1
  one_line
  says "$2"
  run "$1" -o json list "$3"
  check 'the error is one JSON document' jq -e '.error.class and .error.message' /tmp/err
}

each 3 'is no NVMe controller but another character device' /dev/null
each 3 'is no NVMe controller but a directory' /tmp
each 3 'is no NVMe controller but no device' /etc/passwd
each 3 '/dev/nvme0 does not exist' /dev/nvme0
each 3 '/dev/nvme0 does not exist' nvme0
each 3 'no PCI function' 0000:01:00.0
each 3 "there is no device 'nonsense'" nonsense
