#!/usr/bin/env bash
# image.sh FOLDER NVMIGRATE: leaves in FOLDER what boot.sh boots: Debian's kernel (fetched once, never
# installed) and an initial RAM disk with busybox, jq, the kernel's modules that the scripts need,
# the scripts, and NVMIGRATE with its libraries.
set -euo pipefail

folder=$1
program=$2
here=$(cd "$(dirname "$0")" && pwd)

# In the order in which the guest loads them; those after "later" are left to modprobe.
modules=(crct10dif_common crc-t10dif crc64 crc64_rocksoft_generic crc64-rocksoft t10-pi nvme-core nvme)
later=(irqbypass vfio_virqfd vfio vfio_iommu_type1 vfio-pci-core vfio-pci minix loop)
tools=(jq mkfs.minix)

fail() {
  printf 'vm: %s\n' "$*" >&2
  exit 1
}

for tool in busybox cpio depmod dpkg apt-get qemu-system-x86_64 "${tools[@]}"; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || fail "$tool is needed and not installed"
done
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d "$folder/making.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# --- The kernel -----------------------------------------------------------------------------------
# The package that the metapackage of the usual amd64 kernel depends on now.
kernel_package() {
  apt-cache depends linux-image-amd64 2>/dev/null |
    sed -nE 's/.*Depends: (linux-image-[0-9][^ ]*-amd64)$/\1/p' | head -n 1
}

download() {
  local package
  package=$(kernel_package)
  [ -n "$package" ] && (cd "$scratch" && apt-get -o APT::Sandbox::User=root download "$package")
}

fetch_kernel() {
  if ! download >"$scratch/log" 2>&1; then
    [ "$(id -u)" -eq 0 ] || fail "the kernel package cannot be fetched, and only root can update the
package lists: $(tail -n 3 "$scratch/log")"
    apt-get -o DPkg::Lock::Timeout=300 update >>"$scratch/log" 2>&1 || true
    download >>"$scratch/log" 2>&1 ||
      fail "the kernel package linux-image-amd64 cannot be fetched (is there a network?):
$(tail -n 5 "$scratch/log")"
  fi
  dpkg -x "$scratch"/linux-image-*.deb "$scratch/kernel"
  depmod -b "$scratch/kernel" "$(ls "$scratch/kernel/lib/modules")"
  rm -rf "$folder/kernel"
  mv "$scratch/kernel" "$folder/kernel"
}

[ -d "$folder/kernel" ] || fetch_kernel
release=$(ls "$folder/kernel/lib/modules")
cp "$folder/kernel/boot/vmlinuz-$release" "$scratch/vmlinuz"

# --- The initial RAM disk -------------------------------------------------------------------------
root=$scratch/root
mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,mnt,etc,root,guest,var/lib,"lib/modules/$release"}

# Puts a program into /bin with the libraries it is linked with, without what is for debuggers.
add_program() {
  local library
  strip -o "$root/bin/$(basename "$1")" "$1" 2>/dev/null || cp -L "$1" "$root/bin/"
  { ldd "$1" 2>/dev/null || true; } | sed -nE 's/.* (\/[^ ]+) \(0x.*/\1/p; s/^\t(\/[^ ]+) \(0x.*/\1/p' |
    while read -r library; do
      [ -e "$root$library" ] || install -D -m 755 "$(realpath "$library")" "$root$library"
    done
}

cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
ln -s ../bin/busybox "$root/sbin/modprobe"
rm -f "${tools[@]/#/$root/bin/}"
for tool in "${tools[@]}"; do add_program "$(command -v "$tool")"; done
add_program "$program"
echo 'root:x:0:0:root:/root:/bin/sh
guest:x:1000:1000:guest:/tmp:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:
guest:x:1000:' >"$root/etc/group"

for module in "${modules[@]}" "${later[@]}"; do
  file=$(cd "$folder/kernel" && find "lib/modules/$release" -name "$module.ko" | head -n 1)
  [ -n "$file" ] || fail "the kernel $release has no module $module"
  install -D -m 644 "$folder/kernel/$file" "$root/$file"
done
cp "$folder/kernel/lib/modules/$release"/modules.{builtin,order} "$root/lib/modules/$release/"
depmod -b "$root" "$release" 2>/dev/null
printf '%s\n' "${modules[@]}" >"$root/etc/modules"

cp -r "$here"/guest/*.sh "$here/guest/lib" "$root/guest/"
install -m 755 "$here/guest/init" "$root/init"

(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$scratch/initrd"
mv "$scratch/vmlinuz" "$folder/vmlinuz"
mv "$scratch/initrd" "$folder/initrd"
echo "vm: kernel $release and $(du -h "$folder/initrd" | cut -f 1) of initial RAM disk are ready"
