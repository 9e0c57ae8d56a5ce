#!/usr/bin/env bash
# rule.sh RULES: what udev makes of the rule for controllers in a made /sys, in a mount namespace of
# its own. Skipped without root.
set -euo pipefail

if [ "${1-}" != --inside ]; then
  if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
    echo 'skipped: this needs root and mount namespaces'
    exit 77
  fi
  exec unshare -m "$BASH" "$0" --inside "$@"
fi
rules=$2

fail() {
  printf 'rule: %s\n' "$*" >&2
  [ ! -e /run/said ] || cat /run/said >&2
  exit 1
}

copy=$(cat "$rules")
for folder in /sys /run /etc/udev; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/udev/rules.d /sys/class/nvme /sys/bus/pci
printf '%s\n' "$copy" >/run/udev/rules.d/90-nvmigrate.rules
for folder in /lib/udev/rules.d /usr/lib/udev/rules.d /usr/local/lib/udev/rules.d; do
  [ ! -d "$folder" ] || mount -t tmpfs tmpfs "$folder"
done
export SYSTEMD_DEVICE_VERIFY_SYSFS=0

# controller NAME TRANSPORT: makes one in /sys, without a VF's link.
controller() {
  local parent=/sys/devices/pci0000:00/0000:0${1#nvme}:00.0
  mkdir -p "$parent/nvme/$1"
  ln -s /sys/bus/pci "$parent/subsystem"
  echo "DRIVER=nvme" >"$parent/uevent"
  ln -s /sys/class/nvme "$parent/nvme/$1/subsystem"
  ln -s ../.. "$parent/nvme/$1/device"
  printf 'MAJOR=240\nMINOR=%s\nDEVNAME=%s\n' "${1#nvme}" "$1" >"$parent/nvme/$1/uevent"
  echo "240:${1#nvme}" >"$parent/nvme/$1/dev"
  echo "$2" >"$parent/nvme/$1/transport"
  ln -s "$parent/nvme/$1" "/sys/class/nvme/$1"
}

# event ACTION NAME STATE: what udev would do is in /run/said.
event() {
  rm -rf /run/udev/data
  echo "$3" >"/sys/class/nvme/$2/state"
  udevadm test --action="$1" "$(realpath "/sys/class/nvme/$2")" >/run/said 2>&1 || fail "udevadm test $*"
  ! grep -E '90-nvmigrate\.rules:[0-9]+ ' /run/said || fail 'udev complains of the rule'
}
wants() { grep -qx "SYSTEMD_WANTS=nvmigrate-apply@$1.service" /run/said; }
is_ready() { ! grep -qx 'SYSTEMD_READY=0' /run/said; }

if udevadm verify --help >/dev/null 2>&1; then
  udevadm verify "$rules" || fail 'udevadm verify'
fi
controller nvme0 pcie
event add nvme0 live
wants nvme0 && is_ready || fail 'a live controller is not applied'
grep -qE '^(CURRENT_)?TAGS=.*:systemd:' /run/said || fail 'systemd does not hear of it'
event add nvme0 connecting
! is_ready || fail 'a controller that is being started is called ready'
event change nvme0 live
wants nvme0 && is_ready || fail 'a controller that came up is not applied'
event change nvme0 resetting
is_ready || fail 'a reset takes the controller from under the unit'
event remove nvme0 deleting
! wants nvme0 || fail 'a controller that goes is applied'

controller nvme1 pcie
ln -s ../0000:00:00.0 /sys/devices/pci0000:00/0000:01:00.0/physfn
mkdir /sys/devices/pci0000:00/0000:00:00.0 2>/dev/null || true
event add nvme1 live
! wants nvme1 || fail 'a VF is applied'
controller nvme2 tcp
event add nvme2 live
! wants nvme2 || fail 'a controller of a fabric is applied'
echo 'rule: live controllers of PCI functions are applied, once they are up'
