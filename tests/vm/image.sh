#!/usr/bin/env bash
# image.sh FOLDER own|newer NVMIGRATE UNITS [PROGRAM...]: leaves in FOLDER what boot.sh boots: a kernel of Debian (see
# kernel.sh) and an initial RAM disk with busybox, bash, jq, nvme-cli, the kernel's modules that the scripts
# need, the scripts, those of cli/examples, NVMIGRATE and the PROGRAMs with their libraries, and the units in
# the folder UNITS. With Debian's own kernel there is a second disk, "more": the nvme-cli of a later release with
# its libraries and loader in /newer, or the reason why it is missing. Ends with 77 when no such kernel was found.
set -euo pipefail

folder=$1
which=$2
program=$3
units=${4-}
programs=("${@:5}")
here=$(cd "$(dirname "$0")" && pwd)

# With what they depend on. The first ones are loaded at boot; where a kernel lacks the optional ones,
# it has them built in.
modules=(nvme)
later=(vfio-pci vfio_iommu_type1 minix loop cuse)
optional=(crc64_rocksoft_generic)
tools=(bash jq mkfs.minix nvme setpriv)

fail() {
  printf 'vm: %s\n' "$*" >&2
  exit 1
}

PATH=$PATH:/usr/sbin:/sbin
for tool in busybox cpio depmod modinfo xz zstd dpkg apt-get qemu-system-x86_64 "${tools[@]}"; do
  command -v "$tool" >/dev/null || fail "$tool is needed and not installed"
done
bash "$here/kernel.sh" "$folder" "$which" || exit
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d "$folder/making.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
release=$(ls "$folder/kernel/lib/modules")

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

# Adds a module and what it depends on, unpacked: busybox loads no compressed ones.
add_module() {
  local file needed
  file=$(cd "$folder/kernel" && find "lib/modules/$release/kernel" -name "${1//[-_]/[-_]}.ko*")
  [ -n "$file" ] || return 1
  [ ! -e "$root/${file%.xz}" ] || return 0
  install -D -m 644 "$folder/kernel/$file" "$root/$file"
  case $file in *.xz) xz -d "$root/$file" ;; esac
  for needed in $(modinfo -F depends "$root/${file%.xz}" | tr , ' '); do
    add_module "$needed" || fail "the kernel $release has no module $needed, which $1 needs"
  done
}

cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
ln -s ../bin/busybox "$root/sbin/modprobe"
rm -f "${tools[@]/#/$root/bin/}"
for tool in "${tools[@]}"; do add_program "$(command -v "$tool")"; done
for each in "$program" "${programs[@]}"; do add_program "$each"; done
echo 'root:x:0:0:root:/root:/bin/sh
guest:x:1000:1000:guest:/tmp:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:
guest:x:1000:' >"$root/etc/group"

for module in "${optional[@]}"; do
  if add_module "$module"; then echo "$module" >>"$root/etc/modules"; fi
done
for module in "${modules[@]}" "${later[@]}"; do
  add_module "$module" || fail "the kernel $release has no module $module"
done
printf '%s\n' "${modules[@]}" >>"$root/etc/modules"
cp "$folder/kernel/lib/modules/$release"/modules.{builtin,order} "$root/lib/modules/$release/"
depmod -b "$root" "$release" 2>/dev/null

cp -r "$here"/{guest,bench}/*.sh "$here/guest/lib" "$root/guest/"
cp "$units"/*.service "$root/guest/"
cp -r "$here/../../cli/examples" "$root/guest/"
install -m 755 "$here/guest/init" "$root/init"

# pack ROOT NAME
pack() {
  (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) >"$scratch/$2"
  mv "$scratch/$2" "$folder/$2"
}

# What a later release has, with its own loader, as `newer nvme` runs it.
add_newer() {
  local from=$folder/nvme-cli to=$scratch/newer library loader=lib64/ld-linux-x86-64.so.2
  mkdir -p "$to/newer" "$to/bin"
  if ! bash "$here/../support/newer.sh" "$from" newer nvme-cli; then
    cp "$from/missing" "$to/newer/missing"
    return
  fi
  cp -L "$from/root/$loader" "$from/root/usr/sbin/nvme" "$to/newer/"
  "$from/root/$loader" --library-path "$from/root/usr/lib/x86_64-linux-gnu" --list "$to/newer/nvme" |
    sed -nE 's/.* => (\/[^ ]+) .*/\1/p' | while read -r library; do cp -L "$library" "$to/newer/"; done
  printf '#!/bin/sh\nexec /newer/%s --library-path /newer /newer/nvme "$@"\n' "${loader##*/}" >"$to/bin/newer-nvme"
  chmod +x "$to/bin/newer-nvme"
}

# Prints the kernel in VMLINUZ, unpacked. QEMU boots it through its PVH entry; unpacking itself would take
# the kernel longer than the rest of the boot. The offsets are those of the kernel's Documentation/arch/x86/boot.rst.
unpack_kernel() {
  local setup_sectors payload size magic tool
  field() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
  setup_sectors=$(field "$1" $((0x1f1)) 1)
  payload=$(((setup_sectors + 1) * 512 + $(field "$1" $((0x248)) 4)))
  size=$(($(field "$1" $((0x24c)) 4) - 4)) # without the size of what is packed
  magic=$(od -An -t x1 -j "$payload" -N 4 "$1" | tr -d ' ')
  case $magic in
    fd377a58) tool=xz ;;
    28b52ffd) tool=zstd ;;
    *) fail "the kernel $release is packed in a way that begins with $magic" ;;
  esac
  dd if="$1" bs=64k iflag=skip_bytes,count_bytes skip="$payload" count="$size" status=none | "$tool" -dc
}

pack "$root" initrd
if [ "$which" = own ]; then
  add_newer
  pack "$scratch/newer" more
fi
vmlinuz=$(find "$folder/kernel/" -name "vmlinuz*" -type f)
[ -n "$vmlinuz" ] || fail "the packages of the kernel $release have no vmlinuz"
if [ ! -e "$folder/vmlinux" ]; then
  unpack_kernel "$vmlinuz" >"$scratch/vmlinux"
  mv "$scratch/vmlinux" "$folder/vmlinux"
fi
echo "vm: $(du -h "$folder/initrd" | cut -f 1) of initial RAM disk are ready"
