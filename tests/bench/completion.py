#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""completion.py NVMIGRATE [FUNCTIONS [ROUNDS]]: how long the tool takes to complete a command line
on a controlling function with many functions, all of them marked and bound. The best of the rounds
counts."""
import os
import subprocess
import sys
import tempfile
import time

GOAL = 20.0  # milliseconds
LINES = ("export sim:big ", "unbind sim:big ", "show sim:", "bind sim:big all --driver ",
         "import sim:big 1 --allow ", "")


def run(tool, *words):
    return subprocess.run([tool, *words], check=True, capture_output=True).stdout.splitlines()


def timed(tool, line):
    words = line.split(" ")
    begin = time.monotonic()
    found = run(tool, "__complete", "--describe", "--", *words)
    length = time.monotonic() - begin
    if not found:
        raise RuntimeError(f"nothing completes {line!r}")
    return length * 1000


def main(tool, functions="256", rounds="50"):
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("STATE", "RUN", "SIM"):
            os.environ[f"NVMIGRATE_{kind}_DIR"] = f"{folder}/{kind}"
        run(tool, "sim", "create", "big", "--vfs-total", functions)
        run(tool, "provision", "sim:big", "--vfs", functions)
        for verb in ("mark", "bind"):
            run(tool, verb, "sim:big", "all")
        best = {line: min(timed(tool, line) for _ in range(int(rounds))) for line in LINES}
    slowest = max(best, key=best.get)
    print(f"completion with {functions} functions: {best[slowest]:.1f} ms at most, of "
          f"'{slowest}' (under {GOAL:.0f} ms: {'yes' if best[slowest] < GOAL else 'no'})")


if __name__ == "__main__":
    main(*sys.argv[1:])
