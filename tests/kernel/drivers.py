# SPDX-License-Identifier: LGPL-2.1-or-later
"""A change of drivers leaves no record where nothing was done, and what it says is read back."""

DEVICES = "/sys/bus/pci/devices"
EIO, EROFS = 5, 30


def vf1(host):
    """The address of a VF that the nvme driver has."""
    function = host.nvmigrate("provision nvme0 --vfs 1")["functions"][0]["address"]
    host.write("/sys/bus/pci/drivers_probe", function)
    return function


def findings(host):
    return [each["code"] for each in host.nvmigrate("list nvme0")["devices"][0]["findings"]]


def records(host):
    """The files of the state and run folders, and what they hold."""
    return host.run("cat state/*.json run/*.json 2>/dev/null | grep -c cntlid")[1].strip()


# --- a read-only /sys


def test_a_read_only_sys_is_tried_before_anything(host):
    host.fault(f"open_to_write /sys/* {EROFS}")
    host.refused("provision nvme0 --vfs 1", "not_writable", 11)
    assert records(host) == "0" and findings(host) == []
    host.fault()
    function = vf1(host)
    before = records(host)
    host.fault(f"open_to_write /sys/* {EROFS}")
    for words in ("bind nvme0 vf1", "bind nvme0 vf1 --dry-run", "deprovision nvme0"):
        found = host.refused(words, "not_writable", 11)
        assert "Read-only file system" in found["message"], found
    assert records(host) == before and findings(host) == []
    assert host.driver(function) == "nvme"
    assert not host.nvmigrate("provision nvme0 --vfs 1")["changed"]
    host.fault()
    host.nvmigrate("bind nvme0 vf1")
    host.fault(f"open_to_write /sys/* {EROFS}")
    host.refused("unbind nvme0 vf1", "not_writable", 11)
    assert findings(host) == []


def test_undo_writes_nothing_where_nothing_was_done(host):
    host.fault(f"write /sys/* {EROFS}")
    host.nvmigrate("provision nvme0 --vfs 1", 12)
    assert records(host) == "0" and findings(host) == []
    host.fault()
    vf1(host)
    before = records(host)
    host.fault(f"write /sys/* {EROFS}")
    host.nvmigrate("bind nvme0 vf1", 12)
    host.nvmigrate("deprovision nvme0", 12)
    assert records(host) == before and findings(host) == []


def test_a_record_ends_when_the_driver_is_back(host):
    function = vf1(host)
    host.fault(f"write /sys/bus/pci/drivers_probe {EIO}")
    found = host.nvmigrate("bind nvme0 vf1", 12)["error"]
    assert "putting it back failed" in found["message"], found
    assert findings(host) == ["unbound"]
    host.fault()
    host.write("/sys/bus/pci/drivers_probe", function)
    assert findings(host) == ["unbound"], "its driver_override is not as before"
    host.write(f"{DEVICES}/{function}/driver_override", "\n")
    assert host.driver(function) == "nvme"
    assert findings(host) == []
    assert not host.nvmigrate("unbind nvme0 vf1")["changed"]


# --- success is read back


def give_to_another(host, function, override):
    """As `vfio-pci ids=` does, or driverctl."""
    if override:
        host.write(f"{DEVICES}/{function}/driver_override", "vfio-pci")
    else:
        host.claim("vfio-pci")
    host.write("/sys/bus/pci/drivers/nvme/unbind", function)
    host.write("/sys/bus/pci/drivers_probe", function)
    assert host.driver(function) == "vfio-pci"


def test_a_driver_that_claims_the_device_id_is_named(host):
    function = vf1(host)
    give_to_another(host, function, override=False)
    error = host.nvmigrate("unbind nvme0 vf1", 12)["error"]
    assert error["code"] == "still_on_vfio" and "ids=" in error["message"], error
    assert host.driver(function) == "vfio-pci" and findings(host) == []


def test_the_override_of_another_program_is_restored(host):
    function = vf1(host)
    give_to_another(host, function, override=True)
    host.refused("unbind nvme0 vf1", "foreign_override")
    assert not host.nvmigrate("bind nvme0 vf1")["changed"]
    done = host.nvmigrate("unbind nvme0 vf1")
    assert done["functions"][0]["driver"] == "vfio-pci", done
    assert [each["code"] for each in done["findings"]] == ["still_on_vfio"], done
    override = f"{DEVICES}/{function}/driver_override"
    assert host.attribute(override) == "vfio-pci"
    host.refused("unbind nvme0 vf1", "foreign_override")
    done = host.nvmigrate("unbind nvme0 vf1 --allow foreign_override")
    assert done["functions"][0]["driver"] == "nvme", done
    assert host.attribute(override) == "(null)" and findings(host) == []


def test_a_rule_for_a_function_of_the_nvme_driver_is_restored(host):
    function = vf1(host)
    override = f"{DEVICES}/{function}/driver_override"
    host.write(override, "vfio-pci")
    host.nvmigrate("bind nvme0 vf1")
    done = host.nvmigrate("unbind nvme0 vf1")
    assert done["functions"][0]["driver"] == "nvme" and not done["findings"], done
    assert host.attribute(override) == "vfio-pci"


def test_a_function_that_has_vanished_is_gone(host):
    made = host.nvmigrate("provision nvme0 --vfs 1")["functions"][0]
    host.nvmigrate("bind nvme0 vf1")
    physical = made["address"][:-1] + "0"
    host.write(f"{DEVICES}/{physical}/sriov_numvfs", "0")
    one = host.nvmigrate(f"unbind nvme0 {made['controller_id']}")["functions"][0]
    assert (one["result"], one["driver"]) == ("gone", None), one
    assert findings(host) == ["resources_lost"]
