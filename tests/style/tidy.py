#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tidy.py CLANG_TIDY CLANG BUILD: clang-tidy over what is shipped.

The rooms of the library and the plugins are looked at as the units that they are compiled as, which
reads every system header once a room. Tests are left out: the macros of gtest make most of the
noise. A unit whose text after preprocessing was found clean before, by the same clang-tidy with the
same checks, is not looked at again; what was found clean is noted in the user's cache.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TIDY, CLANG, BUILD = sys.argv[1:]
ROOT = pathlib.Path.cwd()
SHIPPED = re.compile(rf"^{re.escape(BUILD)}/(lib|plugins|cli)/.*/Unity/|"
                     rf"^{re.escape(str(ROOT))}/(lib|plugins|cli)/")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                     pathlib.Path(os.environ.get("HOME", "/tmp")) / ".cache") / "nvmigrate-tidy"


def preprocessed(entry):
    """The text that clang-tidy looks at, with its comments, which may tell it to be silent."""
    words, flags = shlex.split(entry["command"]), []
    begin = next(i for i, word in enumerate(words) if word.startswith("-"))
    skip = False
    for word in words[begin:]:
        if skip or word in ("-c", entry["file"]):
            skip = False
        elif word == "-o":
            skip = True
        else:
            flags.append(word)
    command = [CLANG, *flags, "-w", "-Wno-error", "-E", "-P", "-C", entry["file"]]
    return subprocess.run(command, cwd=entry["directory"], check=True, capture_output=True).stdout


def key_of(entry, salt):
    return hashlib.sha256(salt + entry["file"].rsplit("/", 3)[-3].encode() +
                          preprocessed(entry)).hexdigest()


def look_at(entry, salt):
    """What clang-tidy has to say; empty when the unit is clean, None when that was known."""
    note = CACHE / key_of(entry, salt)
    if note.exists():
        return None
    command = [TIDY, "-p", BUILD, "-quiet", "-extra-arg=-Wno-unknown-warning-option", entry["file"]]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode == 0 and "warning:" not in found.stdout:
        note.touch()
        return ""
    return found.stdout + found.stderr


def main():
    commands = json.loads((pathlib.Path(BUILD) / "compile_commands.json").read_text())
    units = [entry for entry in commands if SHIPPED.search(entry["file"])]
    if len(units) < 10:
        sys.exit(f"only {len(units)} units found in {BUILD}")
    salt = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    salt += (ROOT / ".clang-tidy").read_bytes()
    CACHE.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: look_at(entry, salt), units))
    known = sum(result is None for result in results)
    for result in filter(None, results):
        print("\n".join(line for line in result.splitlines() if "warnings generated" not in line))
    print(f"{len(units)} units, {known} of them known to be clean")
    sys.exit(any(results))


main()
