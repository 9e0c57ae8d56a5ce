# SPDX-License-Identifier: LGPL-2.1-or-later
"""matrix.py BINARY: every command, as the binary lists them, against every way to call it wrong or
in an odd surrounding. What counts is where something is printed, how the command ends, the shape of
what is printed, and its width.
"""
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata

BINARY = os.path.abspath(sys.argv[1])
USAGE, NOT_FOUND, IO = 2, 3, 12
STATUSES = set(range(13)) | {130}
# Their answer is text whatever the output format: help of people, and a format of its own.
NO_DOCUMENT = {"help"}
# Arguments with which a command that reads or only plans ends well, by the name of the argument.
VALUES = {"DEVICE": "sim:a", "IDS": "vf1", "ID": "vf1", "SRC": "sim:a", "SRC-IDS": "vf1", "DST": "sim:b",
          "DST-IDS": "vf1", "FILE": "one.nvmstate", "A": "one.nvmstate", "B": "one.nvmstate",
          "NAME": "a", "--range": "0:1M", "COMMAND": "list", "-f": "one.nvmstate", "--vfs": "2", "N": "2"}
# A change is an option that none needs, and one of them must be given.
MORE = {"sim change": ["--reset", "0"]}
# A server would wait, and needs root; without the subsystem it ends.
INSTEAD = {"sim serve": {"NAME": "nowhere", "--dev": "nvme9"}}
# Their text is about names and digests in columns, which the tests of tables are about.
IN_COLUMNS = {"backends", "inspect", "verify"}
# The document of `save` is a profile.
SCHEMAS = {"save": "nvmigrate.profile/1"}
# What stands for what in a locale without UTF-8.
PLAIN = {"├─": "|-", "└─": "`-", "→": "->"}
faults = []


class Ran:
    def __init__(self, words, stdout=subprocess.PIPE, before=None, **environment):
        self.line = "nvmigrate " + " ".join(words)
        changed = {name: value for name, value in environment.items() if value is not None}
        env = {**{k: v for k, v in os.environ.items() if k not in environment}, **changed}
        done = subprocess.run([BINARY, *words], stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, env=env, preexec_fn=before, check=False)
        self.status, self.error = done.returncode, done.stderr.decode()
        self.output = (done.stdout or b"").decode(errors="replace")
        self.expect(self.status in STATUSES, f"ends with {self.status}")
        self.expect(self.status != 1 and "internal error" not in self.error, "calls itself faulty")
        self.expect("\x1b" not in self.output + self.error, "prints escape sequences")
        self.expect(not re.search(r"[ \t]$", self.output, re.M), "prints blanks at the end of a line")

    def expect(self, true, fault):
        if not true:
            faults.append(f"{self.line}: {fault}\n  stdout: {self.output[:300]!r}\n"
                          f"  stderr: {self.error[:300]!r}")

    def refused(self, *statuses):
        self.expect(self.status in statuses, f"ends with {self.status}, not {statuses}")
        self.expect(self.output == "", "prints an error on standard output")
        self.expect(self.error.startswith("nvmigrate: "), "does not say that it is nvmigrate")
        self.expect(self.error.endswith("\n"), "ends its error without a newline")
        self.expect("Usage:" not in self.error, "prints its usage with an error")

    def document(self, command):
        """Exactly one document on standard output, or on standard error when it fails."""
        name = SCHEMAS.get(" ".join(command), f"nvmigrate.{'-'.join(command)}/1")
        try:
            if self.output:
                found = json.loads(self.output)
                self.expect(found.get("schema") == name, f"has the schema {found.get('schema')}")
            else:
                self.expect(self.status != 0, "prints no document")
                found = [json.loads(line) for line in self.error.splitlines()]
                self.expect(set(found[-1]) == {"error"}, "ends with something other than an error")
                self.expect(set(found[-1]["error"]) >= {"code", "class", "message", "commands"},
                            "has an error without all members")
        except (ValueError, IndexError) as fault:
            self.expect(False, f"is not JSON: {fault}")

    def fits(self, columns):
        """A command to be pasted and the names of an option are not folded."""
        for line in self.output.splitlines():
            foldable = " " in line.strip() and not re.match(
                r"\s*(->|nvmigrate|eval|cat|\||jq|-\S,|--\S+) ?", line)
            self.expect(width(line) <= columns or not foldable,
                        f"is wider than {columns} columns: {line!r}")


def width(line):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else
               0 if unicodedata.combining(letter) else 1 for letter in line)


def commands(*above):
    for name in Ran(["__complete", "--", *above, ""]).output.split():
        if name == "sim" or Ran([*above, name, "-h"]).output.startswith(
                f"Usage: nvmigrate {' '.join([*above, name])} COMMAND [OPTIONS]"):
            yield from commands(*above, name)
        else:
            yield (*above, name)


class Usage:
    """What the first line of the help says: the arguments that must and those that may be given."""

    def __init__(self, command):
        self.command, self.help = command, Ran([*command, "--help"], COLUMNS="200").output
        usage = self.help.split("\n\n")[0].replace("\n", " ")
        usage = usage.removeprefix(f"Usage: nvmigrate {' '.join(command)}").removesuffix("[OPTIONS]")
        usage = re.sub(r"\((\S+ \S+) \|[^)]*\)", r"\1", usage)
        self.needed = [word.removesuffix("...") for word in re.sub(r"\[[^]]*\]", "", usage).split()]
        self.optional = re.findall(r"\[([A-Z]\S*?)(?:\.\.\.)?\]", usage)
        self.endless = "..." in usage
        self.numbers = ["--timeout", "--wait", *re.findall(r"(?m)^ +(--\S+) (?:N|SIZE)\b", self.help)]

    def has(self, option):
        return re.search(rf"(?m)^  +.*{option}\b", self.help) is not None

    def words(self, **instead):
        """A whole line; `instead` replaces the values of arguments."""
        values = {**VALUES, **INSTEAD.get(" ".join(self.command), {}), **{name.replace("_", "-"): value for name, value in instead.items()}}
        words, option = [], None
        for word in self.needed:
            if word.startswith("-"):
                words += [word, values.get(word, "2")]
                option = word
            elif option is None:
                words.append(values[word])
            else:
                option = None
        dry = ["--dry-run"] if self.has("--dry-run") else []
        return [*self.command, *words, *MORE.get(" ".join(self.command), []), *dry]


def wrong_lines(usage):
    command = usage.command
    if usage.needed:
        Ran(command).refused(USAGE)
    for more in (["--no-such-option"], ["-Z"], ["--no-such-option=1"]):
        Ran([*usage.words(), *more]).refused(USAGE)
    if not usage.endless:
        extra = ["surplus"] * (1 + len(usage.optional))
        Ran([*usage.words(), *extra]).refused(USAGE)
    for number in ("soon", "-1", "1.5", "0b1", "99999999999999999999"):
        for option in usage.numbers:
            Ran([*usage.words(), option, number]).refused(USAGE)
        if "--vfs" in usage.needed:
            Ran([*usage.words(**{"--vfs": number})]).refused(USAGE)
    devices = {"DEVICE", "SRC", "DST"} & {*usage.needed, *usage.optional}
    for name in devices:
        words = usage.words(**{name.replace("-", "_"): "sim:nowhere"})
        if name in usage.optional:
            words += ["sim:nowhere"]
        Ran(words).refused(NOT_FOUND, 9)
        found = Ran([*words, "-o", "json"])
        found.document(command)
    if devices & set(usage.needed) and {"IDS", "ID", "SRC-IDS"} & set(usage.needed):
        words = usage.words()
        words[len(command):len(command) + 2] = reversed(words[len(command):len(command) + 2])
        swapped = Ran(words)
        swapped.refused(USAGE, NOT_FOUND)
        swapped.expect("did you mean" in swapped.error, "does not see that arguments are exchanged")
    if usage.needed and usage.needed[0] in ("FILE", "A"):
        Ran(usage.words(FILE="nowhere", A="nowhere")).refused(NOT_FOUND)


def odd_surroundings(usage):
    words, command = usage.words(), usage.command
    plain = Ran(words)
    plain.expect(plain.status != USAGE, f"ends with {plain.status} for a right line")
    if " ".join(command) not in NO_DOCUMENT:
        Ran([*words, "-o", "json"]).document(command)
        Ran([*words, "-o", "json", "--no-such-option"]).document(command)
    printed = bool(plain.output)
    for line in (words, [*command, "--help"], [*words, "-o", "json"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            Ran(line, stdout=full).expect_io(printed or "--help" in line)
        Ran(line, before=lambda: os.close(1)).expect_io(printed or "--help" in line)
    same = [Ran(words, **env) for env in
            ({"TERM": "dumb"}, {"TERM": None}, {"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C"})]
    for other in same:
        other.expect(comparable(other.output) == comparable(plain.output) and
                     other.status == plain.status, f"prints other text than {plain.output!r}")
    for columns in (40, 80, 200):
        helped = Ran([*command, "--help"], COLUMNS=str(columns))
        helped.expect(helped.status == 0 and helped.error == "", "cannot print its help")
        helped.fits(min(columns, 80))
        shown = Ran(words, COLUMNS=str(columns))
        shown.expect(shown.status == plain.status, "ends otherwise with other columns")
        if columns == 80 and " ".join(command) not in IN_COLUMNS:
            shown.fits(80)
    Ran([*command, "--help"], COLUMNS=None).fits(80)


def comparable(text):
    """Without what differs from run to run: the guests move on, and times pass."""
    for drawn, plain in PLAIN.items():
        text = text.replace(drawn, plain)
    return re.sub(r"[0-9.]+ *", "0 ", text)


def expect_io(self, prints):
    wanted = self.status == IO or not prints
    self.expect(wanted, f"ends with {self.status} although its output cannot be written")
    self.expect(not wanted or self.error != "" or not prints, "does not say why")


Ran.expect_io = expect_io


def prepare(folder):
    os.chdir(folder)
    for kind in ("STATE", "RUN", "SIM"):
        os.environ[f"NVMIGRATE_{kind}_DIR"] = f"{folder}/{kind}"
    for name in ("COLUMNS", "NO_COLOR"):
        os.environ.pop(name, None)
    for host in "ab":
        for line in (f"sim create {host} --vfs-total 4", f"provision sim:{host} --vfs 2",
                     f"mark sim:{host} vf1,vf2", f"bind sim:{host} vf1"):
            Ran(line.split())
    for line in ("sim guest start sim:a vf1", "sim guest start sim:b vf1 --empty",
                 "export sim:a vf2 -f one.nvmstate --then resume"):
        Ran(line.split())


with tempfile.TemporaryDirectory() as scratch:
    prepare(scratch)
    every = list(commands())
    for each in every:
        described = Usage(each)
        wrong_lines(described)
        odd_surroundings(described)
    os.chdir("/")
assert len(every) > 20, every
print("\n".join(faults) or f"{len(every)} commands keep their contract")
sys.exit(1 if faults else 0)
