#!/usr/bin/env bash
# install.sh SOURCE build|prefix FROM CMAKE CXX: installs the build FROM into a temporary prefix, or
# copies the prefix FROM to where nobody has ever seen it, and uses what is there as a stranger
# would: the tool, its completion, and the library by CMake and by pkg-config.
set -euo pipefail
source=$1
kind=$2
from=$3
cmake=$4
cxx=$5
consumer=$source/tests/install/consumer
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

if [ "$kind" = prefix ]; then
  cp -a "$from" "$prefix"
else
  "$cmake" --install "$from" --prefix "$prefix" >"$scratch/install.log" || {
    cat "$scratch/install.log" >&2
    fail 'cmake --install failed'
  }
fi
cd "$prefix"

# Every source of an installed file arrives, and nothing of the tests does.
for page in "$source"/man/*.[15]; do
  section=${page##*.}
  [ -s "share/man/man$section/$(basename "$page")" ] || fail "man page missing: $(basename "$page")"
done
for schema in "$source"/cli/schemas/*.json; do
  [ -s "share/nvmigrate/schemas/$(basename "$schema")" ] || fail "schema missing: $(basename "$schema")"
done
for file in bin/nvmigrate share/man/man1/nvmigrate.1 share/bash-completion/completions/nvmigrate \
  include/nvmigrate/version.h; do
  [ -s "$file" ] || fail "missing: $file"
done
(cd "$source/lib" && find nvmigrate -name '*.h') | while read -r header; do
  [ -f "include/$header" ] || fail "header missing: $header"
done
[ -z "$(find . -path '*test*' -o -path '*gmock*')" ] || fail 'parts of the tests were installed'
[ -n "$(find . -name 'libnvmigrate.*')" ] || fail 'the library is missing'

version=$(sed -nE 's/.*version\{"([^"]+)"\}.*/\1/p' include/nvmigrate/version.h)
[[ $(bin/nvmigrate --version) == *"$version"* ]] || fail "bin/nvmigrate is not version $version"
if [ "$kind" = prefix ]; then
  ldd bin/nvmigrate | grep -qF "$prefix/" || fail 'the tool does not find the library beside it'
fi

# Every header stands on its own: one file that includes them all, sorted both ways.
(cd include && find nvmigrate -name '*.h' | sort | sed 's/.*/#include <&>/') >"$scratch/headers.h"
sort -r "$scratch/headers.h" >"$scratch/reversed.h"

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name nvmigrate.pc)")

"$cmake" -S "$consumer" -B "$scratch/by-cmake" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$prefix" -DEXPECTED_VERSION="$version" >"$scratch/cmake.log" 2>&1 &&
  "$cmake" --build "$scratch/by-cmake" >>"$scratch/cmake.log" 2>&1 || {
  cat "$scratch/cmake.log" >&2
  fail 'the consumer does not build with find_package'
}
[ "$("$scratch/by-cmake/consumer")" = "$version" ] || fail 'the consumer built by CMake is wrong'

read -ra flags <<<"$(pkg-config --cflags nvmigrate)"
read -ra libraries <<<"$(pkg-config --libs nvmigrate)"
"$cxx" "${flags[@]}" "$consumer/main.cpp" -o "$scratch/by-pkg-config" "${libraries[@]}" \
  -Wl,-rpath,"$(pkg-config --variable=libdir nvmigrate)"
[ "$("$scratch/by-pkg-config")" = "$version" ] || fail 'the consumer built by pkg-config is wrong'
for order in headers reversed; do
  "$cxx" "${flags[@]}" -fsyntax-only -x c++ -include "$scratch/$order.h" /dev/null ||
    fail "the headers do not compile together ($order)"
done

echo 'install: tool, man pages, completion, headers, CMake package and pkg-config file are there'
