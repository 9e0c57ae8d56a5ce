# Somebody who is not root: each command says so in one line, and nothing happens.
. /guest/lib/check.sh

DEVICE=/dev/$(controller_of "$PF")

cat >/tmp/as_guest <<'END'
status=0
nvmigrate "$@" >/tmp/out 2>/tmp/err </dev/null || status=$?
exit $status
END
touch /tmp/out /tmp/err
chown guest /tmp/out /tmp/err

# refused ARGUMENTS...: as somebody else, nvmigrate ends with 11.
refused() {
  status=0
  su guest -c "sh /tmp/as_guest $*" || status=$?
  [ "$status" -eq 11 ] || fail "as guest, nvmigrate $* ended with $status"
  one_line
  says 'permission'
  say "ok: as guest, nvmigrate $* ended with 11"
}

refused list "$DEVICE"
refused list "$PF"
refused show "$DEVICE"
refused provision "$DEVICE" --vfs 1
refused deprovision "$DEVICE"
for verb in mark unmark bind unbind handle suspend resume; do refused $verb "$DEVICE" 1; done
refused export "$DEVICE" 1 -f /tmp/state
check 'no VF was enabled' [ "$(cat "$(pci "$PF")/sriov_numvfs")" = 0 ]
