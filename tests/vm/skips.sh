#!/usr/bin/env bash
# skips.sh: where apt names no archive of Debian, or cannot reach it, there is no newer kernel, and the
# tests that need one are skipped and not failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# skipped COMMAND...: it ends with 77 and says why.
skipped() {
  local status=0
  "$@" >"$scratch/out" 2>&1 || status=$?
  if [ "$status" -ne 77 ] || ! grep -q 'no newer kernel' "$scratch/out"; then
    echo "$* ended with $status:"
    cat "$scratch/out"
    exit 1
  fi
}

echo "Dir::Etc::sourcelist \"/dev/null\"; Dir::Etc::sourceparts \"/dev/null\";
Dir::State::lists \"$scratch/lists\";" >"$scratch/nothing"
echo 'Acquire::http::Proxy "http://127.0.0.1:9/"; Acquire::https::Proxy "http://127.0.0.1:9/";' \
  >"$scratch/unreachable"
for configuration in nothing unreachable; do
  export APT_CONFIG=$scratch/$configuration
  folder=$scratch/newer-$configuration
  skipped bash "$here/image.sh" "$folder" newer /bin/true
  skipped bash "$here/boot.sh" "$folder" "$here/guest/kernel_boots.sh"
done
