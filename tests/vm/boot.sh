#!/usr/bin/env bash
# boot.sh FOLDER SCRIPT...: boots what image.sh made and runs the SCRIPTs, of guest/ or bench/, in it, one after
# the other. The machine has an SR-IOV NVMe controller with 4 VFs behind a root port, and an IOMMU; a
# comment "# machine: WORD..." in the scripts, the same in all of them, changes it:
#   no-iommu            there is no IOMMU
#   no-nvme             there is no NVMe controller
#   more-controllers    the subsystem has two more controllers, each on a root port, that are not VFs;
#                       another subsystem has two controllers and no SR-IOV
#   16-vfs, 64-vfs      the controller has so many VFs, each with two queues and an interrupt
#   detached-namespace  the namespace is attached to no controller at first
#   newer-nvme-cli      /newer has the nvme-cli of a later release
#   3-boots             the machine is switched off and on again, and the scripts run in each boot; a
#                       second drive, serial number "kept", keeps what they write
# Prints the console, where a line "verdict: NAME STATUS" decides for each. Ends with 77 when image.sh
# found no kernel.
set -euo pipefail

folder=$1
shift
scripts=("$@")
names=("${scripts[@]##*/}")
names=("${names[@]%.sh}")
if [ -e "$folder/missing" ]; then
  cat "$folder/missing"
  exit 77
fi
words=$(sed -nE 's/^# machine: (.*)$/\1/p' "${scripts[0]}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

has() { [[ " $words " == *" $1 "* ]]; }

machine=(-M "q35,kernel-irqchip=split" -cpu max -smp 1 -m 512 -nographic -nodefaults
  -monitor none -serial stdio -no-reboot)
# A /dev/kvm that opens says little about whether it boots a kernel, so translation is the default.
machine+=(-accel "${NVMIGRATE_VM_ACCEL:-tcg}")
# The kernel's check whether the timer interrupts in time fails on a busy host.
command_line="console=ttyS0 quiet panic=-1 no_timer_check nvmigrate.scripts=$(IFS=, && echo "${names[*]}")"

if ! has no-iommu; then
  machine+=(-device intel-iommu,caching-mode=on)
  command_line+=" intel_iommu=on"
fi
functions=sriov_max_vfs=4,max_ioqpairs=18,msix_qsize=19,sriov_vq_flexible=8,sriov_vi_flexible=8
if [[ $words =~ ([0-9]+)-vfs ]]; then
  vfs=${BASH_REMATCH[1]}
  functions=sriov_max_vfs=$vfs,max_ioqpairs=$((2 * vfs + 10)),msix_qsize=$((vfs + 10))
  functions+=,sriov_vq_flexible=$((2 * vfs)),sriov_vi_flexible=$vfs
  functions+=,sriov_max_vq_per_vf=2,sriov_max_vi_per_vf=1
fi
if ! has no-nvme; then
  truncate -s 16M "$scratch/namespace.img"
  machine+=(-device pcie-root-port,id=rp0,slot=1 -device nvme-subsys,id=ss0,nqn=ss0
    -device "nvme,id=n0,serial=pf0,subsys=ss0,bus=rp0,$functions"
    -drive "if=none,id=d0,file=$scratch/namespace.img,format=raw"
    -device "nvme-ns,drive=d0,bus=n0,nsid=1,shared=on,detached=$(has detached-namespace && echo on || echo off)")
fi
if has more-controllers; then
  for number in 1 2; do
    machine+=(-device "pcie-root-port,id=rp$number,slot=$((number + 1)),chassis=$((number + 1))"
      -device "nvme,id=n$number,serial=pf0,subsys=ss0,bus=rp$number")
  done
  machine+=(-device nvme-subsys,id=ss1,nqn=ss1)
  for number in 3 4; do
    machine+=(-device "pcie-root-port,id=rp$number,slot=$((number + 1)),chassis=$((number + 1))"
      -device "nvme,id=n$number,serial=plain,subsys=ss1,bus=rp$number")
  done
fi

initrd=$folder/initrd
if has newer-nvme-cli; then
  initrd=$scratch/initrd
  cat "$folder/initrd" "$folder/more" >"$initrd"
fi

boots=1
if [[ $words =~ ([0-9]+)-boots ]]; then
  boots=${BASH_REMATCH[1]}
  truncate -s 16M "$scratch/kept.img"
  machine+=(-drive "if=none,id=d1,file=$scratch/kept.img,format=raw" -device nvme,serial=kept,drive=d1)
fi

# boot NUMBER: fails unless each script comes to a good verdict.
boot() {
  local status=0 failed=0 name
  timeout -k 5 580 qemu-system-x86_64 "${machine[@]}" \
    -kernel "$folder/vmlinux" -initrd "$initrd" -append "$command_line nvmigrate.boot=$1" \
    </dev/null 2>"$scratch/qemu.log" | stdbuf -o0 tr -d '\r' | tee "$scratch/console" || status=$?
  for name in "${names[@]}"; do
    if grep -qx "verdict: $name 0" "$scratch/console"; then continue; fi
    failed=1
    grep -q "^verdict: $name " "$scratch/console" ||
      echo "vm: $name came to no verdict in boot $1 (qemu ended with $status)" >&2
  done
  [ "$failed" -eq 0 ] || cat "$scratch/qemu.log" >&2
  return "$failed"
}

for ((number = 1; number <= boots; number++)); do
  boot $number || exit 1
done
