#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""journal.py NAME KIND ID [DETAIL=VALUE...]: records what a command that was killed leaves behind.

NAME is a simulated subsystem. For transcripts: a kill at the right moment cannot be scripted there.
A record of where the guest of a function is replaces the one before.
"""
import json
import os
import pathlib
import sys

CUSTODY = ("suspended", "exporting", "exported", "away", "loading", "loaded")


def entry_of(journal, nqn, serial):
    for entry in journal["subsystems"]:
        if (entry["subsystem"], entry["serial"]) == (nqn, serial):
            return entry
    journal["subsystems"].append({"subsystem": nqn, "serial": serial, "intents": []})
    return journal["subsystems"][-1]


def main():
    name, kind, controller, *details = sys.argv[1:]
    folder = pathlib.Path(os.environ["NVMIGRATE_RUN_DIR"])
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "journal.json"
    journal = {"schema": "nvmigrate.journal/2", "subsystems": [], "ledger": [], "lost": None}
    if file.exists():
        journal = json.loads(file.read_text())
    entry = entry_of(journal, f"nqn.2025-01.invalid.nvmigrate:sim:{name}", f"SIM-{name}")
    replaced = CUSTODY if kind in CUSTODY else (kind,)
    entry["intents"] = [intent for intent in entry["intents"]
                        if intent["controller"] != int(controller) or intent["kind"] not in replaced]
    entry["intents"].append({
        "kind": kind, "controller": int(controller), "command": "killed", "pid": 4711,
        "time": "2026-01-01T12:00:00Z", "details": dict(word.split("=", 1) for word in details)})
    file.write_text(json.dumps(journal))
    file.chmod(0o600)


main()
