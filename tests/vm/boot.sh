#!/usr/bin/env bash
# boot.sh FOLDER SCRIPT: boots what image.sh made and runs SCRIPT, one of guest/, in it. The machine has
# an SR-IOV NVMe controller with 4 VFs behind a root port, and an IOMMU; a comment
# "# machine: WORD..." in the script changes it:
#   no-iommu            there is no IOMMU
#   no-nvme             there is no NVMe controller
#   detached-namespace  the namespace is attached to no controller at first
#   second-controller   the subsystem has a second controller on another root port that is not a VF
# Prints the console. The last line but the kernel's, "verdict: NAME STATUS", decides.
set -euo pipefail

folder=$1
script=$2
name=$(basename "$script" .sh)
words=$(sed -nE 's/^# machine: (.*)$/\1/p' "$script")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

has() { [[ " $words " == *" $1 "* ]]; }

truncate -s 16M "$scratch/namespace.img"
machine=(-M "q35,kernel-irqchip=split" -cpu max -smp 1 -m 512 -nographic -nodefaults
  -monitor none -serial stdio -no-reboot)
# A /dev/kvm that opens says little about whether it boots a kernel, so translation is the default.
machine+=(-accel "${NVMIGRATE_VM_ACCEL:-tcg}")
# The kernel's check whether the timer interrupts in time fails on a busy host.
command_line="console=ttyS0 quiet panic=-1 no_timer_check nvmigrate.script=$name"

if ! has no-iommu; then
  machine+=(-device intel-iommu,caching-mode=on)
  command_line+=" intel_iommu=on"
fi
if ! has no-nvme; then
  machine+=(-device pcie-root-port,id=rp0,slot=1 -device nvme-subsys,id=ss0,nqn=ss0
    -device nvme,id=n0,serial=pf0,subsys=ss0,bus=rp0,max_ioqpairs=18,msix_qsize=19,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=8
    -drive "if=none,id=d0,file=$scratch/namespace.img,format=raw"
    -device "nvme-ns,drive=d0,bus=n0,nsid=1,shared=on,detached=$(has detached-namespace && echo on || echo off)")
fi
if has second-controller; then
  machine+=(-device pcie-root-port,id=rp1,slot=2,chassis=2
    -device nvme,id=n1,serial=pf0,subsys=ss0,bus=rp1)
fi

status=0
timeout -k 5 280 qemu-system-x86_64 "${machine[@]}" \
  -kernel "$folder/vmlinuz" -initrd "$folder/initrd" -append "$command_line" \
  </dev/null 2>"$scratch/qemu.log" | tr -d '\r' | tee "$scratch/console" || status=$?

if grep -qx "verdict: $name 0" "$scratch/console"; then exit 0; fi
cat "$scratch/qemu.log" >&2
if ! grep -q "^verdict: $name " "$scratch/console"; then
  echo "vm: $name came to no verdict (qemu ended with $status)" >&2
fi
exit 1
