#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt.py NVMIGRATE: what `handle --format libvirt` prints is valid by libvirt's own schema."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import Scratch  # noqa: E402

VALIDATE = "xmllint --noout --relaxng /usr/share/libvirt/schemas/domain.rng domain.xml"
DOMAIN = ("<domain type='kvm'><name>guest</name><memory>1048576</memory><os><type>hvm</type></os>"
          "<devices>{}</devices></domain>")


def is_valid(host, devices):
    pathlib.Path(host.root, "domain.xml").write_text(DOMAIN.format(devices), encoding="utf-8")
    status, said = host.run(VALIDATE)
    print(said.strip())
    return status == 0


def main():
    with Scratch(sys.argv[1]) as host:
        for name, options in (("a", ""), ("b", " --nqn 'nqn.2019-08.org.x:--<&'")):
            host.must(f"nvmigrate sim create {name} --vfs-total 2{options};"
                      f"nvmigrate provision sim:{name} --vfs 2; nvmigrate bind sim:{name} all")
        elements = [host.run(f"nvmigrate handle sim:{name} {which} --format libvirt")[1]
                    for name, which in (("a", "vf1"), ("a", "all"), ("b", "all"))]
        for element in elements:
            print(element)
            assert is_valid(host, element)
        assert not is_valid(host, elements[0].replace("slot='0x00'", "slot='0x20'")), \
            "this schema accepts everything"


main()
