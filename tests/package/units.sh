#!/usr/bin/env bash
# units.sh FOLDER NVMIGRATE: systemd accepts the units in FOLDER, NVMIGRATE knows the options that they
# give it, and their sandbox hides nothing that the tool must see. Prints how exposed they are.
set -euo pipefail
folder=$1
tool=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  printf 'units: %s\n' "$*" >&2
  exit 1
}

for kind in STATE RUN SIM CONFIG; do
  mkdir -m 700 "$scratch/$kind"
  export "NVMIGRATE_${kind}_DIR=$scratch/$kind"
done
"$tool" -q sim create lab >/dev/null
for name in nvmigrate-apply.service nvmigrate-apply@.service; do
  sed -E "s|^(ExecStart=)[^ ]*/nvmigrate |\1$tool |" "$folder/$name" >"$scratch/$name"
  command=$(sed -n 's/^ExecStart=//p' "$scratch/$name")
  [[ $command == "$tool apply"* ]] || fail "$name does not run the tool: $command"
  # Of this host no drive is looked at.
  [[ $command == *--device* ]] || command+=' --device %I'
  read -ra words <<<"${command//%I/sim:lab} --dry-run"
  "${words[@]}" >/dev/null 2>"$scratch/said" || fail "$command: $(cat "$scratch/said")"
done
for name in nvmigrate-apply.service nvmigrate-apply@nvme0.service; do
  SYSTEMD_UNIT_PATH="$scratch:" systemd-analyze verify --man=no "$scratch/$name" 2>"$scratch/said" ||
    fail "$name: $(cat "$scratch/said")"
  # It also complains of other units of this host.
  ! grep -F nvmigrate "$scratch/said" || fail "$name is not quite right"
done

# With one of these a mount, a process, a driver or an attribute could not be seen or changed.
hidden='^(ProtectHome=(yes|true|tmpfs)|PrivateTmp|PrivateMounts|PrivateDevices|PrivateNetwork|PrivateUsers|'
hidden+='ProtectProc|ProcSubset|ProtectKernelTunables|ProtectKernelModules|InaccessiblePaths|TemporaryFileSystem|'
hidden+='RootDirectory)'
for name in nvmigrate-apply.service nvmigrate-apply@.service; do
  ! grep -E "$hidden" "$scratch/$name" || fail "$name hides what the tool must see"
  for line in RuntimeDirectoryPreserve=yes StateDirectoryMode=0700 RuntimeDirectoryMode=0700 \
    Type=oneshot; do
    grep -qx "$line" "$scratch/$name" || fail "$name has no $line"
  done
  for later in libvirtd virtqemud libvirt-guests kubelet containerd docker crio; do
    grep -qE "^Before=.*\b$later\.service" "$scratch/$name" || fail "$name is not before $later"
  done
done

exposed=$(systemd-analyze security --offline=true --threshold=50 --no-pager \
  "$scratch/nvmigrate-apply.service") || fail "more exposed than 5.0: $exposed"
grep -F 'exposure level' <<<"$exposed"
