#!/usr/bin/env bash
# newer.sh FOLDER newer|experimental: builds what touches libnvme with the libnvme of a later release of Debian, and
# runs its tests there with that release's libraries. Nothing is installed.
set -euo pipefail

folder=$1
which=$2
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
tests=(nvme_tests ports_tests plugin_nvme_tests plugin_sim_tests libnvme_tests)

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
bash "$here/../support/newer.sh" "$folder" "$which" libnvme-dev || exit
libraries=$folder/root/usr/lib/x86_64-linux-gnu

# Only libnvme is the newer one when it is compiled; when it runs, what libnvme needs is newer, too.
mkdir -p "$folder/prefix/lib/pkgconfig"
mkdir -p "$folder/prefix/include"
for each in "$folder"/root/usr/include/{libnvme*,nvme}; do
  [ ! -e "$each" ] || ln -sfn "$each" "$folder/prefix/include/"
done
for each in "$libraries"/libnvme*.so*; do ln -sf "$each" "$folder/prefix/lib/"; done
for each in "$libraries"/pkgconfig/libnvme*.pc; do
  sed "s|^prefix=.*|prefix=$folder/prefix|; s|^libdir=.*|libdir=\${prefix}/lib|; /^Requires.private/d" "$each" \
    >"$folder/prefix/lib/pkgconfig/$(basename "$each")"
done

PKG_CONFIG_PATH=$folder/prefix/lib/pkgconfig cmake -S "$source" -B "$folder/build" -G Ninja \
  -DBUILD_TESTING=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 -DNVMIGRATE_WERROR=OFF \
  -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined \
  ${NVMIGRATE_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER=$NVMIGRATE_LAUNCHER}
cmake --build "$folder/build" --target "${tests[@]}"
for each in "${tests[@]}"; do
  echo "== $each with $(cat "$folder/versions")"
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/usr/lib/x86_64-linux-gnu" \
    "$folder/build/bin/$each" --gtest_brief=1
done
