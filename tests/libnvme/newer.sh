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

# Only libnvme is the newer one when it is compiled, and the host's is not seen; when it runs, what libnvme
# needs is newer, too.
prefix=$folder/prefix
mkdir -p "$prefix"/{include,lib/pkgconfig}
IFS=: read -ra places < <(pkg-config --variable pc_path pkg-config)
for each in "${places[@]}"; do
  [ ! -d "$each" ] || find "$each" -name '*.pc' ! -name 'libnvme*' -exec ln -sf -t "$prefix/lib/pkgconfig" {} +
done
for each in "$folder"/root/usr/include/{libnvme*,nvme}; do
  [ ! -e "$each" ] || ln -sfn -t "$prefix/include" "$each"
done
ln -sf -t "$prefix/lib" "$libraries"/libnvme*.so*
for each in "$libraries"/pkgconfig/libnvme*.pc; do
  sed "s|^prefix=.*|prefix=$prefix|; s|^libdir=.*|libdir=\${prefix}/lib|; /^Requires.private/d" "$each" \
    >"$prefix/lib/pkgconfig/${each##*/}"
done

PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig cmake -S "$source" -B "$folder/build" -G Ninja \
  -DBUILD_TESTING=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 \
  -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined \
  ${NVMIGRATE_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER=$NVMIGRATE_LAUNCHER}
cmake --build "$folder/build" --target "${tests[@]}"
for each in "${tests[@]}"; do
  echo "== $each with $(cat "$folder/versions")"
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/usr/lib/x86_64-linux-gnu" \
    "$folder/build/bin/$each" --gtest_brief=1
done
