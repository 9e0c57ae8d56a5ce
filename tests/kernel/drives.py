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
    unbound = host.nvmigrate("unbind nvme0 vf1 --allow foreign_override")
    assert unbound["functions"][0]["driver"] == "nvme"
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


def on_vfio(host, most):
    """A VF with a state of 1 MiB on vfio, under a kernel that takes `most` bytes in one command."""
    make_drive(host, "--state-size 1M")
    host.nvmigrate("bind nvme0 vf1")
    (host.made / "most").write_text(f"{most}\n", encoding="utf-8")


def limit(host, kibibytes, segments):
    queue = "/sys/class/nvme/nvme0/nvme0c0n1/queue"
    host.add(f"{queue}/max_hw_sectors_kb", str(kibibytes))
    host.add(f"{queue}/max_segments", str(segments))
    # What is laid over the made folders is there after the next change of them.
    host.nvmigrate("unbind nvme0 vf1")
    host.nvmigrate("bind nvme0 vf1")


def commands_of_export(host, options=""):
    document = host.nvmigrate(f"export nvme0 vf1 -f state.x --then resume --overwrite {options}")
    return document["functions"][0]["commands"]


def test_commands_are_no_longer_than_the_queues_of_the_kernel_allow(host):
    on_vfio(host, 128 << 10)
    limit(host, 128, 33)
    migration = host.nvmigrate("show nvme0")["migration"]
    assert migration["chunk"] == 128 << 10, migration
    assert migration["limits"] == {"most": 128 << 10, "device": 512 << 10, "kernel_known": True,
                                   "kernel": 128 << 10, "kernel_segments": 33}, migration
    expected = commands_of_export(host, "--chunk 128K")
    assert commands_of_export(host) == expected
    assert commands_of_export(host, "--chunk 64K") == expected + 8
    # Too many segments, though fewer bytes than max_hw_sectors_kb.
    limit(host, 512, 17)
    (host.made / "most").write_text(f"{64 << 10}\n", encoding="utf-8")
    assert host.nvmigrate("show nvme0")["migration"]["chunk"] == 64 << 10
    assert commands_of_export(host) == expected + 8


def test_a_chunk_that_the_kernel_does_not_take_is_refused(host):
    on_vfio(host, 128 << 10)
    limit(host, 128, 33)
    for size in ("129K", "4095", "4098", "0", "1T"):
        for verb in (f"export nvme0 vf1 -f state.x --chunk {size}",
                     f"transfer nvme0 vf1 nvme0 2 --chunk {size}"):
            found = host.nvmigrate(verb, 2)["error"]
            assert "128 KiB" in found["message"] and "33 segments" in found["advice"], found
    commands_of_export(host)
    found = host.nvmigrate("import nvme0 vf1 -f state.x --chunk 129K", 2)["error"]
    assert "128 KiB" in found["message"], found


def test_limits_that_the_kernel_does_not_tell_are_found_out(host):
    on_vfio(host, 40 << 10)
    migration = host.nvmigrate("show nvme0")["migration"]
    assert migration["chunk"] == 128 << 10 and not migration["limits"]["kernel_known"], migration
    at_once = commands_of_export(host, "--chunk 32K")
    assert commands_of_export(host) == at_once + 2, "128 KiB and 64 KiB are tried in vain"
    imported = host.nvmigrate("import nvme0 vf1 -f state.x --resume --allow not_open "
                              "--allow source_resumed --allow loaded_before")
    assert imported["resumed"], imported
