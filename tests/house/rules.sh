#!/usr/bin/env bash
# The rules of the house that no compiler checks: who may include whom, what a file may hold, and
# how the tests are named. Run from the root of the project; prints every breach.
set -euo pipefail

breaches=0
breach() {
  printf '%s\n' "$*"
  breaches=$((breaches + 1))
}

# Prints the lines under the given paths that match the extended expression.
matches() {
  local expression=$1
  shift
  grep -rnIE --include='*.h' --include='*.cpp' -e "$expression" -- "$@" 2>/dev/null || true
}

forbid() {
  local why=$1 found
  shift
  found=$(matches "$@")
  [ -z "$found" ] || breach "$why:"$'\n'"$found"
}

every_file() {
  if [ -e .git ]; then
    git -c safe.directory="$PWD" ls-files
  else
    find . -name 'build*' -prune -o -type f -print | sed 's|^\./||'
  fi
}

# --- Who may include whom -------------------------------------------------------------------------
include='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]'

forbid 'lib must not know plugins, cli or tests' "$include(plugins|cli|tests)/" lib
forbid 'plugins must not know cli or tests' "$include(cli|tests)/" plugins
forbid 'cli must not know tests' "${include}tests/" cli
forbid 'includes are named from the root, not relatively' "$include\.\.?/" lib plugins cli tests

found=$(matches "$include(libnvme|nvme/[a-z-]+)\.h[>\"]" lib plugins cli tests | grep -v '^lib/nvmigrate/nvme/libnvme.h:' || true)
[ -z "$found" ] || breach "libnvme is included by nvme/libnvme.h alone:"$'\n'"$found"

# lib/CMakeLists.txt says which rooms a room needs; needs of needs count.
declare -A needs
while read -r room list; do
  needs[$room]=$list
done < <(sed -nE 's/^nvmigrate_room\(([a-z_]+)( NEEDS ([a-z_ ]+))?( LINKS .*)?\)$/\1 \3/p' \
  lib/CMakeLists.txt)
[ "${#needs[@]}" -gt 0 ] || breach 'lib/CMakeLists.txt names no rooms'

allowed() {
  local room
  printf '%s\n' "$1"
  for room in ${needs[$1]}; do allowed "$room"; done
}

for room in "${!needs[@]}"; do
  rooms=$(allowed "$room" | sort -u | paste -sd '|')
  found=$(matches "${include}nvmigrate/" "lib/nvmigrate/$room" |
    grep -vE "[<\"]nvmigrate/(($rooms)/|version\.h)" || true)
  [ -z "$found" ] || breach "room $room includes a room it does not need:"$'\n'"$found"
done
for folder in lib/nvmigrate/*/; do
  [ -n "${needs[$(basename "$folder")]+known}" ] || breach "unknown room: $folder"
done

# --- What a file may hold -------------------------------------------------------------------------
# The words are split so that this file does not hold them itself.
left_behind='TO''DO|FIX''ME|XX''X|HA''CK'
skipped='GTEST_''SKIP|DISA''BLED_'
machine='(^|[^[:alnum:]_.])/(wo''rk|fa''rm)/|\.\./sha''red|deb\.deb''ian\.org'

found=$(every_file | grep -v '^LICENSE$' | tr '\n' '\0' | xargs -0 -r grep -nIwE -e "$left_behind" -- || true)
[ -z "$found" ] || breach 'left behind:'$'\n'"$found"
found=$(every_file | tr '\n' '\0' | xargs -0 -r grep -nIE -e "$skipped" -- || true)
[ -z "$found" ] || breach 'a test that does not run:'$'\n'"$found"
found=$(every_file | tr '\n' '\0' | xargs -0 -r grep -nIE -e "$machine" -- || true)
[ -z "$found" ] || breach 'a path of one machine, or a package host:'$'\n'"$found"
found=$(every_file | grep -E '(^|/)(build[^/]*|\.cache)/|\.(o|a|so|img|qcow2|deb)$' || true)
[ -z "$found" ] || breach 'a built file:'$'\n'"$found"

long=$(every_file | grep -E '\.(cpp|h|sh|py)$' | tr '\n' '\0' | xargs -0 -r wc -l |
  awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines" }')
[ -z "$long" ] || breach 'longer than 500 lines:'$'\n'"$long"

median=$(every_file | grep -E '\.(cpp|h)$' | xargs -r wc -l | awk '$2 != "total" { print $1 }' |
  sort -n | awk '{ lines[NR] = $1 } END { print lines[int((NR + 1) / 2)] }')
[ "$median" -lt 150 ] || breach "half of all sources have more than $median lines"

undocumented=$(find lib plugins cli -name '*.h' -print0 | xargs -0 awk '
  /^class [A-Za-z]+[^;]*\{/ && before !~ /\/\/\// { print FILENAME ":" FNR ": " $0 }
  !/^template/ { before = $0 }')
[ -z "$undocumented" ] || breach $'a class without a word of what it is:\n'"$undocumented"

guards=$(every_file | grep -E '\.h$' | tr '\n' '\0' | xargs -0 -r grep -L '^#pragma once$' || true)
[ -z "$guards" ] || breach 'a header without #pragma once:'$'\n'"$guards"

# --- How the top looks and how tests are named ----------------------------------------------------
for entry in */; do
  case $entry in
    cli/ | plugins/ | lib/ | completions/ | man/ | tests/ | build*/) ;;
    *) breach "the top level has no room for $entry" ;;
  esac
done

headings=$(printf '%s\n' 'What it is' 'Command set' 'What it checks' 'Limits' 'Sources')
for folder in plugins/*/; do
  [ -d "$folder" ] && [ "$folder" != plugins/nvmigrate/ ] || continue  # the header of all
  found=$(sed -n 's/^## //p' "${folder}README.md" 2>/dev/null || true)
  [ "$found" = "$headings" ] ||
    breach "${folder}README.md has other headings than: $(paste -sd ',' <<<"$headings")"
done

# ctest runs a journey by the name of its file, so other names would never run.
for file in tests/journey/*_test.cpp; do
  [ -e "$file" ] || continue
  suite=$(basename "$file" _test.cpp | sed -E 's/(^|_)([a-z0-9])/\U\2/g')
  found=$(grep -nE '^TEST(_[FP])?\(' "$file" | grep -vE "\($suite" || true)
  [ -z "$found" ] || breach "$file: suites must be named $suite...:"$'\n'"$found"
done

[ "$breaches" -eq 0 ] || exit 1
echo 'the house is in order'
