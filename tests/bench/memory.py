#!/usr/bin/env python3
"""memory.py NVMIGRATE: does the memory of a migration stay the same, however large the state is?

Moves states of 64 MiB and 1 GiB through a file and through a pipe, and compares the peak resident
memory of every process that took part."""

import os
import subprocess
import sys
import tempfile

LIMIT_KIB = 32 * 1024
GROWTH_KIB = 4 * 1024


def peak_of(process):
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{process.args} failed: {process.returncode}")
    return usage.ru_maxrss


def start(tool, line, stdin=None, stdout=subprocess.DEVNULL):
    words = [tool, *line.split(), "-q", "-o", "json"]
    return subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)


def run(tool, line):
    return peak_of(start(tool, line))


def prepare(tool, host, size, guest):
    for line in (f"sim create {host} --vendor --state-size {size}", f"provision sim:{host} --vfs 1",
                 f"mark sim:{host} vf1", f"bind sim:{host} vf1",
                 f"sim guest start sim:{host} vf1{guest}"):
        run(tool, line)


def give_back(tool):
    """The function of b as a VMM leaves it, for the next move."""
    run(tool, "sim guest stop sim:b vf1")
    run(tool, "sim guest start sim:b vf1 --empty")


def moved(tool, line):
    """The peak of a line that moves the guest from a to b, which must go on there."""
    peak = run(tool, line)
    run(tool, "sim guest status sim:b vf1 --continues-from sim:a vf1")
    return peak


def through_a_pipe(tool):
    reading, writing = os.pipe()
    exporting = start(tool, "export sim:a vf1 -f - --allow exported", stdout=writing)
    importing = start(tool, "import sim:b vf1 -f - --resume", stdin=reading)
    os.close(reading)
    os.close(writing)
    peaks = peak_of(exporting), peak_of(importing)
    run(tool, "sim guest status sim:b vf1 --continues-from sim:a vf1")
    return peaks


def peaks(tool, size):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("STATE", "RUN", "SIM"):
            os.environ[f"NVMIGRATE_{name}_DIR"] = os.path.join(folder, name)
        os.environ["TMPDIR"] = folder
        prepare(tool, "a", size, "")
        prepare(tool, "b", size, " --empty")
        file = os.path.join(folder, "state")
        found = {"export": run(tool, f"export sim:a vf1 -f {file}"), "verify": run(tool, f"verify {file}")}
        found["export to a pipe"], found["import from a pipe"] = through_a_pipe(tool)
        give_back(tool)
        found["import"] = moved(tool, f"import sim:b vf1 -f {file} --resume "
                                "--allow source_away --allow loaded_before")
        give_back(tool)
        found["transfer"] = moved(tool, "transfer sim:a vf1 sim:b vf1 --allow away")
        return found


def main():
    small, large = peaks(sys.argv[1], "64M"), peaks(sys.argv[1], "1G")
    print(f"{'peak memory':20} {'64 MiB':>10} {'1 GiB':>10}")
    for name in small:
        print(f"{name:20} {small[name]:6} KiB {large[name]:6} KiB")
    grown = [name for name in small if large[name] > small[name] + GROWTH_KIB or large[name] > LIMIT_KIB]
    if grown:
        sys.exit("grows with the state, or beyond 32 MiB: " + ", ".join(grown))


if __name__ == "__main__":
    main()
