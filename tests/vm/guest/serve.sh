# machine: detached-namespace newer-nvme-cli
# Simulated subsystems as character devices, driven by programs that know nothing of them, and by nvmigrate.
. /guest/lib/check.sh
export NVMIGRATE_SIM_DIR=/var/lib/sims

# serve NAME NODE: in the background.
serve() {
  nvmigrate -o json sim serve "$1" --dev "$2" >"/tmp/$2.json" 2>"/tmp/$2.err" &
  eventually "/dev/$2 is there" [ -c "/dev/$2" ]
}
# nvme SEND|RECEIVE... of both nvme-cli's is called with the name of the program first.
succeeds() { check "$*" "$@" >/tmp/out 2>/tmp/err; }
suspend() { succeeds nvme admin-passthru "$1" -o 0x41 --cdw11="$((0x10000 + $2))"; }
resume() { succeeds nvme admin-passthru "$1" -o 0x41 --cdw10=1 --cdw11="$2"; }

# --- Without CUSE, without root, and over what is there -------------------------------------------
for host in a b; do
  run 0 sim create $host --vfs-total 4 --state-size 16K
done
run 9 sim serve a --dev nvme9
says 'modprobe cuse'
modprobe cuse
run 4 -o json sim serve a --dev nvme0
error refused /dev/nvme0
run 3 sim serve nothing --dev nvme9
run 2 sim serve a --dev sda
su guest -c 'NVMIGRATE_SIM_DIR=/tmp/sims nvmigrate -o json sim serve demo --dev nvme9' 2>/tmp/err || status=$?
check 'only root serves' [ "$status" -eq 11 ]
error permission ''

# --- As the kernel's own --------------------------------------------------------------------------
serve a nvme9
nvmigrate_ioctls /dev/nvme0 >/tmp/kernel
nvmigrate_ioctls /dev/nvme9 >/tmp/ours
check 'what programs get wrong is answered as by the kernel' diff /tmp/kernel /tmp/ours
eventually 'the controller is live' is_live "$PF"
chmod a+r /dev/nvme0 /dev/nvme9
su guest -c 'nvmigrate_ioctls /dev/nvme0' >/tmp/kernel
su guest -c 'nvmigrate_ioctls /dev/nvme9' >/tmp/ours
check 'and to who is not root' diff /tmp/kernel /tmp/ours

# --- nvme-cli prepares what nvmigrate sees --------------------------------------------------------
for host in a b; do
  run 0 provision sim:$host --vfs 3 --vq 4 --vi 2
  run 0 bind sim:$host vf1,vf2
  run 0 mark sim:$host vf1,vf2
done
serve b nvme8
succeeds nvme virt-mgmt /dev/nvme9 -c 3 -a 7
succeeds nvme virt-mgmt /dev/nvme9 -c 3 -a 8 -r 0 -n 3
succeeds nvme virt-mgmt /dev/nvme9 -c 3 -a 8 -r 1 -n 1
succeeds nvme virt-mgmt /dev/nvme9 -c 3 -a 9
for device in sim:a /dev/nvme9; do
  run 0 -o json list $device
  json '.devices[0].simulated and .devices[0].functions[2].online'
  json '.devices[0].functions[2] | .queues == 3 and .interrupts == 1'
  jq '[.devices[0].functions[] | [.controller_id, .virtual_function, .queues, .interrupts]]' /tmp/out >/tmp/ours
  nvme list-secondary /dev/nvme9 -o json | jq '[.["secondary-controllers"][] | [.["secondary-controller-identifier"],
    .["virtual-function-number"], .["num-virtual-queues"], .["num-virtual-interrupts"]]]' >/tmp/theirs
  check "nvme-cli and nvmigrate list the same functions of $device" diff /tmp/ours /tmp/theirs
done
nvme id-ctrl /dev/nvme9 -o json >/tmp/theirs
run 0 -o json show /dev/nvme9
cat /tmp/out
nvme id-ctrl /dev/nvme9 -o json
nvme primary-ctrl-caps /dev/nvme9 -o json
nvme list-secondary /dev/nvme9 -o json
nvmigrate -o json list sim:a
