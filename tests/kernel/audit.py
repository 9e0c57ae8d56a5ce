# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every change of a drive is recorded in the journal, else in syslog, and nothing else is.

The sockets of both are those of the test, in a mount namespace of its own.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess

NAMESPACE = """
mount -t tmpfs none /run
mkdir -p /run/systemd/journal
[ ! -e {root}/journal ] || ln -s {root}/journal /run/systemd/journal/socket
mkdir -p {root}/nodes
mount -t tmpfs none {root}/nodes
for node in null zero urandom tty; do
  touch {root}/nodes/$node && mount --bind /dev/$node {root}/nodes/$node
done
mkdir {root}/nodes/shm && mount --bind /dev/shm {root}/nodes/shm
[ ! -e {root}/syslog ] || ln -s {root}/syslog {root}/nodes/log
mount --move {root}/nodes /dev
exec "$@"
"""


@contextlib.contextmanager
def listening(host, *names):
    """Sockets that take what is recorded."""
    sockets = {}
    for name in names:
        sockets[name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sockets[name].bind(f"{host.root}/{name}")
        sockets[name].setblocking(False)
    with open(f"{host.root}/namespace", "w", encoding="utf-8") as script:
        script.write(NAMESPACE.format(root=host.root))
    host.before = f"unshare --mount sh -e {host.root}/namespace"
    try:
        yield sockets
    finally:
        host.before = ""
        for name, each in sockets.items():
            each.close()
            os.unlink(f"{host.root}/{name}")


def received(each):
    messages = []
    with contextlib.suppress(BlockingIOError):
        while True:
            messages.append(each.recv(1 << 16).decode())
    return messages


def journal(each):
    """The records that came: of each field the values."""
    records = []
    for message in received(each):
        fields = {}
        for line in message.splitlines():
            name, _, value = line.partition("=")
            fields.setdefault(name, []).append(value)
        records.append(fields)
    return records


def syslog(each):
    records = []
    for message in received(each):
        assert re.match(r"<8[56]>.* nvmigrate\[\d+\]: ", message), message
        fields = {}
        for name, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*")', message):
            fields.setdefault(name, []).append(json.loads(value))
        records.append(fields)
    return records


def configure(host, text):
    os.makedirs(f"{host.root}/config", exist_ok=True)
    with open(f"{host.root}/config/nvmigrate.conf", "w", encoding="utf-8") as file:
        file.write(text)


def test_the_journal_gets_every_change_once(host):
    with listening(host, "journal", "syslog") as sockets:
        host.environment |= {"SUDO_UID": "1000", "SSH_CONNECTION": "10.0.0.1 22 10.0.0.2 22"}
        made = host.nvmigrate("provision nvme0 --vfs 2")
        records = journal(sockets["journal"])
        assert len(records) == 1, records
        found = records[0]
        assert found["NVMIGRATE_ARGUMENTS"] == ["provision nvme0 --vfs 2 -o json"], found
        for name, value in {"COMMAND": "provision", "RESULT": "changed", "EXIT_STATUS": "0",
                            "DEVICE": "/dev/nvme0", "ADDRESS": "0000:01:00.0", "UID": "0",
                            "SUDO_UID": "1000", "SSH_CONNECTION": "10.0.0.1 22 10.0.0.2 22"}.items():
            assert found["NVMIGRATE_" + name] == [value], (name, found)
        assert found["NVMIGRATE_CONTROLLER_ID"] == [
            str(each["controller_id"]) for each in made["functions"]], found
        assert found["NVMIGRATE_SUBSYSTEM"] and found["NVMIGRATE_SERIAL"], found
        assert found["NVMIGRATE_DURATION_US"][0].isdigit(), found
        assert found["SYSLOG_IDENTIFIER"] == ["nvmigrate"] and found["PRIORITY"] == ["5"], found
        assert "NVMIGRATE_CODE" not in found, found
        assert received(sockets["syslog"]) == [], "both were told"


def test_what_changes_nothing_is_not_recorded(host):
    with listening(host, "journal", "syslog") as sockets:
        host.nvmigrate("provision nvme0 --vfs 1 --dry-run")
        host.nvmigrate("list nvme0")
        host.nvmigrate("provision nvme0 --vfs 1")
        assert len(received(sockets["journal"])) == 1
        host.nvmigrate("provision nvme0 --vfs 1")
        host.nvmigrate("bind nvme0 vf1 --dry-run")
        host.nvmigrate("sim create other")
        host.nvmigrate("provision sim:other --vfs 1")
        assert received(sockets["journal"]) + received(sockets["syslog"]) == []


def test_what_failed_is_recorded_with_its_code(host):
    with listening(host, "journal") as sockets:
        host.nvmigrate("provision nvme0 --vfs 99", 4)
        found = journal(sockets["journal"])[0]
        assert found["NVMIGRATE_RESULT"] == ["failed"] and found["PRIORITY"] == ["4"], found
        assert found["NVMIGRATE_EXIT_STATUS"] == ["4"] and found["NVMIGRATE_CODE"], found
        host.fault("write /sys/bus/pci/devices/*/sriov_numvfs 5")
        host.nvmigrate("provision nvme0 --vfs 1", 12)
        assert journal(sockets["journal"])[0]["NVMIGRATE_CODE"] == ["io"]


def test_what_was_interrupted_is_recorded(host):
    with listening(host, "journal") as sockets:
        host.nvmigrate("provision nvme0 --vfs 1")
        host.nvmigrate("mark nvme0 vf1")
        received(sockets["journal"])
        os.mkfifo(f"{host.root}/pipe")
        command = f"exec {host.before} {host.preload} nvmigrate export nvme0 vf1 -f - >pipe"
        with subprocess.Popen(["bash", "-c", command], cwd=host.root, env=host.environment,
                              stderr=subprocess.DEVNULL) as child:
            with open(f"{host.root}/pipe", "rb") as reader:
                reader.read(1000)
                child.send_signal(signal.SIGTERM)
                assert child.wait() == 130
        found = journal(sockets["journal"])[0]
        assert found["NVMIGRATE_RESULT"] == ["interrupted"], found
        assert found["NVMIGRATE_EXIT_STATUS"] == ["130"], found


def test_without_a_journal_syslog_gets_one_line(host):
    with listening(host, "syslog") as sockets:
        host.nvmigrate("provision nvme0 --vfs 1")
        found = syslog(sockets["syslog"])
        assert len(found) == 1 and found[0]["command"] == ["provision"], found
        assert found[0]["device"] == ["/dev/nvme0"] and found[0]["result"] == ["changed"], found


def test_without_either_nothing_fails(host):
    with listening(host):
        assert host.nvmigrate("provision nvme0 --vfs 1")["changed"]


def test_a_journal_that_nobody_reads_is_replaced_by_syslog(host):
    with listening(host, "journal", "syslog") as sockets:
        sockets["journal"].close()
        assert host.nvmigrate("provision nvme0 --vfs 1")["changed"]
        assert len(syslog(sockets["syslog"])) == 1


def test_the_file_says_where(host):
    with listening(host, "journal", "syslog") as sockets:
        configure(host, "audit = syslog\n")
        host.nvmigrate("provision nvme0 --vfs 1")
        assert received(sockets["journal"]) == [] and len(received(sockets["syslog"])) == 1
        configure(host, "audit = none\n")
        host.environment["NVMIGRATE_AUDIT"] = "syslog"
        host.nvmigrate("mark nvme0 vf1")
        assert received(sockets["journal"]) + received(sockets["syslog"]) == []


def test_a_file_of_another_user_cannot_silence_it(host):
    with listening(host, "journal", "syslog") as sockets:
        configure(host, "audit = none\n")
        os.chown(f"{host.root}/config/nvmigrate.conf", 1234, 0)
        error = host.nvmigrate("provision nvme0 --vfs 1", 4)["error"]
        assert error["commands"] == [["chown", "root", f"{host.root}/config/nvmigrate.conf"]], error
        assert received(sockets["journal"]) + received(sockets["syslog"]) == []
        assert host.attribute("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs") == "0"


def test_names_from_outside_cannot_forge_a_record(host):
    with listening(host, "journal") as sockets:
        host.environment["SUDO_UID"] = "0\nNVMIGRATE_RESULT=none\x1b[2J"
        host.nvmigrate("provision nvme0 --vfs 1")
        found = journal(sockets["journal"])[0]
        assert found["NVMIGRATE_RESULT"] == ["changed"], found
        assert found["NVMIGRATE_SUDO_UID"] == ["0\\u000aNVMIGRATE_RESULT=none\\u001b[2J"], found


def test_a_guest_from_another_host_is_recorded_where_it_arrives(host):
    with open(f"{host.root}/double", "w", encoding="utf-8") as script:
        script.write('#!/bin/sh\nfor last; do :; done\nexec env NVMIGRATE_RUN_DIR="$PWD/there" $last\n')
    os.chmod(script.name, 0o755)
    host.must("nvmigrate sim create a && nvmigrate provision sim:a --vfs 1 && nvmigrate mark sim:a 1")
    host.nvmigrate("provision nvme0 --vfs 1")
    host.nvmigrate("mark nvme0 vf1")
    with listening(host, "journal") as sockets:
        to = "ssh://there/nvme0 vf1 --ssh-command ./double"
        allowed = "--allow not_open --allow simulated"
        host.nvmigrate(f"transfer sim:a 1 {to} {allowed} --dry-run")
        assert received(sockets["journal"]) == []
        host.nvmigrate(f"transfer sim:a 1 {to} {allowed}")
        found = journal(sockets["journal"])
        assert len(found) == 1, found
        assert found[0]["NVMIGRATE_COMMAND"] == ["__receive"], found
        assert found[0]["NVMIGRATE_RESULT"] == ["changed"], found
        assert found[0]["NVMIGRATE_DEVICE"] == ["/dev/nvme0"], found
        assert found[0]["NVMIGRATE_CONTROLLER_ID"] == ["1"], found
