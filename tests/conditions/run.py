# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py NVMIGRATE DOUBLED TRANSCRIPTS: every condition of the table happens, and can be mended.

The scenarios are those of the transcripts conditions-*.txt: `== CODE: SEVERITY, exit STATUS`, and
`, mended` where each remedy ends the condition. The first command shown is run

  - in JSON: a finding of this code and severity is in its document, with this exit status;
  - in text: its sentence is there, and each of its commands behind an arrow;
  - with --allow, where it may be allowed: it does not stop the command any more;

and each remedy is run as it is printed, and then the command again. Where a scenario ends as it
began, with the same command, what stands between mends the condition too.
"""
import json
import pathlib
import re
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import Scratch, read_transcript  # noqa: E402

NVMIGRATE, DOUBLED, TRANSCRIPTS = sys.argv[1:]
RUN_AS_PRINTED = ("nvmigrate", "chmod", "mkdir")
DETAILS = re.compile(r"(ok|warning|problem|blocker), exit (\d+)(, mended)?")
faults = []


def findings_in(document):
    """All findings, wherever they stand in a document."""
    if isinstance(document, list):
        return [found for each in document for found in findings_in(each)]
    if not isinstance(document, dict):
        return []
    found = [found for each in document.values() for found in findings_in(each)]
    if {"code", "message", "commands"} <= document.keys():
        # An error stops the command; it has findings of its own when it is a refusal.
        found.append({"severity": "blocker", "overridable": False, "allowed": False, **document})
    return found


def documents_of(out, err):
    """What was printed in JSON: one document on standard output, or lines on standard error."""
    lines = [line for line in err.splitlines() if line.startswith("{")]
    return [json.loads(text) for text in ([out] if out.strip() else []) + lines]


class Case:
    """A scenario: the condition that it is about, and the command that comes upon it."""

    def __init__(self, path, scenario):
        self.code, self.place = scenario.name, f"{path.stem}: {scenario.name}"
        details = DETAILS.fullmatch(scenario.details)
        if not details:
            raise SystemExit(f"{self.place}: '{scenario.details}' says not what is expected")
        self.severity, self.mended = details[1], details[3] is not None
        self.status = int(details[2])
        self.setup, shown = scenario.commands("% "), scenario.commands("$ ")
        self.command = shown[0]
        self.by_hand = shown[1:-1] if len(shown) > 2 and shown[-1] == shown[0] else []

    def fault(self, text):
        faults.append(f"{self.place}: {text}")

    def expect_status(self, status, printed, line):
        if status != self.status:
            self.fault(f"{line}: exit {status}, not {self.status}\n{printed}")

    def world(self):
        scratch = Scratch(NVMIGRATE, DOUBLED)
        for line in self.setup:
            scratch.must(line)
        return scratch

    def find(self, scratch, more=""):
        """Runs the command in JSON: its status, what it printed, and what it found of this case."""
        status, out, err = scratch.run(f"{self.command}{more} -o json", apart=True)
        asked = (self.code, self.severity)
        found = [each for each in findings_in(documents_of(out, err))
                 if (each["code"], each["severity"]) == asked]
        return status, out + err, found

    def check_json(self):
        with self.world() as scratch:
            status, printed, found = self.find(scratch)
        self.expect_status(status, printed, "in JSON")
        if not found:
            self.fault(f"is not a finding of {self.command}\n{printed}")
            return None
        return found[0]

    def check_text(self, finding):
        with self.world() as scratch:
            status, printed = scratch.run(self.command)
            message = finding["message"].replace(scratch_of(finding), scratch.root)
        self.expect_status(status, printed, "in text")
        if scratch_free(message) not in scratch_free(printed):
            self.fault(f"does not say '{message}'\n{printed}")
        if self.severity == "warning" and "warning: " in printed:
            return  # a line of talk, without its remedies
        for command in finding["commands"] if self.severity != "ok" else []:
            line = scratch_free(f"-> {shlex.join(command)}\n")
            if line not in scratch_free(printed):
                self.fault(f"does not print {line}{printed}")

    def check_override(self):
        with self.world() as scratch:
            status, printed, found = self.find(scratch, f" --allow {self.code}")
        if any(not each["allowed"] for each in found):
            self.fault(f"is not allowed by --allow {self.code}\n{printed}")
        if status == 2:
            self.fault(f"--allow {self.code} is not an option\n{printed}")

    def check_remedy(self, number):
        """Runs the remedy in the world that printed it."""
        with self.world() as scratch:
            _, printed, found = self.find(scratch)
            command = found[0]["commands"][number]
            if command[0] not in RUN_AS_PRINTED:
                return
            status, said = scratch.run(shlex.join(command))
            if status != 0:
                self.fault(f"{shlex.join(command)}: exit {status}\n{said}")
            elif self.mended and self.find(scratch)[2]:
                self.fault(f"{shlex.join(command)} does not mend it\n{said}{printed}")

    def check_by_hand(self):
        with self.world() as scratch:
            self.find(scratch)
            for line in self.by_hand:
                scratch.must(line)
            _, printed, found = self.find(scratch)
        if found:
            self.fault(f"{self.by_hand} does not mend it\n{printed}")

    def check(self):
        finding = self.check_json()
        if finding is None:
            return
        self.check_text(finding)
        if finding["overridable"]:
            self.check_override()
        if self.mended and not finding["commands"]:
            self.fault("has no remedy")
        for number in range(len(finding["commands"])):
            self.check_remedy(number)
        if self.by_hand:
            self.check_by_hand()


def scratch_of(finding):
    found = re.search(r"/\S*/scratch\.[^/\s]+", json.dumps(finding))
    return found[0] if found else "/no scratch"


def scratch_free(text):
    """Without what differs between two runs of a command."""
    text = re.sub(r"/\S*/scratch\.[^/\s]+", "/scratch", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    return re.sub(r"pid \d+", "pid PID", text)


def codes_of_table():
    with Scratch(NVMIGRATE) as scratch:
        status, out = scratch.run("nvmigrate __man-options --conditions")
    if status != 0:
        raise SystemExit(f"nvmigrate __man-options --conditions: exit {status}\n{out}")
    return re.findall(r"^\.TP\n\\fB([a-z0-9_]+)\\fR$", out, re.MULTILINE)


def main():
    cases = [Case(path, scenario)
             for path in sorted(pathlib.Path(TRANSCRIPTS).glob("conditions-*.txt"))
             for scenario in read_transcript(path) if scenario.name]
    codes = codes_of_table()
    for code in codes:
        if not any(case.code == code for case in cases):
            faults.append(f"no scenario makes the condition {code} happen")
    for case in cases:
        if case.code not in codes:
            case.fault("is not a condition of the table")
        try:
            case.check()
        except (RuntimeError, ValueError, IndexError) as error:
            case.fault(f"{type(error).__name__}: {error}")
    print("\n".join(faults) or f"{len(codes)} conditions, {len(cases)} scenarios")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
