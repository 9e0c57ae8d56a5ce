# SPDX-License-Identifier: LGPL-2.1-or-later
"""shells.py BINARY COMPLETIONS zsh|fish: does a real shell complete command lines of the tool?

zsh is driven interactively on a pseudo terminal, fish by its own `complete -C`. Ends with 77 where
the shell is not installed. bash is driven by the tests in completion_test.cpp.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile

BINARY, COMPLETIONS, SHELL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
PATIENCE = 30  # seconds


class Fish:
    """Gives the line as it would be with each completion, and the description."""

    def complete(self, line):
        script = f"source {COMPLETIONS}/nvmigrate.fish; complete -C $argv[1]"
        done = subprocess.run(["fish", "--no-config", "-c", script, line], capture_output=True,
                              text=True, check=False)
        assert done.stderr == "", done.stderr
        return [line.partition("\t")[::2] for line in done.stdout.splitlines()]

    def words(self, line):
        return [word for word, _ in self.complete(line)]

    def close(self):
        pass


class Zsh:
    """The same, from the line editor: Tab inserts a completion, Control-D lists all."""

    SETUP = r"""
        fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D; setopt nobeep
        zstyle ':completion:*' list-separator '::'
        show() { zle -M ''; print -r -- "<$BUFFER>" }; zle -N show; bindkey '^X' show
        LISTMAX=1000 KEYTIMEOUT=1 PS1='ready> '
    """

    def __init__(self):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.environ.update(TERM="xterm", COLUMNS="200", LINES="60")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        setup = pathlib.Path("setup")
        setup.write_text(self.SETUP % COMPLETIONS)
        self.type(f"stty cols 200 rows 60; source ./{setup}\n")
        self.shown_up_to("ready> ")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def shown_up_to(self, end):
        shown = ""
        while not re.search(end, shown):
            if not select.select([self.terminal], [], [], PATIENCE)[0]:
                raise AssertionError(f"{end!r} was not shown, but {shown!r}")
            shown += os.read(self.terminal, 4096).decode()
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
        return shown

    def typed(self, line, key):
        """What the line is after a key, and what was listed."""
        self.type(f"\x15{line}{key}\x18")
        shown = self.shown_up_to(r"<nvmigrate[^>]*>")
        self.type("\x15")
        return re.search(r"<(nvmigrate[^>]*)>", shown).group(1), shown

    def complete(self, line):
        """Each listed word with its description."""
        _, shown = self.typed(line, "\x04")
        return [(word, about.strip()) for word, about in
                re.findall(r"(?m)^\r?(\S+) +:: ([^\r\n]*)", shown)]

    def words(self, line):
        """The only completion, as the last word."""
        after, _ = self.typed(line, "\t")
        return [after.rstrip(" ").rpartition(" ")[2]]

    def close(self):
        self.type("\x15exit\n")
        os.waitpid(self.child, 0)


def expect(found, wanted, line):
    if found != wanted:
        raise AssertionError(f"{line!r} completes to {found}, not {wanted}")


def tool(line):
    subprocess.run([BINARY, "-q", *line.split()], check=True, capture_output=True)


def prepare(folder):
    for kind in ("STATE", "RUN", "SIM"):
        os.environ[f"NVMIGRATE_{kind}_DIR"] = f"{folder}/{kind}"
    os.environ.update(HOME=folder, PATH=f"{os.path.dirname(BINARY)}:{os.environ['PATH']}",
                      LC_ALL="C.UTF-8")
    os.chdir(folder)
    for line in ("sim create left --vfs-total 3", "provision sim:left --vfs 2",
                 "mark sim:left vf1", "bind sim:left vf1"):
        tool(line)
    pathlib.Path("sp ace").mkdir()
    for name in ("one.nvmstate", "other.text", "sp ace/two.nvmstate", "host.json", "host.text"):
        pathlib.Path(name).write_text("")


def check(shell):
    for line, word in {
            "nvmigrate unm": "unmark",
            "nvmigrate -o json deprov": "deprovision",
            "nvmigrate help sim gu": "guest",
            "nvmigrate list -o j": "json",
            "nvmigrate list --output-f": "--output-format",
            "nvmigrate list --output-format=j": "--output-format=json",
            "nvmigrate show sim:le": "sim:left",
            "nvmigrate export sim:left ": "1",
            "nvmigrate bind sim:left 2 --driver vf": "vfio-pci",
            "nvmigrate bind sim:left 2 --owner nobod": "nobody",
            "nvmigrate bind sim:left 2 --owner nobody:nogr": "nobody:nogroup",
            "nvmigrate resume sim:left 1 --allow lo": "loading",
            "nvmigrate verify o": "one.nvmstate",
            "nvmigrate apply ho": "host.json",
            "nvmigrate verify ot": "other.text",
            "nvmigrate import sim:left 1 --file=on": "--file=one.nvmstate",
            "nvmigrate export sim:left 1 --dir sp": "sp\\ ace/",
            "nvmigrate verify sp\\ ace/t": "sp\\ ace/two.nvmstate",
    }.items():
        plain = word.replace("\\", "")
        if SHELL == "zsh":  # splits at blanks
            plain = plain.rpartition(" ")[2]
        expect([each.replace("\\", "") for each in shell.words(line)], [plain], line)
    guests = dict(shell.complete("nvmigrate sim guest "))
    expect(guests, {"start": "Give a simulated function a guest whose queues move",
                    "stop": "Remove the guest",
                    "status": "Print whether the guest runs, and whether it ran without a gap"},
           "sim guest")
    functions = dict(shell.complete("nvmigrate show sim:left "))
    expect(functions["1"], "vf 1, running, vfio-pci, marked", "show sim:left")
    options = dict(shell.complete("nvmigrate export --"))
    expect(options["--overwrite"], "Replace files that exist", "export --")
    expect(shell.complete("nvmigrate nonsense "), [], "nonsense")


if not shutil.which(SHELL):
    print(f"skipped: {SHELL} is not installed")
    sys.exit(77)
with tempfile.TemporaryDirectory() as scratch:
    prepare(scratch)
    driven = {"fish": Fish, "zsh": Zsh}[SHELL]()
    try:
        check(driven)
    finally:
        driven.close()
        os.chdir("/")
