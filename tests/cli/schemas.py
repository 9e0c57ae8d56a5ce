# SPDX-License-Identifier: LGPL-2.1-or-later
"""schemas.py BINARY SCHEMAS: every command's JSON document fits its published schema.

Runs the whole job on simulated subsystems, checks what each command printed, and insists that every
schema was used, and that every schema refuses a document with one member too many or too few.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator, RefResolver

BINARY, SCHEMAS = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
schemas = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
used = set()
faults = []


def validator(name):
    schema = schemas[name]
    Draft202012Validator.check_schema(schema)
    resolver = RefResolver(name, schema, store=schemas)
    return Draft202012Validator(schema, resolver=resolver)


def check(name, document, line):
    used.add(name)
    for error in validator(name).iter_errors(document):
        faults.append(f"{line}: {name}: {error.json_path}: {error.message}")
    for changed in ({**document, "one_too_many": 1}, dict(list(document.items())[1:])):
        if validator(name).is_valid(changed):
            faults.append(f"{name} accepts a document with one member too many or too few")


def run(line, statuses=(0,), document=True, given=None):
    done = subprocess.run([BINARY, *line.split(), "-o", "json"], capture_output=True, input=given,
                          text=given is None or isinstance(given, str), check=False)
    if done.returncode not in statuses:
        faults.append(f"{line}: exit {done.returncode}: {done.stderr}")
        return None
    if not document:
        check("error.json", json.loads(done.stderr), line)
        return None
    found = json.loads(done.stdout)
    if list(found)[0] != "schema":
        faults.append(f"{line}: schema is not the first member")
    check(found["schema"].removeprefix("nvmigrate.").removesuffix("/1") + ".json", found, line)
    return found


def whole_job():
    run("sim create a --vfs-total 4")
    run("sim create b --vfs-total 4 --others 1")
    run("list")
    run("provision sim:a --vfs 2 --vq 2 --vi 1 --dry-run")
    run("provision sim:a --vfs 2 --vq 2 --vi 1")
    run("provision sim:a --vfs 2 --vq 2 --vi 1")
    run("provision sim:b --vfs 2 --vq 2 --vi 1")
    for host in "ab":
        run(f"mark sim:{host} vf1,vf2 --dry-run")
        run(f"mark sim:{host} vf1,vf2")
        run(f"bind sim:{host} vf1 --dry-run")
        run(f"bind sim:{host} vf1")
        run(f"handle sim:{host} vf1")
        run(f"handle sim:{host} vf1 --format json")
    run("sim guest start sim:a vf1 --dry-run")
    run("sim guest start sim:a vf1")
    run("sim guest start sim:b vf1 --empty")
    run("sim guest status sim:a vf1")
    for line in ("list", "list sim:a", "show sim:a", "show sim:b", "show sim:a vf1", "backends",
                 "backends sim:a", "sim list", "sim show a"):
        run(line)
    run("doctor", statuses=(0, 10))
    run("doctor sim:a --repair", statuses=(0, 10))


def migrate():
    run("suspend sim:a vf1 --dry-run")
    run("suspend sim:a vf1")
    run("list sim:a")
    run("resume sim:a vf1")
    run("export sim:a vf1 -f one.nvmstate --dry-run")
    run("export sim:a vf1 -f one.nvmstate --then resume")
    run("export sim:a vf1,vf2 --dir . --then resume")
    run("export sim:a vf1 -f raw --raw --then resume")
    for line in ("inspect one.nvmstate", "inspect raw --raw", "verify one.nvmstate",
                 "compare one.nvmstate one.nvmstate"):
        run(line)
    run("compare one.nvmstate raw --raw-b", statuses=(0, 10))
    pathlib.Path("damaged").write_bytes(pathlib.Path("one.nvmstate").read_bytes()[:-5])
    run("verify damaged", statuses=(8,))
    run("import sim:b vf1 -f one.nvmstate --check-only", statuses=(0, 8))
    run("transfer sim:a vf1 sim:b vf1 --dry-run")
    run("transfer sim:a vf1 sim:b vf1")
    run("sim guest status sim:b vf1 --continues-from sim:a vf1")
    run("list")
    run("export sim:b vf2 -f two.nvmstate --then resume")
    run("import sim:b vf2 -f two.nvmstate")
    run("list sim:b")
    run("resume sim:b vf2")


def take_down():
    run("sim guest stop sim:b vf1")
    run("unbind sim:b vf1 --dry-run")
    run("unbind sim:b vf1")
    run("unmark sim:b all")
    run("deprovision sim:b --dry-run")
    run("deprovision sim:b")
    run("sim change b --model other")
    run("sim destroy b")


def errors():
    run("nonsense", statuses=(2,), document=False)
    run("show sim:nowhere", statuses=(3,), document=False)
    run("export sim:a 0 -f x", statuses=(4,), document=False)
    run("verify nowhere", statuses=(3,), document=False)
    run("inspect damaged", statuses=(8,), document=False)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for kind in ("STATE", "RUN", "SIM"):
        os.environ[f"NVMIGRATE_{kind}_DIR"] = f"{folder}/{kind}"
    whole_job()
    migrate()
    errors()
    take_down()
    os.chdir("/")

for name in sorted(set(schemas) - used - {"common.json"}):
    faults.append(f"no command printed a document of {name}")
print("\n".join(faults) or f"{len(used)} schemas hold")
sys.exit(1 if faults else 0)
