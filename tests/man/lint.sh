#!/usr/bin/env bash
# lint.sh MAN: does every manual page render without a warning and within 80 columns, does it have the
# sections that it needs, and do the pages that it refers to exist?
set -euo pipefail

man=$1
faults=0
fault() {
  echo "$*"
  faults=$((faults + 1))
}

for page in "$man"/*.[157]; do
  warnings=$(groff -t -man -ww -Kutf8 -Tutf8 -Z "$page" 2>&1 >/dev/null)
  [ -z "$warnings" ] || fault "$page: $warnings"
  ! command -v mandoc >/dev/null ||  # the pages have no date, which does not matter to a reader
    warnings=$(mandoc -T lint -W warning "$page" 2>&1 | grep -v 'missing date' || true)
  [ -z "$warnings" ] || fault "$page: $warnings"
  wide=$(groff -t -man -Kutf8 -Tascii -rLL=80n -P-cbou "$page" 2>/dev/null | awk 'length > 80')
  [ -z "$wide" ] || fault "$page is wider than 80 columns: $wide"
  for heading in NAME SYNOPSIS DESCRIPTION OPTIONS '"EXIT STATUS"' EXAMPLES '"SEE ALSO"'; do
    [[ $page != *.1 ]] || grep -qx ".SH $heading" "$page" || fault "$page has no section $heading"
  done
  while read -r name section; do
    [ -e "$man/$name.$section" ] || fault "$page points to $name($section), which is not there"
  done < <(sed -nE 's/^\.BR (nvmigrate[^ ]*) \(([157])\).*/\1 \2/p' "$page" | tr -d '\\')
done
[ "$faults" -eq 0 ]
