# Somebody who is not root: each command says so in one error, and nothing happens.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")

cat >/tmp/as_guest <<'END'
status=0
nvmigrate "$@" >/tmp/out 2>/tmp/err </dev/null || status=$?
exit $status
END
# A state file that import finds nothing wrong with, from a simulated subsystem.
run 0 provision sim:demo --vfs 1 --vq 2 --vi 1
run 0 mark sim:demo vf1
run 0 export sim:demo vf1 -f /tmp/valid
chmod a+r /tmp/valid

touch /tmp/out /tmp/err
chown guest /tmp/out /tmp/err

# refused ARGUMENTS...: as somebody else, nvmigrate ends with 11.
refused() {
  as_guest 11 -o json "$@"
  error permission ''
}

# as_guest STATUS ARGUMENTS...: as run, as somebody else.
as_guest() {
  expected=$1
  shift
  status=0
  su guest -c "sh /tmp/as_guest $*" || status=$?
  [ "$status" -eq "$expected" ] || fail "as guest, nvmigrate $* ended with $status, not $expected"
  say "ok: as guest, nvmigrate $* ended with $expected"
}

refused list "$DEVICE"
refused list "$PF"
refused show "$DEVICE"
refused provision "$DEVICE" --vfs 1
refused deprovision "$DEVICE"
for verb in mark unmark bind unbind handle suspend resume release; do refused $verb "$DEVICE" 1; done
refused export "$DEVICE" 1 -f /tmp/state
refused import "$DEVICE" 1 -f /tmp/valid
refused transfer "$DEVICE" 1 sim:demo vf1
refused backends "$DEVICE"
# A doctor examines what can be examined, and says of the rest why not.
as_guest 10 -o json doctor "$DEVICE"
json '.findings | any(.code == "device" and .severity == "problem" and (.message | test("permission"; "i")))'

check 'no VF was enabled' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
