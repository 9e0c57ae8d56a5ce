#!/usr/bin/env bash
# root.sh SOURCE FOLDER: installs the .debs of FOLDER/packages in a clean root of Debian, made with
# the archive that apt on this host uses, and runs the demo with them; then removes, installs again
# and purges them, and looks at what stays. Needs root.
set -euo pipefail
source=$(cd "$1" && pwd)
folder=$(cd "$2" && pwd)
[ "$(id -u)" -eq 0 ] || {
  echo 'root: this needs root' >&2
  exit 1
}
root=$(mktemp -d "$folder/root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT

. "$source/tests/package/logged.sh" root "$folder/root.log"

# inside COMMAND...: in the root, with a /proc of its own.
inside() {
  unshare --mount --pid --fork --root="$root" --mount-proc /usr/bin/env -i LC_ALL=C.UTF-8 HOME=/root \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    http_proxy="${http_proxy-}" https_proxy="${https_proxy-}" "$@"
}

# shellcheck disable=SC2016 # apt's own variables
read -r uri suite < <(apt-get indextargets --format '$(LABEL)|$(IDENTIFIER)|$(REPO_URI)|$(CODENAME)' |
  sed -nE 's/^Debian\|Packages\|([^|]*)\|([a-z]+)$/\1 \2/p' | head -n 1) ||
  fail 'apt does not know the archive of Debian'
if [ ! -e "$folder/base.tar" ]; then
  logged debootstrap --variant=minbase "$suite" "$root" "$uri"
  rm -f "$root"/var/cache/apt/archives/*.deb
  tar --one-file-system -cf "$folder/base.tar.new" -C "$root" .
  mv "$folder/base.tar.new" "$folder/base.tar"
else
  tar -xf "$folder/base.tar" -C "$root"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
mkdir "$root/packages" "$root/source"
cp "$folder"/packages/*.deb "$root/packages/"
cp -r "$source/tests" "$root/source/"

# list: all files of the root but those that every package changes.
list() {
  (cd "$root" && find etc usr lib var ! -path 'var/lib/dpkg*' ! -path 'var/lib/apt*' ! -path 'var/cache*' \
    ! -path 'var/log*' ! -path 'etc/ld.so.cache' | sort)
}
install() { logged inside apt-get install -y --no-install-recommends "${debs[@]}"; }
debs=()
for deb in "$root"/packages/*.deb; do debs+=("/packages/${deb##*/}"); done
mapfile -t names < <(for deb in "$root"/packages/*.deb; do dpkg-deb -f "$deb" Package; done)
wanted=etc/systemd/system/multi-user.target.wants/nvmigrate-apply.service

logged inside apt-get update
# What the packages need stays when they go.
install
[ -L "$root/$wanted" ] || fail 'the unit is not enabled'
logged inside dpkg --verify "${names[@]}"
[ ! -s "$folder/root.log" ] || fail "dpkg --verify: $(cat "$folder/root.log")"
inside nvmigrate --version
inside bash /source/tests/demo.sh --installed >"$folder/demo.log" 2>&1 || {
  tail -n 20 "$folder/demo.log"
  fail 'the demo failed'
}
tail -n 1 "$folder/demo.log"

# A second profile of the administrator, and records of the tool.
mkdir -p "$root/etc/nvmigrate"
echo '{}' >"$root/etc/nvmigrate/own.json"
inside nvmigrate -q sim create left-over >/dev/null
logged inside apt-get remove -y "${names[@]}"
[ -d "$root/var/lib/nvmigrate/sim" ] || fail 'remove took the records'
inside test -e /usr/bin/nvmigrate && fail 'remove left the tool'

# apt forgets packages of no archive once they are removed.
logged inside dpkg --purge "${names[@]}"
[ ! -e "$root/var/lib/nvmigrate" ] || fail 'purge left the records'
[ -e "$root/etc/nvmigrate/own.json" ] || fail 'purge took a profile of the administrator'
rm -r "$root/etc/nvmigrate"
list >"$folder/before"
found=$(grep -F nvmigrate "$folder/before" || true)
[ -z "$found" ] || fail "purge left: $found"

install
inside nvmigrate --version
[ -L "$root/$wanted" ] || fail 'the unit is not enabled again'
rm "$root/$wanted"  # as systemctl disable does
logged inside apt-get install -y --reinstall "${debs[@]}"
[ ! -L "$root/$wanted" ] || fail 'an upgrade enables what the administrator disabled'
logged inside apt-get purge -y "${names[@]}"
list >"$folder/after"
diff "$folder/before" "$folder/after" || fail 'another purge leaves other files'
echo 'root: installed, removed, purged and installed again, and the demo ran'
