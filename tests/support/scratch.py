# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts of their own in scratch folders, the tool run in them, and transcripts of what it printed.

A transcript is text. A line begins with

    #   a comment
    ==  a scenario, which begins in a fresh scratch folder: `== NAME: DETAILS`
    %   a command that prepares it and must succeed; what it prints is not shown
    $   a command whose output, and exit status unless that is 0, follow

and all other lines are output. Commands are run by bash in the scratch folder.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

MARKS = ("# ", "== ", "% ", "$ ")


class Scratch:
    """A scratch folder, with all folders and variables of the tool in it."""

    def __init__(self, *binaries):
        self.root = tempfile.mkdtemp(prefix="scratch.")
        self.groups = []
        folders = [os.path.dirname(os.path.abspath(each)) for each in (*binaries, __file__)]
        self.environment = {
            "PATH": ":".join([*folders, "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
            "HOME": self.root, "LC_ALL": "C", "NO_COLOR": "1", "TZ": "UTC",
            **{f"NVMIGRATE_{kind}_DIR": f"{self.root}/{kind.lower()}"
               for kind in ("STATE", "RUN", "SIM", "CONFIG")}}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.root)

    def run(self, line, apart=False):
        """Runs a line of shell; returns exit status and output, both outputs if they are apart."""
        child = subprocess.Popen(
            ["bash", "-c", line], cwd=self.root, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT, errors="backslashreplace")
        self.groups.append(child.pid)
        out, err = child.communicate(timeout=120)
        return (child.returncode, out, err) if apart else (child.returncode, out)

    def must(self, line):
        status, out = self.run(line)
        if status != 0:
            raise RuntimeError(f"{line}: exit {status}\n{out}")

    def normalised(self, text):
        """Without what changes from run to run."""
        text = text.replace(self.root, "/scratch")
        host = re.escape(socket.gethostname())
        for found, instead in (
                (rf"\bon {host} by nvmigrate", "on HOST by nvmigrate"),
                (rf"\bon {host}, release", "on HOST, release"),
                (rf'"host": "{host}"', '"host": "HOST"'),
                (r"\bpid \d+", "pid 4711"),
                (r'"pid": \d+', '"pid": 4711'),
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T12:00:00Z"),
                (r"nvmigrate \d+\.\d+\.\d+\b", "nvmigrate VERSION"),
                (r'("since_ns": )"\d+"', r'\1"0"'),
                (r'("transfer": )"\d+-\d+"', r'\1"4711-0"'),
                (r'("\w*(?:_ns|_us|_per_second)": )\d+', r"\g<1>0"),
                (r"\b(record \d+ \(\w+\)) at byte \d+", r"\1 at byte 512"),
                (r'"file_bytes": \d+', '"file_bytes": 65536'),
                (r"\b\d+(\.\d+)? (ns|us|ms|s)\b", "1 ms"),
                (r"\b\d+(\.\d+)? ([KMG]i)?B/s", "1 MiB/s")):
            text = re.sub(found, instead, text)
        return text


class Step:
    """A line of a transcript, with what it printed where it is a command that is shown."""

    def __init__(self, mark, text):
        self.mark, self.text, self.output = mark, text, []

    def lines(self):
        while self.output and not self.output[-1]:
            self.output.pop()
        return [self.mark + self.text, *self.output]


class Scenario:
    """The steps from one fresh scratch folder to the next."""

    def __init__(self, name, details, steps):
        self.name, self.details, self.steps = name, details, steps

    def commands(self, mark):
        return [step.text for step in self.steps if step.mark == mark]


def read_transcript(path):
    """All scenarios; the first has the comments above it."""
    scenarios = [Scenario("", "", [])]
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        mark = next((mark for mark in MARKS if line.startswith(mark)), None)
        if mark == "== ":
            name, _, details = line[3:].partition(": ")
            scenarios.append(Scenario(name, details, []))
        elif mark:
            scenarios[-1].steps.append(Step(mark, line[2:]))
        elif line and not scenarios[-1].steps:
            raise RuntimeError(f"{path}: output of no command: {line}")
        elif scenarios[-1].steps:
            scenarios[-1].steps[-1].output.append(line)
    return scenarios


def text_of(scenarios):
    parts = []
    for scenario in scenarios:
        lines = [line for step in scenario.steps for line in step.lines()]
        if scenario.name:
            details = f": {scenario.details}" if scenario.details else ""
            lines.insert(0, f"== {scenario.name}{details}")
        if lines:
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
