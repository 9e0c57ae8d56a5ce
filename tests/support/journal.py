#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""journal.py NAME KIND ID [DETAIL=VALUE...]: records what a command that was killed leaves behind.

NAME is a simulated subsystem. For transcripts: a kill at the right moment cannot be scripted there.
"""
import json
import os
import pathlib
import sys


def main():
    name, kind, controller, *details = sys.argv[1:]
    nqn, serial = f"nqn.2025-01.invalid.nvmigrate:sim:{name}", f"SIM-{name}"
    folder = pathlib.Path(os.environ["NVMIGRATE_RUN_DIR"])
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"nqn.2025-01.invalid.nvmigrate%3asim%3a{name}%23{serial}.journal.json"
    journal = {"schema": "nvmigrate.journal/1", "subsystem": nqn, "serial": serial, "intents": []}
    if file.exists():
        journal = json.loads(file.read_text())
    journal["intents"].append({
        "kind": kind, "controller": int(controller), "command": "killed", "pid": 4711,
        "time": "2026-01-01T12:00:00Z", "details": dict(word.split("=", 1) for word in details)})
    file.write_text(json.dumps(journal))
    file.chmod(0o600)


main()
