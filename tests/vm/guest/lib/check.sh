# Sourced by the scripts: how to assert, and how to look at the machine. PF is the address of the
# controlling function. Controllers are looked up by address, since nvmeN changes with each probe.

PF=0000:01:00.0

say() { printf '%s\n' "$*"; }

# fail WHAT: prints it with what the last command printed, and ends the script.
fail() {
  say "FAILED: $*"
  for file in /tmp/out /tmp/err; do
    [ -s "$file" ] && sed "s|^|  $(basename "$file"): |" "$file"
  done
  exit 1
}

# check WHAT COMMAND...: the command succeeds.
check() {
  what=$1
  shift
  "$@" || fail "$what"
  say "ok: $what"
}

# ends STATUS COMMAND...: the command ends with the status; its output is in /tmp/out and /tmp/err.
ends() {
  expected=$1
  shift
  status=0
  "$@" >/tmp/out 2>/tmp/err </dev/null || status=$?
  [ "$status" -eq "$expected" ] || fail "$* ended with $status, not $expected"
  say "ok: $* ended with $expected"
}

# run STATUS ARGUMENTS...: as ends, of nvmigrate.
run() {
  expected=$1
  shift
  ends "$expected" nvmigrate "$@"
}

# json FILTER: jq finds the filter true of the document that was printed.
json() { jq -e "$1" /tmp/out >/tmp/jq 2>&1 || fail "not so: $1"; }

# says TEXT: standard error has it.
says() { grep -qiF -e "$1" /tmp/err || fail "standard error does not say: $1"; }

# error CODE TEXT: standard error is one line of JSON, an error with that code that names the text.
error() {
  [ "$(wc -l </tmp/err)" -eq 1 ] || fail 'standard error is not one line'
  grep -qF "{\"error\":{\"code\":\"$1\"" /tmp/err || fail "another error than $1"
  says "$2"
}

pci() { printf '/sys/bus/pci/devices/%s' "$1"; }
driver_of() {
  link=$(readlink "$(pci "$1")/driver") || link=none
  basename "$link"
}
controller_of() {
  for folder in /sys/class/nvme/nvme*; do
    if [ "$(cat "$folder/address")" = "$1" ]; then basename "$folder"; fi
  done
}
group_of() { basename "$(readlink "$(pci "$1")/iommu_group")"; }
vf() { basename "$(readlink "$(pci "$PF")/virtfn$(($1 - 1))")"; }

# eventually WHAT COMMAND...: the command comes to succeed, within half a minute.
eventually() {
  what=$1
  shift
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "never: $what"
    sleep 0.1
  done
}
is_live() { [ "$(cat "/sys/class/nvme/$(controller_of "$1")/state" 2>/dev/null)" = live ]; }

[ ! -e "$(pci $PF)" ] || eventually 'the controlling function is live' is_live "$PF"
