# Sourced, with NAME LOG: for scripts that show what their commands print only when one fails.
name=$1
log=$2

fail() {
  printf '%s: %s\n' "$name" "$*" >&2
  exit 1
}

logged() {
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    fail "$* failed"
  }
}
