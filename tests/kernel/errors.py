# SPDX-License-Identifier: LGPL-2.1-or-later
"""What cannot be read is told as such, of the thing concerned, and the rest goes on."""

EIO, EACCES, ENOMEM, EBUSY, ENOSPC, ERANGE = 5, 13, 12, 16, 28, 34


def another_controller(host):
    for name, text in {"transport": "pcie", "address": "0000:77:00.0", "state": "live",
                       "subsysnqn": "nqn.2014-08.org.other:x", "cntlid": "7"}.items():
        host.add(f"/sys/class/nvme/nvme7/{name}", text)
    host.link("/sys/dev/char/240:7", "../../class/nvme/nvme7")
    host.add("/dev/nvme7", "c 240:7")


def failed(host):
    """The failures of a list that goes on with /dev/nvme0, by device."""
    found = host.nvmigrate("list", 10)
    assert [each["device"] for each in found["devices"]] == ["/dev/nvme0"], found
    return {each["device"]: each for each in found["failed"]}


def test_a_controller_that_cannot_be_read_is_a_warning_on_it(host):
    another_controller(host)
    for attribute in ("transport", "address", "state", "subsysnqn", "cntlid"):
        host.fault(f"open /sys/class/nvme/nvme7/{attribute} {EIO}")
        found = failed(host)
        assert f"nvme7/{attribute}" in found["/dev/nvme7"]["message"], found
        host.nvmigrate("show nvme0")
        assert any("nvme7" in each["message"] for each in host.nvmigrate("doctor", None)["findings"])


def test_a_node_that_cannot_be_opened_is_a_warning_on_it(host):
    another_controller(host)
    host.fault(f"open /dev/nvme7 {EACCES}")
    assert failed(host)["/dev/nvme7"]["class"] == "permission"
    host.fault(f"ioctl /dev/nvme7 {EIO}")
    assert failed(host)["/dev/nvme7"]["class"] == "io"


def test_a_class_that_cannot_be_listed_does_not_hide_the_others(host):
    host.must("nvmigrate sim create other")
    host.fault(f"list /sys/class/nvme {EACCES}")
    found = host.nvmigrate("list", 10)
    assert [each["device"] for each in found["devices"]] == ["sim:other"], found
    assert "/sys/class/nvme" in found["failed"][0]["message"], found
    found = host.nvmigrate("doctor", None)["findings"]
    assert ("device", "linux") in [(each["code"], each["device"]) for each in found], found


def test_a_function_that_cannot_be_read_is_a_warning_on_it(host):
    made = host.nvmigrate("provision nvme0 --vfs 2")["functions"]
    host.nvmigrate("bind nvme0 vf2")
    for attribute in ("driver_override", "class"):
        host.fault(f"open /sys/bus/pci/devices/{made[1]['address']}/{attribute} {EIO}")
        found = host.nvmigrate("list nvme0")["devices"][0]["findings"]
        assert [(each["code"], each["controller_id"]) for each in found] == [
            ("unreadable", made[1]["controller_id"])], found
        for words in ("bind nvme0 vf2", "unbind nvme0 vf2", "handle nvme0 vf2",
                      "deprovision nvme0"):
            host.refused(words, "unreadable", 12)
        host.nvmigrate("bind nvme0 vf1")
        host.nvmigrate("unbind nvme0 vf1")
    host.fault()
    host.nvmigrate("unbind nvme0 vf2")


def test_users_and_groups_that_cannot_be_looked_up_are_not_absent(host):
    host.nvmigrate("provision nvme0 --vfs 1")
    host.nvmigrate("bind nvme0 vf1 --owner root:daemon")
    assert host.nvmigrate("bind nvme0 vf1 --owner nosuch", 2)["error"]["class"] == "usage"
    assert host.nvmigrate("bind nvme0 vf1 --owner root:nosuch", 2)["error"]["class"] == "usage"
    host.fault(f"lookup * {EIO}")
    for owner in ("root", "root:0", "0", "0:daemon"):
        error = host.nvmigrate(f"bind nvme0 vf1 --owner {owner}", 12)["error"]
        assert "cannot look up" in error["message"], error
    host.nvmigrate("bind nvme0 vf1 --owner 12:34")
    host.fault(f"lookup * {ERANGE}")
    host.nvmigrate("bind nvme0 vf1 --owner root", 12)


def test_an_errno_of_the_number_of_vfs_has_its_meaning(host):
    for code, words in {ENOMEM: "pci=realloc", ENOSPC: "pci=realloc", EBUSY: "another number",
                        EIO: "InitialVFs", ERANGE: "sriov_totalvfs"}.items():
        host.fault(f"write */sriov_numvfs {code}")
        error = host.nvmigrate("provision nvme0 --vfs 1", 12)["error"]
        assert words in error["advice"], error
