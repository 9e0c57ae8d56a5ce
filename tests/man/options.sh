#!/usr/bin/env bash
# options.sh BINARY MAN check|update: are the OPTIONS sections of the manual pages, the exit statuses
# and the conditions what the binary says? Or make them so.
set -euo pipefail

binary=$1 man=$2 mode=$3
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
stale=0

# Replaces the body of section $2 of page $1 with standard input.
with_section() {
  awk -v heading=".SH $2" -v body="$(cat)" '
    /^\.SH / { inside = 0 }
    !inside { print }
    $0 == heading { inside = 1; found = 1; printf "%s\n", body }
    END { exit !found }' "$1"
}

# awk reads backslashes in a variable as escapes.
escaped() { sed 's/\\/\\\\/g'; }

remake() {
  local page=$1 heading=$2
  escaped | with_section "$made/$page" "$heading" >"$made/new" || {
    echo "$page has no section $heading"
    exit 1
  }
  mv "$made/new" "$made/$page"
}

cp "$man"/nvmigrate*.1 "$man"/nvmigrate.conf.5 "$made"
"$binary" __man-options | remake nvmigrate.1 OPTIONS
"$binary" __man-options --exit-status | remake nvmigrate.1 '"EXIT STATUS"'
{ echo 'Every finding has one of these names.' && "$binary" __man-options --conditions; } |
  remake nvmigrate.1 CONDITIONS
"$binary" __man-options --keys | remake nvmigrate.conf.5 KEYS
commands=$("$binary" __complete -- '')
for command in $commands; do
  [ "$command" != help ] || continue
  page=nvmigrate-$command.1
  if [ ! -e "$made/$page" ]; then
    echo "no page for $command"
    stale=1
    continue
  fi
  { "$binary" __man-options "$command" &&
    printf '.PP\n.BR nvmigrate (1)\ndescribes the options that every command has.\n'; } | remake "$page" OPTIONS
done

for page in "$man"/nvmigrate-*.1; do
  command=$(basename "$page" .1)
  grep -qxF "${command#nvmigrate-}" <<<"$commands" && continue
  echo "a page for a command that there is not: $page"
  stale=1
done
for page in "$man"/nvmigrate*.1 "$man"/nvmigrate.conf.5; do
  cmp -s "$page" "$made/${page##*/}" && continue
  if [ "$mode" = update ]; then
    cp "$made/${page##*/}" "$page"
  else
    diff -u "$page" "$made/${page##*/}" || stale=1
  fi
done
[ "$stale" -eq 0 ] || { echo "make them anew: cmake --build BUILD --target man-update"; exit 1; }
