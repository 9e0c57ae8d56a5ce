# SPDX-License-Identifier: LGPL-2.1-or-later
"""tools.py NVMIGRATE EXAMPLES: do the scripts for provisioning do what they say?

They run on simulated subsystems. What needs ansible-playbook or shellcheck is left out, and said so,
where those are missing.
"""
import json
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import Scratch  # noqa: E402

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: {examples}/provision.yml
      vars:
        nvmigrate_device: sim:demo
        nvmigrate_vfs: 2
    - ansible.builtin.copy:
        content: "{{{{ nvmigrate_handle.functions | map(attribute='address') | join(' ') }}}}"
        dest: handed
      when: nvmigrate_handle is defined
"""


class Host(Scratch):
    """A host with the simulated subsystem `demo`."""

    def __init__(self, binary, examples):
        super().__init__(binary)
        self.examples = examples
        self.must("nvmigrate sim create demo")

    def script(self, words, status=0):
        """Runs an example; returns what it printed, or its complaint when it must fail."""
        got, out, err = self.run(f"{self.examples}/{words}", apart=True)
        assert got == status, f"{words}: exit {got}, not {status}\n{out}{err}"
        return err if status else out

    def functions(self):
        listed = self.run("nvmigrate list sim:demo -o json", apart=True)[1]
        return [each for each in json.loads(listed)["devices"][0]["functions"] if each["address"]]

    def snapshot(self):
        return self.run("find state run -name '*.json' | sort | xargs cat")[1]

    def guest(self, functions):
        """Saves the handle of a guest where the hook looks."""
        self.environment["NVMIGRATE_HANDLES"] = self.root
        self.must(f"nvmigrate handle sim:demo {functions} -o json >guest.json")


def test_script_goes_forth_and_back(host):
    handle = json.loads(host.script("provision.sh sim:demo 2"))
    assert [each["controller_id"] for each in handle["functions"]] == [1, 2], handle
    assert all(each["marked"] and each["vfio_group"] for each in handle["functions"]), handle
    before = host.snapshot()
    assert json.loads(host.script("provision.sh sim:demo 2")) == handle
    assert host.snapshot() == before, "done twice, it changed something"
    assert json.loads(host.script("provision.sh --back sim:demo"))["changed"]
    assert host.functions() == []
    assert not json.loads(host.script("provision.sh --back sim:demo"))["changed"]


def test_functions_that_cannot_migrate_are_handed_over_without_a_mark(host):
    host.must("nvmigrate sim create plain --vfs-total 4 --no-migration")
    handle = json.loads(host.script("provision.sh sim:plain 2"))
    assert [each["marked"] for each in handle["functions"]] == [False, False], handle
    assert json.loads(host.script("provision.sh --back sim:plain"))["changed"]


def test_script_stops_at_a_refusal(host):
    host.script("provision.sh sim:demo 2")
    host.must("nvmigrate export sim:demo 1 -f state.nvm")
    assert '"exported"' in host.script("provision.sh --back sim:demo", 4)
    assert [each["binding"] is None for each in host.functions()] == [False, False]
    assert "provision.sh DEVICE COUNT" in host.script("provision.sh sim:demo", 2)
    assert '"not_found"' in host.script("provision.sh sim:other 2", 3)


def test_with_ansible_it_changes_once(host):
    if not shutil.which("ansible-playbook"):
        print("  left out: there is no ansible-playbook")
        return
    pathlib.Path(host.root, "site.yml").write_text(
        PLAYBOOK.format(examples=host.examples), encoding="utf-8")
    host.environment |= {"LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}

    def changed(options=""):
        status, out, err = host.run(f"ansible-playbook site.yml {options}", apart=True)
        assert status == 0, out + err
        return int(re.search(r"^localhost .*\bchanged=(\d+)", out, re.MULTILINE)[1])

    assert changed("--check") == 1, "provisioning is planned"
    assert host.functions() == []
    assert changed() == 4, "provision, mark, bind, and the file of the test"
    assert pathlib.Path(host.root, "handed").read_text(encoding="utf-8") == (
        "0000:01:00.1 0000:01:00.2")
    before = host.snapshot()
    assert changed() == 0 and changed("--check") == 0
    assert host.snapshot() == before
    host.must("nvmigrate unbind sim:demo 2")
    assert changed("--check") == 1 and changed() == 1


def test_hook_lets_a_guest_start_on_free_functions_only(host):
    host.script("provision.sh sim:demo 2")
    host.guest("1,2")
    hook = "libvirt-hook guest"
    host.script("libvirt-hook another prepare begin -")
    host.script(f"{hook} prepare begin - </dev/null")
    for change, back, word in (
            ("unmark sim:demo 1", "mark sim:demo 1", "not marked"),
            ("unbind sim:demo 2", "bind sim:demo 2", "not bound"),
            ("suspend sim:demo 1", "resume sim:demo 1", "suspended")):
        host.must(f"nvmigrate {change}")
        said = host.script(f"{hook} prepare begin -", 1)
        assert "guest cannot start: function" in said and word in said, said
        host.must(f"nvmigrate {back}")
        host.script(f"{hook} prepare begin -")
    host.script("provision.sh --back sim:demo")
    assert "function 1 of sim:demo is offline" in host.script(f"{hook} prepare begin -", 1)
    host.must("nvmigrate sim destroy demo && nvmigrate sim create demo --vfs-total 1")
    assert "function 2 of sim:demo is gone" in host.script(f"{hook} prepare begin -", 1)
    host.must("sed -i s/sim:demo/sim:other/ guest.json")
    assert '"not_found"' in host.script(f"{hook} prepare begin -", 3), "it could not look"


def test_hook_says_what_is_left_of_a_guest_that_ended(host):
    host.script("provision.sh sim:demo 1")
    host.guest("1")
    host.script("libvirt-hook guest release end -")
    host.must("nvmigrate export sim:demo 1 -f state.nvm")
    for operation in ("release end", "prepare begin"):
        said = host.script(f"libvirt-hook guest {operation} -", 1)
        assert "function 1 of sim:demo is exported" in said, said
    host.must("nvmigrate release sim:demo 1")
    host.script("libvirt-hook guest release end -")
    assert "is away" in host.script("libvirt-hook guest prepare begin -", 1)


def test_resource_list_names_what_a_pod_may_have(host):
    host.script("provision.sh sim:demo 2 >handle.json")
    host.environment["ALLOW_SIMULATED"] = "true"
    made = json.loads(host.script("resource-list.sh vendor.example/nvme <handle.json"))
    assert made["kind"] == "ConfigMap", made
    resource, = json.loads(made["data"]["config.json"])["resourceList"]
    assert resource == {
        "resourceName": "nvme", "resourcePrefix": "vendor.example",
        "selectors": {"drivers": ["vfio-pci"], "pciAddresses": ["0000:01:00.1", "0000:01:00.2"]}}
    assert "PREFIX/NAME" in host.script("resource-list.sh nvme <handle.json", 5)
    del host.environment["ALLOW_SIMULATED"]
    assert "sim:demo is simulated" in host.script("resource-list.sh a/nvme <handle.json", 5)
    host.environment["ALLOW_SIMULATED"] = "true"
    for change, word in (("suspend sim:demo 1", "suspended"), ("unmark sim:demo 2", "not marked")):
        host.must(f"nvmigrate {change} && nvmigrate handle sim:demo 1,2 -o json >handle.json; "
                  "nvmigrate resume sim:demo 1")
        assert word in host.script("resource-list.sh a/nvme <handle.json", 5)


def test_shellcheck_finds_nothing(host):
    if not shutil.which("shellcheck"):
        print("  left out: there is no shellcheck")
        return
    host.must(f"shellcheck {host.examples}/*.sh {host.examples}/libvirt-hook")


def main():
    binary, examples = sys.argv[1:]
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            print(name, flush=True)
            with Host(binary, examples) as host:
                test(host)


if __name__ == "__main__":
    main()
