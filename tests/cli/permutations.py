# SPDX-License-Identifier: LGPL-2.1-or-later
"""permutations.py BINARY: the order of the words of a command that changes something does not matter.

Each line below is given in many orders, options before and behind the command and its arguments, to
the same simulated subsystems. The admin commands, what is printed, the exit status and what the
device is afterwards must be the same. Every option of every changing command is on some line.
"""
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

BINARY = os.path.abspath(sys.argv[1])
STRIDE = int(os.environ.get("NVMIGRATE_TEST_STRIDE", "1"))
ORDERS = 48 // min(STRIDE, 12)  # of each line; all where there are no more
ALWAYS = ["-o json", "-vv"]
FORMAT = "--format 0", "--vendor 6e766d69-6772-4174-8573-696d756c6174", "--chunk 8K"
PREPARED = """
sim create a --vfs-total 4 --namespaces 2
sim create b --vfs-total 4 --namespaces 2
sim create new --vfs-total 4 --primary-holds --serial NEW
provision sim:a --vfs 3 --vq 2 --vi 1
provision sim:b --vfs 3 --vq 2 --vi 1
mark sim:a 1-3
mark sim:b 1-3
bind sim:a 1
bind sim:b 1
sim guest start sim:a 1
sim guest start sim:b 1 --empty
suspend sim:a 2
export sim:a 3 -f three.nvmstate
export sim:b 3 -f three.raw --raw
"""
# A command with its arguments, and its options, each with its value.
LINES = (
    ("doctor sim:a", "--repair", "--backend nvme"),
    ("provision sim:new", "--vfs 2", "--vq 2", "--vi 1", "--attach 1", "--release-primary",
     "--allow uses_unknown"),
    ("provision sim:new", "--vfs 2", "--persist", "--release-primary", "--wait 5"),
    ("deprovision sim:new", "--persist", "--timeout 9"),
    ("plan host.json", "--device sim:new", "--recreate", "--allow foreign"),
    ("apply host.json", "--device sim:new", "--recreate", "--allow foreign"),
    ("apply host.json", "--dry-run", "-q"),
    ("provision sim:b", "--vfs 2", "--vq 2", "--recreate", "--dry-run", "--allow functions_hidden"),
    ("deprovision sim:b", "--dry-run", "--allow suspension_unknown"),
    ("mark sim:a 1,4", "--dry-run", "--allow foreign"),
    ("mark sim:a 4", "--timeout 5", "--backend nvme"),
    ("mark sim:a 4", "--persist", "-q"),
    ("unmark sim:a 1,2", "--dry-run"),
    ("unmark sim:a 1", "--persist", "-q"),
    ("bind sim:a 4", "--persist", "--owner 0:0"),
    ("unbind sim:b 1", "--persist", "--allow uses_unknown", "--dry-run"),
    ("bind sim:a 4", "--driver vfio-pci", "--owner 0:0", "--allow shared_group", "--dry-run"),
    ("unbind sim:a 1", "--dry-run", "--allow suspension_unknown"),
    ("suspend sim:a 1", "--notice", "--allow foreign", "--timeout 9", "--backend nvme"),
    ("suspend sim:a 1", "--dry-run", "--notice"),
    ("resume sim:a 3", "--allow exported", "--allow not_open", "--backend nvme"),
    ("resume sim:a 2", "--dry-run", "--allow not_open"),
    ("release sim:a 3", "--dry-run", "--allow not_exported"),
    ("release sim:a 3", "-q", "--wait 1", "--backend nvme"),
    ("export sim:a 1", "-f one", "--then resume", "--overwrite", *FORMAT, "--progress none",
     "--notice", "--allow away"),
    ("export sim:a 1,2", "--dir .", "--parallel 1", "--standard-only", "--raw", "--dry-run",
     "--backend nvme"),
    ("import sim:b 1", "-f three.nvmstate", "--resume", "--chunk 8K", "--allow source_runs",
     "--progress json"),
    ("import sim:b 1", "-f three.raw", "--raw", *FORMAT, "--check-only", "--dry-run"),
    ("import sim:b 1", "-f three.raw", "--raw", "--standard-only", "--allow queues", "--backend nvme"),
    ("transfer sim:a 1 sim:b 1", "--keep-suspended", *FORMAT, "--notice", "--progress none",
     "--allow model"),
    ("transfer sim:a 1 sim:b 1", "--standard-only", "--dry-run", "--allow firmware", "--backend intel"),
    ("transfer sim:a 1 ssh://nobody@127.0.0.1:1/sim:b 1", "--settle", "--ssh-command false",
     "--remote-program none"),
    ("sim change a", "--model M", "--firmware F", "--reset 1", "--swap 0", "--dry-run"),
    ("sim change a /srv", "--mount 0", "--partition 0"),
    ("sim change a dm-0", "--hold 0", "--release 0", "--reset-controller 0"),
    ("sim destroy a", "--dry-run"),
    ("sim power-cycle a", "--dry-run", "-q"),
    ("sim guest start sim:a 2", "--queues 1", "--dry-run"),
    ("sim guest start sim:b 2", "--empty", "-q"),
    ("sim guest stop sim:a 1", "--dry-run"),
    ("sim create odd", "--vfs-total 4", "--controlling 2", "--elsewhere 1", "--others 1",
     "--secondaries 1", "--vq 8", "--vi 8", "--vq-max 4", "--vi-max 4", "--vq-private 3",
     "--grain 1", "--round-down", "--primary-holds", "--primary-reset both", "--namespaces 2",
     "--namespace-size 1G", "--block-size 4096", "--private-namespaces", "--detached",
     "--personality spec", "--state-size 4K", "--vendor", "--versions 0,1", "--renumber-formats",
     "--mdts 256K", "--effects free", "--vfio group", "--shared-group", "--variant-driver odd-vfio",
     "--odd-list unsorted", "--reset-ms 0", "--serial S", "--model M", "--firmware F",
     "--nqn nqn.2026-01.invalid:odd", "--seed 7"),
    ("sim create odd", "--standard-only", "--no-namespace-management", "--no-iommu",
     "--no-migration", "--dry-run"),
    ("sim create odd", "--vendor-uuid 01234567-89ab-cdef-0123-456789abcdef", "--seed 3"),
)
PROFILE = {"schema": "nvmigrate.profile/1", "subsystems": [{
    "serial": "NEW", "vfs": 2, "release_primary": True,
    "defaults": {"queues": 2, "interrupts": 1, "marked": True}}]}
FOLDERS = ("state", "run", "sim", "config")
faults = []


def launch(words, folder):
    environment = {**os.environ, **{f"NVMIGRATE_{name.upper()}_DIR": f"{folder}/{name}"
                                    for name in FOLDERS}}
    return subprocess.run([BINARY, *words], cwd=folder, env=environment, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, check=False)


def admin_commands(talk):
    """The traces, without how long each took."""
    found = [json.loads(line).get("trace") for line in talk.splitlines() if '"trace"' in line]
    return [{name: value for name, value in trace.items() if name != "microseconds"}
            for trace in found]


def without_traces(talk):
    return without_times("".join(line + "\n" for line in talk.splitlines()
                                 if '"trace"' not in line and '"progress"' not in line))


def without_times(text):
    text = re.sub(r'("(?:time|pid|rate_bytes_per_second|file_bytes|blackout_us|\w+_us|transfer)"): ?("[^"]*"|\d+)',
                  r"\1: 0", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\(pid \d+\)", "TIME", text)


def outcome(words, prepared):
    with tempfile.TemporaryDirectory() as parent:
        folder = str(shutil.copytree(prepared, f"{parent}/world"))
        done = launch(words, folder)
        subsystems = {path.name: path.read_text() for path in
                      sorted(pathlib.Path(folder, "sim").glob("*.json"))}
        return {"status": done.returncode, "admin commands": admin_commands(done.stderr),
                "error": without_traces(done.stderr.replace(folder, "")),
                "document": without_times(done.stdout.replace(folder, "")), "subsystems": subsystems}


def orders(line, options):
    """The words of the line in their order, with the options anywhere among them."""
    units = [["argument"] for _ in line] + [option.split(" ", 1) for option in options]
    if len(units) <= 5:
        every = list(itertools.permutations(units))
    else:
        chance = random.Random(" ".join(line))
        every = [units[::-1]] + [chance.sample(units, len(units)) for _ in range(ORDERS)]
    seen = set()
    for each in every:
        rest = iter(line)
        words = [word for unit in each for word in ([next(rest)] if unit == ["argument"] else unit)]
        if tuple(words) not in seen:
            seen.add(tuple(words))
            yield words
        if len(seen) == ORDERS:
            return


def split(line):
    """The name of the command, which comes before its own options, and its arguments."""
    words = line.split()
    count = 1 if words[0] != "sim" else 3 if words[1] == "guest" else 2
    return words[:count], words[count:]


def check(line, options, prepared):
    name, arguments = split(line)
    of_all = [option for option in (*ALWAYS, *options) if
              option.split()[0] in ("-o", "-vv", "-q", "--timeout", "--wait")]
    own = [option for option in options if option not in of_all]
    first = None
    for number, words in enumerate(orders(arguments, own + of_all)):
        whole = name + words
        if number % 2 and of_all:  # those of every command may stand before it, too
            ahead = [word for option in of_all for word in option.split(" ", 1)]
            behind = next(itertools.islice(orders(arguments, own), number % 7, None),
                          arguments + [word for option in own for word in option.split(" ", 1)])
            whole = ahead + name + behind
        found = outcome(whole, prepared)
        if first is None and found["status"] == 2:
            faults.append(f"{' '.join(whole)} is refused: {found['error']}")
        first = first or (whole, found)
        for what, value in found.items():
            if value != first[1][what]:
                faults.append(f"{' '.join(whole)} and {' '.join(first[0])}: {what} differ:\n"
                              f"  {value}\n  {first[1][what]}")


def changing_commands(*above):
    """Those that can be run dry or repair, and their options."""
    names = launch(["__complete", "--", *above, ""], "/").stdout.split()
    for name in names:
        text = launch([*above, name, "--help"], "/").stdout
        if " COMMAND [OPTIONS]" in text.partition("\n")[0]:
            yield from changing_commands(*above, name)
        elif "--dry-run" in text or "--repair" in text:
            yield " ".join((*above, name)), re.findall(r"(?m)^ +(?:-\S, )?(--[a-z-]+)", text)


def all_options_are_on_lines():
    for command, options in changing_commands():
        given = {"--file" if option.startswith("-f ") else option.split()[0]
                 for line, *its in LINES if " ".join(split(line)[0]) == command for option in its}
        for missing in sorted(set(options) - given):
            faults.append(f"no line here has {missing} of {command}")


with tempfile.TemporaryDirectory() as scratch:
    all_options_are_on_lines()
    for each in PREPARED.strip().splitlines():
        done = launch(each.split(), scratch)
        assert done.returncode == 0, f"{each}: {done.stderr}"
    pathlib.Path(scratch, "host.json").write_text(json.dumps(PROFILE))
    for each, *its in LINES:
        check(each, its, scratch)
print("\n".join(faults) or f"{len(LINES)} lines mean the same in every order")
sys.exit(1 if faults else 0)
