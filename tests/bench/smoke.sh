#!/usr/bin/env bash
# smoke.sh BENCH: does the benchmark measure everything it promises? What it measures is not judged.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

table=$("$1" --size 4M --rounds 1 --repeat 1 --folder "$folder")
rows=('export to a file' 'import from a file' 'export | import' 'peak memory of a process')
for size in '104 B' '64 MiB'; do
  for verb in transfer export import; do rows+=("blackout of $verb, $size"); done
done
for row in "${rows[@]}"; do
  grep -qE "^${row//|/\\|} +[0-9.]+ [^ ]+ +[0-9.]+ " <<<"$table" || {
    printf 'no row, or no numbers in it: %s\n%s\n' "$row" "$table"
    exit 1
  }
done
[ "$(wc -l <<<"$table")" -eq $((${#rows[@]} + 2)) ] || { echo "other rows: $table"; exit 1; }
[ -z "$(ls -A "$folder")" ] || { echo "left behind: $(ls -A "$folder")"; exit 1; }
