#!/usr/bin/env bash
# grammar.sh HEADER PAGE: has the manual page the same grammar of the state file as the header?
set -euo pipefail

# One rule a line: comments left out, lines that hold nothing else too, blanks made one.
rules() { sed -E 's/ +;.*//; s/[[:space:]]+/ /g; s/ $//; /^$/d' | sort; }
header=$(sed -n '/clang-format off/,/clang-format on/p' "$1" | sed -nE 's|^/// *||p' | rules)
page=$(sed -n '/^\.SH GRAMMAR/,/^\.fi/p' "$2" | sed '1,/^\.nf/d; /^\.fi/d; s/\\-/-/g' | rules)

[ "$(grep -c ' = ' <<<"$header")" -gt 10 ] || { echo "$1 holds no grammar"; exit 1; }
diff <(echo "$header") <(echo "$page")
