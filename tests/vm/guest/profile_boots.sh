# machine: 3-boots
# A host that the script for provisioning sets up in its first boot, and that is switched off: the
# unit's own command makes it again in the next ones, also when it is killed, and when the host is
# switched off half-way.
. /guest/lib/check.sh

boot=$(sed -nE 's/.*nvmigrate\.boot=([0-9]+).*/\1/p' /proc/cmdline)
DEVICE=/dev/$(controller_of "$PF")
for folder in /sys/class/nvme/nvme*; do
  if grep -q '^kept *$' "$folder/serial"; then kept=/dev/${folder##*/}n1; fi
done
[ "$boot" != 1 ] || mkfs.minix -3 "$kept" >/dev/null
mount -t minix "$kept" /mnt
mkdir -p -m 700 /mnt/state /var/lib/nvmigrate
mount -o bind /mnt/state /var/lib/nvmigrate

unit() { sed -n "s/^$1=//p" /guest/nvmigrate-apply.service; }
# The profiles are where the unit looks for them.
profiles=$(unit ConditionPathExistsGlob | sed -E 's/^\|(.*)\/\*\.json$/\1/')
mkdir -p "$profiles"
# As systemd calls it: with the rights that the unit leaves to it. The setpriv of busybox cannot.
rights=$(unit CapabilityBoundingSet | tr ' ' '\n' | sed 's/^CAP_/+/' | tr 'A-Z\n' 'a-z,')
apply="/bin/setpriv --no-new-privs --bounding-set=-all,${rights%,} nvmigrate $(unit ExecStart | sed 's/^[^ ]* //')"

# What list says, without the names that the kernel gives anew.
present() {
  nvmigrate -o json list "$PF" |
    jq -S 'walk(if type == "string" then gsub("nvme[0-9]+"; "nvme") else . end)' >"$1"
}
is_as_before() {
  present /tmp/present
  cmp -s /tmp/present /mnt/wanted || { diff /mnt/wanted /tmp/present; false; }
}

# The script for provisioning that is installed with the documentation.
example() {
  local wanted=$1 status=0
  shift
  bash /guest/examples/provision.sh "$@" >/tmp/out 2>/tmp/err </dev/null || status=$?
  check "provision.sh $* ends with $wanted" [ "$status" -eq "$wanted" ]
}

# Kills the command as soon as there are VFs, long before it has reset and bound them.
kill_half_way() {
  $apply >/tmp/out 2>/tmp/err </dev/null &
  until [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 2 ]; do kill -0 $! || fail 'it ended too early'; done
  kill -9 $!
  status=0
  wait $! || status=$?
  check 'killed half-way' [ "$status" -eq 137 ]
  ! is_as_before >/dev/null || fail 'nothing was left to do'
}

if [ "$boot" = 1 ]; then
  printf '[provision]\nvq = 2\nvi = 1\n[bind]\nowner = guest:guest\n' >"$profiles/nvmigrate.conf"
  example 0 "$DEVICE" 2
  json '.functions | length == 2'
  present /mnt/wanted
  run 0 save "$DEVICE"
  cp /tmp/out /mnt/host.json
  umount /var/lib/nvmigrate
  umount /mnt
  exit 0
fi

check 'nothing is left of the last boot' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
cp /mnt/host.json "$profiles/host.json"
kill_half_way
if [ "$boot" = 2 ]; then exit 0; fi

$apply -o json >/tmp/out 2>/tmp/err || fail 'apply after a kill'
json '.changed == true'
check 'the host is as it was' is_as_before
for number in 1 2; do
  node=/dev/vfio/$(group_of "$(vf $number)")
  check "VF $number has its owner" [ "$(stat -c %U:%G "$node")" = guest:guest ]
done
$apply -o json >/tmp/out 2>/tmp/err || fail 'apply again'
json '.changed == false'
run 0 -o json handle "$DEVICE" vf1,vf2 --format json
json '.functions | length == 2'

# The unit of the udev rule does the same for one controller.
run 0 unbind "$DEVICE" all
run 0 deprovision "$DEVICE"
one=$(sed -n 's/^ExecStart=[^ ]* //p' /guest/nvmigrate-apply@.service | sed "s|%I|${DEVICE#/dev/}|")
# shellcheck disable=SC2086  # words
run 0 $one
# It is another binding, of another time.
for file in /mnt/wanted /tmp/present; do
  [ $file = /mnt/wanted ] || present $file
  jq 'walk(if type == "object" then del(.time) else . end)' $file >$file.timeless
done
check 'and with the unit of one controller' cmp /mnt/wanted.timeless /tmp/present.timeless

example 0 --back "$DEVICE"
check 'and back' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
umount /var/lib/nvmigrate
umount /mnt
