# SPDX-License-Identifier: LGPL-2.1-or-later
"""What real drives say of their commands reaches the tool through the kernel's interfaces."""


def make_drive(host, options):
    """The drive anew, with its first VF marked and on the nvme driver, as nvme1."""
    sim = f"NVMIGRATE_SIM_DIR={host.made}/drives nvmigrate sim"
    host.must(f"{sim} destroy drive")
    host.must(f"{sim} create drive --vfs-total 4 {options}")
    host.nvmigrate("provision nvme0 --vfs 1")
    host.nvmigrate("bind nvme0 vf1")
    host.must("rm -r state run")  # without a record any driver may take it
    assert host.nvmigrate("unbind nvme0 vf1")["functions"][0]["driver"] == "nvme"
    host.nvmigrate("mark nvme0 vf1")


def codes(document):
    return [each["code"] for each in document["findings"]]


def test_a_resume_that_could_hang_is_not_needed(host):
    make_drive(host, "--effects same-namespace")
    shown = host.nvmigrate("show nvme0")
    assert "stops_queues" in codes(shown), shown
    restricted = {each["opcode"] for each in shown["command_effects"]
                  if each["restriction"] == "same_namespace"}
    assert restricted == {0x1C, 0x41, 0x42}, shown
    assert "stops_queues" in codes(host.nvmigrate("doctor nvme0")), "doctor"
    for verb in ("suspend nvme0 vf1", "export nvme0 vf1 -f state.x", "transfer nvme0 vf1 nvme0 2"):
        found = host.refused(f"{verb} --allow host_driver", "resume_hangs")
        assert "nvme1" in found["message"] and found["overridable"], found
    host.nvmigrate("suspend nvme0 vf1 --allow host_driver --allow resume_hangs")
    host.nvmigrate("resume nvme0 vf1")
    host.nvmigrate("bind nvme0 vf1")
    host.nvmigrate("suspend nvme0 vf1")


def test_a_log_that_cannot_be_read_is_not_absent(host):
    make_drive(host, "--effects unreadable")
    assert host.nvmigrate("show nvme0")["command_effects"] is None
    found = host.refused("suspend nvme0 vf1 --allow host_driver", "effects_unread")
    assert "Internal Error" in found["message"], found


def test_without_the_log_nothing_is_restricted(host):
    make_drive(host, "")
    shown = host.nvmigrate("show nvme0")
    assert shown["command_effects"] is None and not codes(shown), shown
    host.nvmigrate("suspend nvme0 vf1 --allow host_driver")
