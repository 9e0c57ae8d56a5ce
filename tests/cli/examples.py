# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples.py BINARY: every command's help has examples, and each runs as it stands there.

They run on simulated subsystems: sim:a stands for nvme0, sim:b for nvme1, and root for a user that
this host may not have. On each a guest runs on vf1, which is bound and marked.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BINARY = os.path.abspath(sys.argv[1])
STANDS_FOR = {"nvme0": "sim:a", "nvme1": "sim:b", "libvirt-qemu:kvm": "root:root"}
SETUP = """
for host in a b; do
  nvmigrate sim create $host --vfs-total 8 --tracking memory
  nvmigrate provision sim:$host --vfs 4 --vq 2 --vi 1
  nvmigrate bind sim:$host vf1
  nvmigrate mark sim:$host vf1
done
nvmigrate sim guest start sim:a vf1
nvmigrate sim guest start sim:b vf1 --empty
"""
STATE = """
nvmigrate export sim:a vf1 -f vf1.nvmstate
ln vf1.nvmstate before.nvmstate
ln vf1.nvmstate after.nvmstate
"""
TRACKED = "nvmigrate track start sim:a vf1 --range 0:2G\n"
EMPTY = "nvmigrate sim guest stop sim:a vf1\n"
# What more a command needs.
BEFORE = {
    "provision": "nvmigrate unbind sim:a vf1 -q\nnvmigrate unmark sim:a all\n"
                 "nvmigrate deprovision sim:a\n",
    "deprovision": "nvmigrate unbind sim:a all\n",
    "unbind": "", "bind": "nvmigrate unbind sim:a all\n",
    "resume": "nvmigrate suspend sim:a vf1\n", "release": STATE, "import": STATE,
    "inspect": STATE, "verify": STATE, "compare": STATE,
    "track read": TRACKED, "track stop": TRACKED,
    "plan": "nvmigrate save > host.json\n", "apply": "nvmigrate save > host.json\n",
    "sim serve": "nvmigrate sim destroy a\n",
    "sim guest start": "nvmigrate bind sim:a vf2\n",
}
GUEST_ENDS = ("provision", "deprovision", "unbind", "bind")
EXPORTED = "--allow exported"


def ask(*words):
    return subprocess.run([BINARY, *words], check=True, capture_output=True, text=True).stdout


def commands(*above):
    for name in ask("__complete", "--", *above, "").split():
        below = list(commands(*above, name)) if "COMMAND [OPTIONS]" in ask(*above, name, "-h") else []
        yield from below or [(*above, name)]


def examples(command):
    """What each is for, and its lines."""
    _, _, text = ask(*command, "--help").partition("\nExamples:\n")
    text = text.partition("\n\n")[0] + "\n"
    return [(about, lines.replace("    ", "", 1)) for about, lines in
            re.findall(r"((?:^ {2}\S.*\n)+)((?:^ {4}.*\n)+)", text, re.M)]


def run(script, folder):
    for old, new in STANDS_FOR.items():
        script = re.sub(rf"\b{old}\b", new, script)
    environment = {**os.environ, "PATH": f"{os.path.dirname(BINARY)}:{os.environ['PATH']}"}
    for kind in ("STATE", "RUN", "SIM", "CONFIG"):
        environment[f"NVMIGRATE_{kind}_DIR"] = f"{folder}/{kind}"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


def check(command):
    name = " ".join(command)
    found = examples(command)
    if not found:
        yield f"the help of '{name}' has no examples"
    for about, lines in found:
        with tempfile.TemporaryDirectory() as folder:
            before = SETUP + (EMPTY if name in GUEST_ENDS else "") + BEFORE.get(name, "")
            before += STATE if EXPORTED in lines else ""
            # Their exit status is that of the example alone: doctor ends with 10 where it finds much.
            fault = run(before, folder) or run(lines, folder)
            # A server would wait, and needs root; without the subsystem it says that it does not exist.
            status = {"doctor": "exit 10:", "sim serve": "exit 3:"}.get(name, "exit 0:")
            if fault and not fault.startswith(status):
                yield f"{about}{lines}{fault}"
        if not lines.lstrip().startswith(("nvmigrate ", "eval ", "cat ")):
            yield f"not a command of the tool: {lines}"


faults = [fault for command in commands() for fault in check(command)]
print("\n".join(faults) or "every example runs")
sys.exit(1 if faults else 0)
