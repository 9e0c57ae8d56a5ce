# SPDX-License-Identifier: LGPL-2.1-or-later
"""words.py ROOT: where the words of the tool stand in its sources.

  - A sentence of the table of conditions stands once: nobody says it a second time.
  - lib and plugins do not hold words of the command line, which other programs have not.
  - cli refuses only what is wrong with its arguments; whether something may be done to a function is
    for the table of conditions.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
TABLES = ("lib/nvmigrate/conditions/table.cpp",
          "lib/nvmigrate/conditions/table_of_provisioning.cpp",
          "lib/nvmigrate/conditions/table_of_states.cpp")
SHARED = "lib/nvmigrate/session/sentences.h"
TELLING = 30  # letters: shorter parts of a sentence are said by others too
# What cli refuses by itself, and in which words.
ABOUT_ARGUMENTS = {
    ("cli/export.cpp", "there is no folder "),
    ("cli/export.cpp", " is not a folder"),
    ("cli/export.cpp", "standard output is a terminal; refusing to write a binary state to it"),
    ("cli/state_argument.cpp", "standard input is a terminal; expected a state"),
}

TOKEN = re.compile(r'R"\((?P<raw>.*?)\)"|"(?P<text>(?:[^"\\\n]|\\.)*)"|//[^\n]*|/\*.*?\*/|\'\\?.\'',
                   re.DOTALL)
REFUSES = re.compile(r"\b(?:refused|unsupported|not_found|bad_state)\(|\bRefusal[({]")
faults = []


def literals(text):
    """The string literals of a source and where they begin, neighbours joined; no includes."""
    text = re.sub(r"^#include.*$", lambda found: " " * len(found[0]), text, flags=re.MULTILINE)
    joined, end = [], -1
    for found in TOKEN.finditer(text):
        if found["raw"] is None and found["text"] is None:
            continue
        part = found["raw"] if found["text"] is None else found["text"]
        if end >= 0 and not text[end:found.start()].strip():
            joined[-1][1] += part
        else:
            joined.append([found.start(), part])
        end = found.end()
    return joined


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def check_sentences():
    sentences = []
    for table in ((ROOT / name).read_text(encoding="utf-8") for name in TABLES):
        sentences += [words for place, words in literals(table)
                      if re.search(r"\.sentence\s*=\s*$", table[:place])]
    if len(sentences) < 50:
        faults.append(f"the tables of conditions: only {len(sentences)} sentences found")
    sentences += [words for _, words in literals((ROOT / SHARED).read_text(encoding="utf-8"))]
    parts = {part.strip() for words in sentences for part in re.split(r"\{[a-z_]*\}", words)}
    for name, text in sources("lib", "plugins", "cli"):
        if name in (*TABLES, SHARED):
            continue
        for _, words in literals(text):
            faults.extend(f"{name}: says what the table of conditions says: '{part}'"
                          for part in parts if len(part) > TELLING and part in words)


def check_command_line():
    commands = re.findall(r'Command\{\s*"([a-z]+)"',
                          (ROOT / "cli/commands.cpp").read_text(encoding="utf-8"))
    ours = re.compile(rf"\bnvmigrate (?:{'|'.join(commands)})\b|(?:^|[\s('])--[a-z]")
    for name, text in sources("lib", "plugins"):
        faults.extend(f"{name}: words of the command line: '{words}'"
                      for _, words in literals(text) if ours.search(words))


def check_refusals():
    found = set()
    for name, text in sources("cli"):
        places = literals(text)
        for refusal in REFUSES.finditer(text):
            words = next(words for place, words in places if place >= refusal.end())
            found.add((name, words))
    faults.extend(f"{name}: refuses by itself: '{words}'" for name, words in found - ABOUT_ARGUMENTS)
    faults.extend(f"{name} does not refuse '{words}' any more" for name, words in ABOUT_ARGUMENTS - found)


check_sentences()
check_command_line()
check_refusals()
print("\n".join(sorted(faults)) or "every word is in its place")
sys.exit(1 if faults else 0)
