# SPDX-License-Identifier: LGPL-2.1-or-later
"""Made hosts over which the real binary runs, with the library of fake_kernel.cpp preloaded.

    host.py NVMIGRATE FAKE_KERNEL SCRIPT    runs `test_*(host)` of SCRIPT, each on a host of its own
"""
import importlib.util
import json
import os
import pathlib
import shlex
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import Scratch  # noqa: E402

SKIPPED = 77


class Host(Scratch):
    """A host with one drive, /dev/nvme0, whose VFs come up on the nvme driver."""

    def __init__(self, binary, kernel):
        super().__init__(binary)
        self.made = pathlib.Path(self.root, "host")
        self.made.mkdir()
        self.must(f"NVMIGRATE_SIM_DIR={self.made}/drives nvmigrate sim create drive --vfs-total 4")
        # Whatever the tests run in, the process 1 of the made host can be looked into.
        (self.made / "proc/1/fd").mkdir(parents=True)
        (self.made / "proc/1/task").mkdir()
        self.link("/proc/1/ns/pid", "pid:[4026531836]")
        self.before = ""
        self.preload = f"env FAKE_KERNEL={self.made} LD_PRELOAD={kernel}"

    def nvmigrate(self, words, status=0):
        """Runs a command in JSON and returns its document: what it printed, or its error."""
        got, out, err = self.run(f"{self.before} {self.preload} nvmigrate {words} -o json",
                                 apart=True)
        assert status is None or got == status, f"{words}: exit {got}, not {status}\n{out}{err}"
        lines = [line for line in err.splitlines() if line.startswith("{")]
        return json.loads(out) if out.strip() else json.loads(lines[-1])

    def refused(self, words, code, status=4):
        """What a command that must be refused says of the condition `code`."""
        found = self.nvmigrate(words, status)["error"]
        findings = [each for each in found["findings"] if each["code"] == code]
        assert findings, f"{words}: not refused by {code}: {found}"
        return findings[0]

    def _extra(self, path):
        at = self.made / "extra" / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        return at

    def add(self, path, text):
        """Lays a file over the made /sys, /dev or /proc."""
        self._extra(path).write_text(text + "\n", encoding="utf-8")

    def link(self, path, target):
        at = self._extra(path)
        at.unlink(missing_ok=True)
        at.symlink_to(target)

    def write(self, path, text):
        """What another program writes to an attribute in /sys."""
        program = ("import ctypes, sys; c = ctypes.CDLL(None); _, path, text = map(str.encode, "
                   "sys.argv); sys.exit(c.write(c.open(path, 1), text, len(text)) != len(text))")
        self.must(f"{self.preload} {sys.executable} -c {shlex.quote(program)} {path} '{text}'")

    def attribute(self, path):
        """What /sys shows now."""
        return (self.made / path.lstrip("/")).read_text(encoding="utf-8").strip()

    def claim(self, driver):
        """The driver that takes a function without driver_override from now on."""
        (self.made / "claims").write_text(driver, encoding="utf-8")

    def driver(self, function):
        link = self.made / f"sys/bus/pci/devices/{function}/driver"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else None

    def lists(self, path, words):
        """How often a command lists a folder."""
        (self.made / "listed").write_text("", encoding="utf-8")
        self.nvmigrate(words)
        return (self.made / "listed").read_text(encoding="utf-8").splitlines().count(path)

    def fault(self, *lines):
        (self.made / "faults").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main():
    binary, kernel, script = sys.argv[1:]
    missing = [each for each in ("unshare", "setpriv") if not shutil.which(each)]
    if os.geteuid() != 0 or missing:
        print("skipped: this needs root, and unshare and setpriv of util-linux")
        return SKIPPED
    spec = importlib.util.spec_from_file_location("script", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [name for name in dir(module) if name.startswith("test_")]
    for name in tests:
        with Host(binary, kernel) as host:
            print(name, flush=True)
            getattr(module, name)(host)
    return 0 if tests else 1


if __name__ == "__main__":
    sys.exit(main())
