# SPDX-License-Identifier: LGPL-2.1-or-later
"""The backend vfio through the calls of a kernel, on functions of a plain and of a variant driver."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guards import FULL, holder  # noqa: E402

VARIANT = "acme-vfio-pci"
STATES = 1 | 2 | 4  # STOP_COPY, P2P, PRE_COPY


def on_vfio(host, driver, states=None):
    """VF 1, marked for vfio where the driver is a variant driver."""
    host.must(f"export NVMIGRATE_SIM_DIR={host.made}/drives; nvmigrate sim destroy drive; "
              f"nvmigrate sim create drive --vfs-total 4 --variant-driver {VARIANT}")
    host.add(f"/sys/bus/pci/drivers/{VARIANT}/unbind", "")
    host.add("/dev/vfio/vfio", "c 10:196")
    if states is not None:
        (host.made / "states").write_text(str(states), encoding="utf-8")
    host.nvmigrate("provision nvme0 --vfs 2")
    bound = host.nvmigrate(f"bind nvme0 vf1 --driver {driver}")["functions"][0]
    if driver == VARIANT:
        host.nvmigrate("mark nvme0 vf1 --backend vfio")
    return bound


def error(host, words, status):
    return host.nvmigrate(words, status)["error"]["message"]


def test_plain_vfio_pci_is_called_not_migratable_beforehand(host):
    on_vfio(host, "vfio-pci")
    why = "is not migratable through its driver: vfio-pci has no migration states"
    asked = host.nvmigrate("backends nvme0")
    assert asked["chosen"] == "nvme", asked
    assert why in {each["name"]: each["reason"] for each in asked["backends"]}["vfio"], asked
    assert why in str(host.nvmigrate("show nvme0")["migration"]["refused_by"])
    assert why in error(host, "mark nvme0 vf1 --backend vfio", 9)
    assert why in error(host, "export nvme0 vf1 -f guest.nvmstate --backend vfio", 9)


def test_a_variant_driver_without_migration_is_found_when_it_is_asked(host):
    for iommufd in (False, True):
        if iommufd:
            host.add("/dev/iommu", "c 10:125")
        on_vfio(host, VARIANT)
        found = error(host, "export nvme0 vf1 -f guest.nvmstate --then resume", 9)
        assert "VFIO_DEVICE_FEATURE_MIGRATION" in found, found
        assert not os.path.exists(f"{host.root}/guest.nvmstate")


def test_within_one_open_a_state_can_be_read(host):
    for iommufd in (False, True):
        if iommufd:
            host.add("/dev/iommu", "c 10:125")
        on_vfio(host, VARIANT, STATES)
        done = host.nvmigrate("export nvme0 vf1 -f guest.nvmstate --then resume --overwrite")
        read = done["functions"][0]
        assert (read["bytes"], read["resumed"]) == (100, True), done
        identity = host.nvmigrate("inspect guest.nvmstate")["identity"]
        assert (identity["backend"], identity["layout"]) == ("vfio", "opaque"), identity
        listed = host.nvmigrate("list nvme0")["devices"][0]
        assert not listed["findings"] and not listed["functions"][0]["intents"], listed


def test_what_would_end_with_the_command_is_refused(host):
    on_vfio(host, VARIANT, STATES)
    host.nvmigrate("export nvme0 vf1 -f guest.nvmstate --then resume")
    for words in ("suspend nvme0 vf1", "export nvme0 vf1 -f other", "import nvme0 vf1 -f guest.nvmstate"):
        host.refused(words, "reset_at_close", 9)


def test_who_holds_the_function_open_is_named(host):
    group = on_vfio(host, VARIANT, STATES)["vfio_group"]
    host.add(f"/sys/class/vfio/{os.path.basename(group)}/dev", FULL)
    with holder(host):
        for words in ("suspend nvme0 vf1", "export nvme0 vf1 -f guest.nvmstate --then resume"):
            found = host.refused(words, "open_elsewhere")["message"]
            assert "that is open: pid" in found and "(sleep)" in found, found
