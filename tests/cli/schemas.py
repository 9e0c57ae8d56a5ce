# SPDX-License-Identifier: LGPL-2.1-or-later
"""schemas.py BINARY SCHEMAS: the published schemas describe every JSON document of the commands.

Runs the whole job on simulated subsystems and checks what each command printed: it fits its schema,
each of its members is described there, and it would still fit with members of a later version. In
the end every schema and every shared definition must have been used.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator, RefResolver

BINARY, SCHEMAS = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
schemas = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
CLOSED = {"profile.json"}  # what people write, where a slip must not be silent
used = set()
faults = []


def validator(name):
    schema = schemas[name]
    resolver = RefResolver(name, schema, store=schemas)
    return Draft202012Validator(schema, resolver=resolver)


def parts(name, schema):
    """The schema with everything it refers to or consists of, each with the file it is in."""
    yield name, schema
    if "$ref" in schema:
        file, _, pointer = schema["$ref"].partition("#")
        found = schemas[file or name]
        for key in filter(None, pointer.split("/")):
            found = found[key]
        used.add((file or name, pointer))
        yield from parts(file or name, found)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for each in schema.get(keyword, []):
            yield from parts(name, each)
    for keyword in ("then", "else"):
        if keyword in schema:
            yield from parts(name, schema[keyword])


def undescribed(instance, found, path="$"):
    """The paths of all members that no schema found for the instance has."""
    if isinstance(instance, list):
        below = [each for name, schema in found if "items" in schema
                 for each in parts(name, schema["items"])]
        for index, item in enumerate(instance):
            yield from undescribed(item, below, f"{path}[{index}]")
    elif isinstance(instance, dict):
        for member, value in instance.items():
            below = [each for name, schema in found
                     for place in (schema.get("properties", {}).get(member),
                                   schema.get("additionalProperties"))
                     if isinstance(place, dict) for each in parts(name, place)]
            if not below:
                yield f"{path}.{member}"
            yield from undescribed(value, below, f"{path}.{member}")


def of_a_later_version(instance):
    if isinstance(instance, list):
        return [of_a_later_version(each) for each in instance]
    if isinstance(instance, dict):
        old = {member: of_a_later_version(value) for member, value in instance.items()}
        return {**old, "added_later": "text"}
    return instance


def check(name, document, line):
    used.add(name)
    for error in validator(name).iter_errors(document):
        faults.append(f"{line}: {name}: {error.json_path}: {error.message}")
    for path in undescribed(document, list(parts(name, schemas[name]))):
        faults.append(f"{line}: {name} does not describe {path}")
    later = list(validator(name).iter_errors(of_a_later_version(document)))
    if name in CLOSED:
        faults.extend([] if later else [f"{line}: {name} takes a member that the command refuses"])
        later = []
    for error in later:
        faults.append(f"{line}: {name} is closed: {error.json_path}: {error.message}")
    if validator(name).is_valid(dict(list(document.items())[1:])):
        faults.append(f"{name} accepts a document without its first member")


def launch(line, status):
    """What a command printed on both outputs, or nothing when it ended otherwise."""
    done = subprocess.run([BINARY, *line.split(), "-o", "json"], capture_output=True, check=False)
    if done.returncode != status:
        faults.append(f"{line}: exit {done.returncode}, not {status}: {done.stderr.decode()}")
        return None
    return done


def check_document(found, line):
    if list(found)[0] != "schema":
        faults.append(f"{line}: schema is not the first member")
    check(found["schema"].removeprefix("nvmigrate.").removesuffix("/1") + ".json", found, line)


def run(line, status=0):
    if done := launch(line, status):
        check_document(json.loads(done.stdout), line)


def fail(line, status):
    done = launch(line, status)
    if done and done.stdout:
        faults.append(f"{line}: failed, and printed a document")
    if done:
        check("error.json", json.loads(done.stderr), line)


def run_to_output(line):
    """The state is on standard output, and on the other first the progress, then the document."""
    if done := launch(line + " -f - --progress json", 0):
        *progress, last = re.split(r"(?m)^(?={\"progress\"|{$)", done.stderr.decode())[1:]
        for each in progress:
            check("progress.json", json.loads(each), line)
        check_document(json.loads(last), line)
        if not done.stdout.startswith(b"\x89NVM") or not progress:
            faults.append(f"{line}: no state, or no progress")


def run_with_talk(line, status=0):
    """Lines of progress, notes, warnings and traces come on standard error."""
    if done := launch(line, status):
        check_document(json.loads(done.stdout), line)
        for each in map(json.loads, done.stderr.splitlines()):
            check("progress.json" if "progress" in each else "talk.json", each, line)
        if not done.stderr:
            faults.append(f"{line}: said nothing")


def examine_host():
    """What it finds depends on the host, and how it ends on what it found."""
    done = subprocess.run([BINARY, "doctor", "-o", "json"], capture_output=True, check=False)
    found = json.loads(done.stdout)
    check_document(found, "doctor")
    if done.returncode != (10 if found["problems"] else 0):
        faults.append(f"doctor: exit {done.returncode} with {found['problems']} problems")


def whole_job():
    run("sim create a --vfs-total 4 --tracking all")
    run("sim create b --vfs-total 4 --others 1 --effects free")
    run("list")
    run("provision sim:a --vfs 2 --vq 2 --vi 1 --dry-run")
    run("provision sim:a --vfs 2 --vq 2 --vi 1")
    run("provision sim:a --vfs 2 --vq 2 --vi 1")
    run("provision sim:b --vfs 2 --vq 2 --vi 1 --attach all")
    for host in "ab":
        run(f"mark sim:{host} vf1,vf2 --dry-run")
        run(f"mark sim:{host} vf1,vf2")
        run(f"bind sim:{host} vf1 --dry-run")
        run(f"bind sim:{host} vf1")
        run(f"handle sim:{host} vf1")
        run(f"handle sim:{host} vf1 --format json")
        run_with_talk(f"handle sim:{host} vf1,vf2", 10)
    run("sim guest start sim:a vf1 --dry-run")
    run("sim guest start sim:a vf1")
    run("sim guest start sim:b vf1 --empty")
    run("sim guest status sim:a vf1")
    for line in ("list", "list sim:a", "show sim:a", "show sim:b", "show sim:a vf1", "backends",
                 "backends sim:a", "sim list", "sim show a"):
        run(line)
    run("doctor sim:a")
    run("doctor sim:a --repair")
    examine_host()


def migrate():
    run("suspend sim:a vf1 --dry-run")
    run("suspend sim:a vf1")
    run("list sim:a")
    run("resume sim:a vf1")
    run("track start sim:a vf1 --range 0:4G --dry-run")
    run("track start sim:a vf1 --range 0:4G")
    run("track read sim:a vf1")
    run("track stop sim:a vf1 --dry-run")
    run("track stop sim:a vf1")
    run("export sim:a vf1 -f one.nvmstate --dry-run")
    run("export sim:a vf1 -f one.nvmstate --then resume")
    run_to_output("export sim:a vf1 --then resume")
    run_with_talk("export sim:a vf1,vf2 --dir . --then resume --progress json")
    run("export sim:a vf1 -f raw --raw --then resume")
    for line in ("inspect one.nvmstate", "inspect raw --raw", "verify one.nvmstate",
                 "compare one.nvmstate one.nvmstate"):
        run(line)
    run("compare one.nvmstate raw --raw-b", 10)
    pathlib.Path("damaged").write_bytes(pathlib.Path("one.nvmstate").read_bytes()[:-5])
    run("verify damaged", 8)
    run("import sim:b vf1 -f one.nvmstate --check-only", 4)  # its source runs
    run("export sim:a vf1 -f kept.nvmstate")
    run("import sim:b vf1 -f kept.nvmstate --check-only")
    run("resume sim:a vf1 --allow exported")
    run("transfer sim:a vf1 sim:b vf1 --dry-run")
    run_with_talk("transfer sim:a vf1,3 sim:b vf1,3 --dry-run", 10)
    run_with_talk("transfer sim:a vf1 sim:b vf1 --progress json")
    run("sim guest status sim:b vf1 --continues-from sim:a vf1")
    run("list")
    run("export sim:a vf2 -f two.nvmstate")
    run_with_talk("import sim:b vf2 -f two.nvmstate --progress json")
    run("export sim:b vf1 -f three.nvmstate")
    run("release sim:b vf1 --dry-run")
    run("release sim:b vf1")
    run("unmark sim:a vf2")
    run_with_talk("export sim:a vf1,vf2 --allow away --dir . --overwrite --dry-run", 10)
    run_with_talk("list sim:b -vv")
    run("resume sim:b vf2 --allow not_open")


def profiles():
    """The profile that save prints, and the file that --persist keeps, are of one schema."""
    run("sim create d --exported-subsystem")
    run("provision sim:d --vfs 1")
    run("mark sim:d 1")
    run("export sim:d 1 -f with_subsystem.nvmstate")
    run("inspect with_subsystem.nvmstate")
    run("sim destroy d")
    run("sim create c --vfs-total 2")
    run("provision sim:c --vfs 2 --vq 2 --vi 1 --attach all --persist")
    run("bind sim:c vf1 --owner 4711:4712 --persist")
    run("mark sim:c vf1 --persist")
    run("save sim:c")
    for path in pathlib.Path("STATE/profiles").iterdir():
        check_document(json.loads(path.read_text()), "--persist")
    run("sim power-cycle c --dry-run")
    run("sim power-cycle c")
    run("plan", 10)
    run("apply --device sim:c --dry-run", 10)
    run("apply")
    run("plan")
    run("sim change c --reset 0")
    run("unmark sim:c all --persist")
    run("unbind sim:c all --persist")
    run("sim destroy c")
    run("plan")


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
    fail("nonsense", 2)
    fail("show sim:nowhere", 3)
    fail("export sim:a 0 -f x", 4)
    fail("verify nowhere", 3)
    fail("inspect damaged", 8)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for kind in ("STATE", "RUN", "SIM", "CONFIG"):
        os.environ[f"NVMIGRATE_{kind}_DIR"] = f"{folder}/{kind}"
    whole_job()
    migrate()
    profiles()
    errors()
    take_down()
    os.chdir("/")

for name, schema in sorted(schemas.items()):
    Draft202012Validator.check_schema(schema)
    # What serves a device needs CUSE; the script serve.sh of the VM looks at its document.
    if name not in ("common.json", "sim-serve.json") and name not in used:
        faults.append(f"no command printed a document of {name}")
    for definition in schema.get("$defs", {}):
        if (name, f"/$defs/{definition}") not in used:
            faults.append(f"nothing printed is described by {definition} of {name}")
print("\n".join(faults) or f"{len(schemas)} schemas hold")
sys.exit(1 if faults else 0)
