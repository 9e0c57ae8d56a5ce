#!/usr/bin/env bash
# preset.sh UNITS SOURCE: what the scripts of the RPM make of the preset, by a real systemctl in a root
# without a running systemd: enabled at the first installation unless the administrator wants it
# otherwise, left alone by an upgrade, disabled when it is removed.
set -euo pipefail
units=$1
package=$2/cli/package
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
wanted=$root/etc/systemd/system/multi-user.target.wants/nvmigrate-apply.service

fail() {
  printf 'preset: %s\n' "$*" >&2
  exit 1
}

mkdir -p "$scratch/bin" "$root/usr/lib/systemd/system-preset" "$root/usr/lib/systemd/system" \
  "$root/etc/systemd/system-preset"
cp "$package/50-nvmigrate.preset" "$root/usr/lib/systemd/system-preset/"
echo 'disable *' >"$root/usr/lib/systemd/system-preset/99-default-disable.preset"
cp "$units/nvmigrate-apply.service" "$root/usr/lib/systemd/system/"
printf '#!/bin/sh\ncase " $* " in *" daemon-reload "*) exit 0 ;; esac\nexec %s --root=%s "$@"\n' \
  "$(command -v systemctl)" "$root" >"$scratch/bin/systemctl"
chmod +x "$scratch/bin/systemctl"
# script NAME COUNT: as rpm runs it, with the number of versions that are installed then.
script() { PATH=$scratch/bin:$PATH sh "$package/rpm/$1" "$2" >"$scratch/said" 2>&1 || fail "$1: $(cat "$scratch/said")"; }

script post_install 1
[ -L "$wanted" ] || fail "the first installation does not enable it: $(cat "$scratch/said")"
script pre_uninstall 1
script post_uninstall 1
[ -L "$wanted" ] || fail 'an upgrade disables it'
rm "$wanted"
script post_install 2
[ ! -L "$wanted" ] || fail 'an upgrade enables what the administrator disabled'
script post_install 1
script pre_uninstall 0
[ ! -L "$wanted" ] || fail 'it stays enabled when it is removed'
echo 'disable nvmigrate-apply.service' >"$root/etc/systemd/system-preset/10-here.preset"
script post_install 1
[ ! -L "$wanted" ] || fail 'the preset of the administrator is not heard'
