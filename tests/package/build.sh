#!/usr/bin/env bash
# build.sh SOURCE FOLDER: builds SOURCE as packages are built, below /usr with Debian's flags and a
# shared library, makes .debs and RPMs in FOLDER/packages, and checks them: lintian is content, they
# have what `cmake --install` installs, and every file below /etc is a conffile.
set -euo pipefail
source=$(cd "$1" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
. "$source/tests/packages.sh"
. "$source/tests/package/logged.sh" package "$folder/log"

need_packages "${build_packages[@]}" "${package_packages[@]}"

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
flags=$(dpkg-buildflags --get CXXFLAGS | sed -E 's/-ffile-prefix-map=[^ ]*//')
export DEB_BUILD_MAINT_OPTIONS=hardening=+all
logged cmake -S "$source" -B "$folder/build" -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_INSTALL_PREFIX=/usr -DBUILD_SHARED_LIBS=ON -DBUILD_TESTING=OFF \
  -DNVMIGRATE_ZSH_DIR=share/zsh/vendor-completions \
  -DCMAKE_CXX_FLAGS="$flags $(dpkg-buildflags --get CPPFLAGS) -ffile-prefix-map=$source=." \
  -DCMAKE_EXE_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS)" \
  -DCMAKE_SHARED_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS)"
logged cmake --build "$folder/build" -j "$(nproc)"
rm -rf "$folder/packages" "$folder/tree" "$folder/extracted"
mkdir -p "$folder/packages" "$folder/extracted"
umask 022
for generator in DEB RPM; do
  (cd "$folder/build" && logged cpack -G $generator -B "$folder/packages")
done
rm -rf "$folder/packages/_CPack_Packages"
mapfile -t debs < <(find "$folder/packages" -name '*.deb' | sort)
mapfile -t rpms < <(find "$folder/packages" -name '*.rpm' | sort)
[ "${#debs[@]}" -eq 3 ] && [ "${#rpms[@]}" -eq 3 ] || fail "made: ${debs[*]} ${rpms[*]}"

lintian --fail-on error,warning --allow-root "${debs[@]}" || fail 'lintian is not content'

# What a package adds to the tree, and how it compresses, is the policy's business.
normal() {
  sed -E 's|^\.||; s|\.gz$||' |
    grep -vE '^/usr/share/(doc/[^/]*/(copyright|changelog.*)|lintian/.*)$' | sort
}
DESTDIR=$folder/tree logged cmake --install "$folder/build"
(cd "$folder/tree" && find . ! -type d) | normal >"$folder/installed"
for deb in "${debs[@]}"; do
  dpkg-deb -c "$deb" | awk '!/^d/ { print $6 }'
done | normal >"$folder/packed"
diff "$folder/installed" "$folder/packed" || fail 'the .debs have other files than cmake --install'
for rpm in "${rpms[@]}"; do
  rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" | awk '!/^d/ { print $2 }'
done | normal >"$folder/packed"
diff "$folder/installed" "$folder/packed" || fail 'the RPMs have other files than cmake --install'

for deb in "${debs[@]}"; do
  diff <(dpkg-deb -c "$deb" | awk '!/^d/ && $6 ~ /^\.\/etc\// { print substr($6, 2) }' | sort) \
    <(dpkg-deb -I "$deb" conffiles 2>/dev/null | sort) || fail "conffiles of $deb"
  dpkg-deb -f "$deb" Package Depends
done
for script in 'systemctl --no-reload preset' 'systemctl --no-reload disable'; do
  rpm -qp --scripts "$folder"/packages/nvmigrate-0*.rpm | grep -qF "$script" || fail "no '$script' in the RPM"
done
echo "package: $(wc -l <"$folder/installed") files in ${#debs[@]} .debs and ${#rpms[@]} RPMs"
