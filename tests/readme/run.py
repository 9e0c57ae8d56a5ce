# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py [--update] NVMIGRATE README: do the commands of the README run, and print what it shows?

Each section begins in a fresh scratch folder. A block `sh` that calls nvmigrate is run as it stands
and must succeed; a block without a language after it holds what it printed. A block `console` holds
commands behind `$ `, each with what it printed. Commands for `nvme0` and for another host run on
simulated subsystems. Times and process ids may differ; with --update, a block that differs otherwise
is written anew.
"""
import difflib
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import Scratch  # noqa: E402

FENCE = "```"
OUTPUT, PROMPT = "", "$ "
STAND_INS = {
    "nvmigrate": """#!/bin/bash
words=("${{@/#ssh:*nvme0/ssh://root@there/sim:there}}")
words=("${{words[@]/#nvme0/sim:${{SUBSYSTEM-here}}}}")
exec {binary} "${{words[@]//libvirt-qemu:kvm/$(id -u):$(id -g)}}"
""",
    "ssh": """#!/bin/bash
[ "$1" != -- ] || shift
shift
export SUBSYSTEM=there NVMIGRATE_STATE_DIR={root}/there/state NVMIGRATE_RUN_DIR={root}/there/run
exec sh -c "$*"
"""}
HOSTS = """set -e
nvmigrate sim create here --vfs-total 4
nvmigrate sim create there --vfs-total 4
ssh there 'nvmigrate provision nvme0 --vfs 4 --vq 2 --vi 1'
"""
RUNNING = """nvmigrate provision nvme0 --vfs 4 --vq 2 --vi 1
nvmigrate bind nvme0 vf1
nvmigrate mark nvme0 vf1
nvmigrate sim guest start nvme0 vf1
"""


def waiting(function):
    return (f"ssh there 'nvmigrate bind nvme0 {function} && nvmigrate mark nvme0 {function} &&"
            f" nvmigrate sim guest start nvme0 {function} --empty'")


# What stands ready on both hosts before the commands of a section.
READY = {"The workflow": HOSTS + waiting("vf1"),
         "Between two hosts": HOSTS + RUNNING + waiting("vf3")}


class Host(Scratch):
    """A host whose nvme0 is simulated, and which reaches another one."""

    def __init__(self, binary, section):
        super().__init__(binary)
        self.environment.update(PATH=f"{self.root}/bin:{self.environment['PATH']}",
                                LC_ALL="C.UTF-8", COLUMNS="98")
        os.mkdir(f"{self.root}/bin")
        for name, script in STAND_INS.items():
            path = pathlib.Path(self.root, "bin", name)
            path.write_text(script.format(binary=os.path.abspath(binary), root=self.root),
                            encoding="utf-8")
            path.chmod(0o755)
        self.must(READY.get(section, "true"))

    def printed(self, commands, expected=None):
        status, out = self.run(commands)
        if expected not in (None, status):
            raise RuntimeError(f"{commands}\nexit {status}\n{out}")
        return out.replace(self.root, "/root").splitlines()


class Pictures:
    """Runs the blocks of a README, and replaces what they show."""

    def __init__(self, binary):
        self.binary, self.host, self.before, self.runs, self.shown = binary, None, None, 0, 0

    def begin(self, section):
        self.end()
        self.host = Host(self.binary, section)

    def end(self):
        if self.host:
            self.host.__exit__()
        self.host = self.before = None

    def run(self, commands, expected=None):
        self.runs += 1
        return self.host.printed(commands, expected)

    def renewed(self, shown, printed):
        """What is shown, unless that is more than other times and process ids."""
        self.shown += 1
        same = self.host.normalised("\n".join(shown)) == self.host.normalised("\n".join(printed))
        return shown if same else printed

    def console(self, lines):
        commands = [[]]
        for line in lines:
            if line.startswith(PROMPT):
                commands.append([])
            commands[-1].append(line)
        return [line for command, *shown in commands[1:]
                for line in [command, *self.renewed(shown, self.run(command[len(PROMPT):]))]]

    def block(self, language, lines):
        before, self.before = self.before, None
        if language == "console":
            return self.console(lines)
        if language == "sh" and re.search(r"^ *nvmigrate ", "\n".join(lines), re.MULTILINE):
            self.before = self.run("set -eu\n" + "\n".join(lines), 0)
        elif language == OUTPUT and before is not None:
            return self.renewed(lines, before)
        return lines


def taken(text, pictures):
    """The README with what its commands print now."""
    lines, block = [], None
    for line in text.splitlines():
        if block is not None and line == FENCE:
            lines += [*pictures.block(language, block), line]
            block = None
        elif block is not None:
            block.append(line)
        else:
            lines.append(line)
            if line.startswith("## "):
                pictures.begin(line[3:])
            elif line.startswith(FENCE):
                language, block = line[len(FENCE):], []
    return "\n".join(lines) + "\n"


def main():
    words = sys.argv[1:]
    update = words[0] == "--update"
    binary, path = words[1:] if update else words
    pictures = Pictures(binary)
    before = pathlib.Path(path).read_text(encoding="utf-8")
    try:
        after = taken(before, pictures)
    except RuntimeError as error:
        print(f"{path}: {error}")
        return 1
    finally:
        pictures.end()
    if pictures.runs < 5 or pictures.shown < 4:
        print(f"{path}: {pictures.runs} blocks and commands were run, {pictures.shown} compared")
        return 1
    if update:
        pathlib.Path(path).write_text(after, encoding="utf-8")
        return 0
    differences = list(difflib.unified_diff(before.splitlines(), after.splitlines(), path,
                                            "printed now", lineterm=""))
    if differences:
        print("\n".join(differences))
        print("read the differences; 'cmake --build BUILD --target readme-update' accepts them")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
