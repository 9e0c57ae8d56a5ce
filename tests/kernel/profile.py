# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that restarts has by one command, the one of the unit, what was recorded as wanted."""


def listed(host):
    """What is listed, but when it was bound."""
    devices = host.nvmigrate("list nvme0")["devices"]
    for function in devices[0]["functions"]:
        if function["binding"]:
            del function["binding"]["time"]
    return devices


def restart(host):
    host.must(f"NVMIGRATE_SIM_DIR={host.made}/drives nvmigrate sim power-cycle drive")
    host.must("rm -rf run")


def test_what_was_persisted_is_there_after_a_restart(host):
    host.nvmigrate("provision nvme0 --vfs 2 --vq 3 --vi 2 --persist")
    host.nvmigrate("bind nvme0 vf1 --persist")
    host.nvmigrate("mark nvme0 vf1 --persist")
    before = listed(host)
    restart(host)
    assert listed(host) != before
    assert host.nvmigrate("plan", 10)["changed"]
    assert host.nvmigrate("apply --device nvme0")["changed"]
    assert listed(host) == before
    assert not host.nvmigrate("apply")["changed"]


def test_a_saved_profile_names_the_drive_and_not_its_number(host):
    host.nvmigrate("provision nvme0 --vfs 2 --vq 3 --vi 2")
    host.nvmigrate("bind nvme0 all")
    before = listed(host)
    host.must("mkdir -m 700 config")
    saved = host.run(f"{host.preload} nvmigrate save nvme0 | tee config/lab.json")[1]
    assert "nvme0" not in saved and '"serial"' in saved, saved
    restart(host)
    assert host.nvmigrate("apply")["changed"]
    assert listed(host) == before


def test_only_root_applies_to_a_drive(host):
    host.nvmigrate("provision nvme0 --vfs 2 --persist")
    restart(host)
    host.before = "setpriv --bounding-set -sys_admin --inh-caps -sys_admin"
    assert host.nvmigrate("plan", 10)["changed"]
    assert host.nvmigrate("apply", 11)["error"]["code"] == "root"
