#!/usr/bin/env bash
# install.sh SOURCE build|prefix FROM CMAKE CXX: installs the build FROM into a temporary prefix, or
# copies the prefix FROM to where nobody has ever seen it, and uses what is there as a stranger
# would: the tool, its completion, and the library by CMake and by pkg-config. The programs of
# lib/examples are built on it and run on simulated subsystems.
set -euo pipefail
source=$1
kind=$2
from=$3
cmake=$4
cxx=$5
examples=$source/lib/examples
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
for page in "$source"/man/*.[157]; do
  section=${page##*.}
  [ -s "share/man/man$section/$(basename "$page")" ] || fail "man page missing: $(basename "$page")"
done
for schema in "$source"/cli/schemas/*.json; do
  [ -s "share/nvmigrate/schemas/$(basename "$schema")" ] || fail "schema missing: $(basename "$schema")"
done
for file in bin/nvmigrate share/man/man1/nvmigrate.1 share/bash-completion/completions/nvmigrate \
  share/zsh/site-functions/_nvmigrate share/fish/vendor_completions.d/nvmigrate.fish; do
  [ -s "$file" ] || fail "missing: $file"
done
[ -z "$(find . -path '*test*' -o -path '*gmock*')" ] || fail 'parts of the tests were installed'
library=$(find "$prefix" -type f -name 'libnvmigrate.*' ! -name '*.pc')
[ -n "$library" ] || fail 'the library is missing'

version=$(sed -nE 's/.*version\{"([^"]+)"\}.*/\1/p' include/nvmigrate/version.h)
[[ $(bin/nvmigrate --version) == *"$version"* ]] || fail "bin/nvmigrate is not version $version"

# --- Headers --------------------------------------------------------------------------------------
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name nvmigrate.pc)")
read -ra flags <<<"$(pkg-config --cflags nvmigrate)"
read -ra libraries <<<"$(pkg-config --libs nvmigrate)"

mapfile -t headers < <(cd include && find . -type f | sed 's|^\./||' | sort)
listed=$(sed -nE 's|^  (lib\|plugins)/(nvmigrate/[a-z_/]+\.h)\)?$|\2|p' \
  "$source/lib/package/install.cmake" | cat - <(echo nvmigrate/version.h) | sort)
[ "$(printf '%s\n' "${headers[@]}")" = "$listed" ] ||
  fail "other headers are installed than lib/package/install.cmake lists: ${headers[*]}"
for header in "${headers[@]}"; do
  "$cxx" "${flags[@]}" -Wall -Wextra -Wshadow -Wpedantic -Werror -fsyntax-only \
    -x c++ -include "include/$header" /dev/null || fail "$header does not compile alone"
  grep -qF "#include \"$header\"" "$examples"/*.cpp || fail "no example uses $header"
done
foreign=$(grep -rnE '#include <(nlohmann|fmt|CLI|spdlog|libnvme|openssl|xxhash)' include || true)
[ -z "$foreign" ] || fail "a public header needs another library: $foreign"
hidden=$(grep -rnE '^(\[\[nodiscard\]\] )?[A-Za-z][A-Za-z0-9_:<>]*[ &*]+[a-z_]+\(' include |
  grep -vE 'NVMIGRATE_API|constexpr|inline' || true)
[ -z "$hidden" ] || fail "a public function is not NVMIGRATE_API: $hidden"

# --- Exported symbols -----------------------------------------------------------------------------
visible='the library is static'
if [[ $library == *.so* ]]; then
  nm -D --defined-only --demangle "$library" | cut -d' ' -f3- >"$scratch/symbols"
  sed -E 's/^(vtable|typeinfo|typeinfo name) for //' "$scratch/symbols" | sed -E 's/[([].*//' |
    while read -r symbol; do
      [[ $symbol == nvmigrate::* ]] || fail "exported, and not of nvmigrate: $symbol"
      name=${symbol##*::}
      grep -rqwF -e "${name#\~}" include || fail "exported, and in no public header: $symbol"
    done
  visible="$(wc -l <"$scratch/symbols") exported symbols"
fi
echo "install: ${#headers[@]} public headers, $visible"

# --- Examples -------------------------------------------------------------------------------------
"$cmake" -S "$examples" -B "$scratch/examples" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_FLAGS='-Wall -Wextra -Wshadow -Wconversion -Werror' \
  >"$scratch/cmake.log" 2>&1 &&
  "$cmake" --build "$scratch/examples" >>"$scratch/cmake.log" 2>&1 || {
  cat "$scratch/cmake.log" >&2
  fail 'the examples do not build with find_package'
}
"$cxx" "${flags[@]}" "$examples/rehearse.cpp" -o "$scratch/rehearse" "${libraries[@]}" \
  -Wl,-rpath,"$(pkg-config --variable=libdir nvmigrate)" ||
  fail 'the rehearsal does not build with pkg-config'
if [[ $library == *.so* ]]; then
  [[ $(ldd "$scratch/rehearse") == *"$prefix/"* ]] || fail 'the rehearsal uses another library'
fi

export NVMIGRATE_STATE_DIR=$scratch/state NVMIGRATE_RUN_DIR=$scratch/run
export NVMIGRATE_SIM_DIR=$scratch/sim NVMIGRATE_CONFIG_DIR=$scratch/config

# expect STATUS TEXT COMMAND...: runs it; it ends with this status and prints this text.
expect() {
  local wanted=$1 text=$2 status=0 printed
  shift 2
  printed=$("$@" 2>&1) || status=$?
  [ "$status" -eq "$wanted" ] || fail "$(basename "$1") ended with $status: $printed"
  [[ $printed == *"$text"* ]] || fail "$(basename "$1") does not print '$text': $printed"
}

for rehearse in "$scratch/rehearse" "$scratch/examples/rehearse"; do
  expect 0 'the guest continues' "$rehearse"
done
expect 0 'nothing differs' "$scratch/examples/save_and_apply"
expect 0 'nothing differs' "$scratch/examples/save_and_apply"
[[ $("$prefix/bin/nvmigrate" plan 2>&1) == *'none was recorded'* ]] || fail 'a record was left'
[[ $("$prefix/bin/nvmigrate" sim list) != *rehearsal* ]] || fail 'the rehearsal left something'

provision=$scratch/examples/provision_and_bind
move=$scratch/examples/export_and_import
tool=$prefix/bin/nvmigrate
for name in a b; do
  "$tool" -q sim create "$name" >/dev/null
  expect 0 'vfio-pci,host=' "$provision" "sim:$name" 2
done
expect 4 '[vfs_exist' "$provision" sim:a 3
expect 2 '[usage]' "$provision" sim:a
"$tool" -q sim guest start sim:a vf1 >/dev/null
"$tool" -q sim guest start --empty sim:b vf1 >/dev/null
expect 4 '[source_runs]' "$move" sim:a vf1 "$scratch/snapshot" sim:b vf1 resume
expect 0 'imported' "$move" sim:a vf1 "$scratch/state-file" sim:b vf1
expect 0 'exactly where it stopped' "$tool" sim guest status sim:b vf1 --continues-from sim:a vf1
for verb in 'sim guest stop sim:a vf1' 'sim guest start --empty sim:a vf1'; do
  # shellcheck disable=SC2086  # words
  "$tool" -q $verb >/dev/null
done
there=$scratch/examples/move_to_host
expect 0 'moved to controller 1' "$there" sim:b vf1 "$there take" sim:a vf1
expect 0 'exactly where it stopped' "$tool" sim guest status sim:a vf1 --continues-from sim:b vf1
expect 2 '[usage]' "$there" sim:b
expect 2 '[usage]' "$scratch/examples/vmm" source sim:b vf1
expect 9 'a simulated function cannot be opened' "$scratch/examples/vmm" source sim:b vf1 "$scratch"
expect 0 "libnvmigrate $version" "$scratch/examples/list"
expect 0 'marked: away' "$scratch/examples/list" sim:b
expect 3 '[not_found]' "$scratch/examples/list" sim:missing

echo 'install: tool, man pages, completion, headers, CMake package and pkg-config file are there'
