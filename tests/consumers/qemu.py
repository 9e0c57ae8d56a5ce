#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""qemu.py NVMIGRATE: QEMU takes what `handle --format qemu` prints.

There is no such device on this machine, so QEMU must fail, and only when it opens the device.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import Scratch  # noqa: E402

QEMU = "qemu-system-x86_64 -S -display none -nodefaults -M q35"
OPENS = re.compile(r"vfio \S+: (no such host device|no iommu_group found|.*No such file)")
# What `handle` prints for a domain of five digits; QEMU refuses the same address as `host=`.
WIDE = "-device vfio-pci,{}10000:01:00.1,id=wide"


def opens(host, arguments):
    """Whether QEMU gets as far as opening the device."""
    status, said = host.run(f"timeout 60 {QEMU} {arguments}")
    print(f"{arguments}\n  {said.strip()}")
    return status != 0 and OPENS.search(said) is not None


def main():
    with Scratch(sys.argv[1]) as host:
        host.must("nvmigrate sim create a --vfs-total 2; nvmigrate provision sim:a --vfs 2;"
                  "nvmigrate bind sim:a all")
        choices = ["group"]
        if "iommufd" in host.run("qemu-system-x86_64 -object help")[1]:
            choices.append("iommufd")
        else:
            print("this QEMU has no iommufd; its form is not checked")
        for iommu in choices:
            for which in ("vf1", "all"):
                printed = f"$(nvmigrate handle sim:a {which} --format qemu --iommu {iommu})"
                assert opens(host, printed), f"QEMU does not take {printed}"
        assert opens(host, WIDE.format("sysfsdev=/sys/bus/pci/devices/"))
        assert not opens(host, WIDE.format("host=")), "host= takes wide domains now"


main()
