# machine: detached-namespace newer-nvme-cli
# Simulated subsystems as character devices, driven by programs that know nothing of them, and by nvmigrate.
. /guest/lib/check.sh
export NVMIGRATE_SIM_DIR=/var/lib/sims

# serve NAME NODE: in the background.
serve() {
  nvmigrate -o json sim serve "$1" --dev "$2" >"/tmp/$2.json" 2>"/tmp/$2.err" &
  eventually "/dev/$2 is there" [ -c "/dev/$2" ]
}
# succeeds COMMAND...: what it prints is in /tmp/out.
succeeds() {
  "$@" >/tmp/out 2>/tmp/err || fail "$*"
  say "ok: $*"
}
suspend() { succeeds nvme admin-passthru "$1" --opcode=0x41 --cdw11="$((0x10000 + $2))"; }
resume() { succeeds nvme admin-passthru "$1" --opcode=0x41 --cdw10=1 --cdw11="$2"; }
# receive PROGRAM ID: the whole state of a function of a, into /tmp/PROGRAM.raw.
receive() {
  succeeds "$1" admin-passthru /dev/nvme9 -r --opcode=0x42 --cdw10=0x10000 --cdw11="$((0x10000 + $2))" \
    --cdw15=0xFFF --data-len=16384 -b
  cp /tmp/out "/tmp/$1.raw"
}
# send PROGRAM ID FILE: a whole state to a function of b.
send() {
  succeeds "$1" admin-passthru /dev/nvme8 -w --opcode=0x41 --cdw10=0x30002 --cdw11="$((0x1010000 + $2))" \
    --cdw15=0x1000 --data-len=16384 -i "$3"
}

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
check 'nvme-cli and nvmigrate identify the same controller' jq -e --slurpfile theirs /tmp/theirs '$theirs[0] as $their
  | .controller_id == $their.cntlid and .serial == ($their.sn | sub(" +$"; "")) and .model == ($their.mn | sub(" +$"; ""))
  and .subsystem_nqn == $their.subnqn and .max_transfer == 65536 and $their.mdts == 4' /tmp/out
nvme primary-ctrl-caps /dev/nvme9 -o json >/tmp/theirs
check 'and the same resources' jq -e --slurpfile theirs /tmp/theirs '$theirs[0] as $their | .resources
  | .queues.total == $their.vqfrt and .queues.assigned == $their.vqrfa and .interrupts.assigned == $their.virfa' /tmp/out

# --- nvme-cli's state, imported, and nvmigrate's state, sent by nvme-cli --------------------------
for id in 1 2; do
  run 0 sim guest start sim:a $id
  run 0 sim guest start sim:b $id --empty
done
suspend /dev/nvme9 1
run 0 -o json list sim:a
json '.devices[0].functions[0].suspended'
receive nvme 1
run 0 suspend /dev/nvme9 1
run 0 export /dev/nvme9 1 --raw -f /tmp/ours.raw
check 'the state is the same' cmp /tmp/nvme.raw /tmp/ours.raw
run 0 import /dev/nvme8 1 --raw -f /tmp/nvme.raw --resume
run 0 sim guest status sim:b 1 --continues-from sim:a 1

run 0 export /dev/nvme9 2 --raw -f /tmp/second.raw
suspend /dev/nvme8 2
send nvme 2 /tmp/second.raw
resume /dev/nvme8 2
run 0 sim guest status sim:b 2 --continues-from sim:a 2

# --- nvmigrate from device to device, there and back ----------------------------------------------
run 0 release /dev/nvme9 1
run 0 sim guest stop sim:a 1
run 0 sim guest start sim:a 1 --empty
run 0 export /dev/nvme8 1 -f /tmp/state
run 0 import /dev/nvme9 1 -f /tmp/state --resume
run 0 sim guest status sim:a 1 --continues-from sim:b 1

# --- The newest nvme-cli, and its plugin for live migration ---------------------------------------
if [ -e /newer/missing ]; then
  cat /newer/missing
else
  newer-nvme version
  for program in nvme newer-nvme; do "$program" id-ctrl /dev/nvme9 -b >"/tmp/$program.identity"; done
  check 'old and new identify the same bytes' cmp /tmp/nvme.identity /tmp/newer-nvme.identity
  succeeds newer-nvme lm migration-send /dev/nvme9 --sel=0 --stype=1 --cntlid=1
  run 0 -o json list sim:a
  json '.devices[0].functions[0].suspended'
  receive newer-nvme 1
  # It writes a dword too few.
  succeeds newer-nvme lm migration-recv /dev/nvme9 --sel=0 --cntlid=1 --csvi=1 --csuuidi=1 --numd=4095 \
    --output-file=/tmp/lm.raw
  check 'its plugin reads the same state' cmp -n 16380 /tmp/newer-nvme.raw /tmp/lm.raw
  run 0 sim guest stop sim:b 1
  run 0 sim guest start sim:b 1 --empty
  succeeds newer-nvme lm migration-send /dev/nvme8 --sel=0 --stype=1 --cntlid=1
  # It has a bug: it leaves CSVI out, which the device must refuse, and then frees the data twice.
  status=0
  newer-nvme lm migration-send /dev/nvme8 --sel=2 --seq-ind=3 --csvi=1 --csuuidi=1 --cntlid=1 --numd=4096 \
    --input-file=/tmp/newer-nvme.raw >/tmp/out 2>/tmp/err || status=$?
  if [ "$status" -ne 0 ]; then
    says 'Invalid Field'
    send newer-nvme 1 /tmp/newer-nvme.raw
  fi
  succeeds newer-nvme lm migration-send /dev/nvme8 --sel=1 --cntlid=1
  run 0 sim guest status sim:b 1 --continues-from sim:a 1
fi

# --- What needs the bus is not there --------------------------------------------------------------
run 9 provision /dev/nvme9 --vfs 2
says 'no SR-IOV'
run 4 -o json bind /dev/nvme9 3
says not_on_bus
! grep -q '"provision"' /tmp/err || fail 'it advises what cannot be'
run 0 -o json doctor /dev/nvme9
json '.findings | all(.severity != "problem") and all(.code != "binding_lost")'

# --- A signal ends it, and the node goes ----------------------------------------------------------
# ended JOB NODE
ended() {
  kill -TERM "$1"
  wait "$1" || fail "it ended with $?"
  check 'the node is gone' [ ! -e "/dev/$2" ]
  cp "/tmp/$2.json" /tmp/out
  json ".schema == \"nvmigrate.sim-serve/1\" and .node == \"/dev/$2\" and .calls > 0"
}
ended %1 nvme9
ended %2 nvme8
run 3 list /dev/nvme9
