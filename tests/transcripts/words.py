# SPDX-License-Identifier: LGPL-2.1-or-later
"""words.py NVMIGRATE DOUBLED TRANSCRIPTS MAN: is all that a user reads in plain English?

Walks over the transcripts, the help of every command and the rendered manual pages, and prints

  - words and turns of phrase that no native speaker would use there;
  - lines of help and manual that are wider than a terminal;
  - remedies, `-> COMMAND`, that do not parse as a command, or hold a placeholder.
"""
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import MARKS, Scratch  # noqa: E402

NVMIGRATE, DOUBLED, TRANSCRIPTS, MAN = sys.argv[1:]
WIDTH = 80
LOST = [re.compile(rf"\b(?:{each})\b", re.IGNORECASE) for each in (
    r"(?<!there )(?:is|are|was|were|be|being) no(?! longer\b)",
    r"(?:is|are|was|were|be) none",
    r"none (?:that|which)",
    r"(?:means?|meant) to (?:destroy|remove|kill)",
    r"say so no more|no more (?:is|are)",
    r"puts? up with",
    r"at work",
    r"(?:by|with|without|gives?|given|has|have|had|takes?|asks?|your|its) leave",
    r"deeds?",
    r"wish(?:es|ed|ing)?",
    r"crews?",
    r"hands?(?! over\b)",
    r"offer(?:s|ed|ing)?",
    r"graver?|gravest",
    r"wreck(?:s|ed|age)?",
    r"freez(?:e|es|ing)|froze|frozen",
    r"(?:of )?no matter",
    r"to be had",
)]
PLACEHOLDER = re.compile(r"(?<![\w./:=-])[A-Z][A-Z_]*(?![\w./:=-])|<[^>]*>|\.\.\.|…")
faults = []


def check_words(name, text):
    plain = " ".join(text.split())
    for expression in LOST:
        for found in expression.finditer(plain):
            around = plain[max(found.start() - 40, 0):found.end() + 40]
            faults.append(f"{name}: '{found[0]}': …{around}…")


def check_width(name, text):
    for line in text.splitlines():
        if len(line) > WIDTH:
            faults.append(f"{name}: {len(line)} columns: {line}")


def check_parses(name, line, scratch):
    """A command of ours must get past the parser; in an empty scratch folder it finds no device."""
    status, out = scratch.run(line if line.startswith("nvmigrate ") else f"bash -n <<'EOF'\n{line}\nEOF")
    ours = line.startswith("nvmigrate ")
    if status in (1, 2, 126, 127) if ours else status != 0:
        faults.append(f"{name}: '{line}' does not parse: {out.strip()}")


def check_remedies(name, text, scratch):
    for line in re.findall(r"^\s*-> (.*)$", text, re.MULTILINE):
        if PLACEHOLDER.search(line):
            faults.append(f"{name}: '{line}' cannot be run as it stands")
        try:
            shlex.split(line)
        except ValueError as error:
            faults.append(f"{name}: '{line}': {error}")
        check_parses(name, line, scratch)


def said(*words):
    return subprocess.run([NVMIGRATE, *words], capture_output=True, text=True, check=True).stdout


def commands(*above):
    """The words of every command, and of every command below it."""
    for name in re.findall(r"^  ([a-z-]+)  ", said(*above, "--help"), re.MULTILINE):
        yield (*above, name)
        if f"Usage: nvmigrate {' '.join((*above, name))} COMMAND" in said(*above, name, "--help"):
            yield from commands(*above, name)


def helps():
    yield "nvmigrate --help", said("--help")
    for words in commands():
        yield f"nvmigrate {' '.join(words)} --help", said(*words, "--help")


def manual():
    for page in sorted(pathlib.Path(MAN).glob("*.[15]")):
        rendered = subprocess.run(
            ["groff", "-t", "-man", "-Kutf8", "-Tutf8", f"-rLL={WIDTH - 2}n", "-rHY=0",
             "-P-c", "-P-b", "-P-u", "-P-o", str(page)],
            capture_output=True, text=True, check=True).stdout
        yield page.name, rendered


def transcripts():
    for path in sorted(pathlib.Path(TRANSCRIPTS).glob("*.txt")):
        if path.name == "CMakeLists.txt":
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        printed = [line for line in lines if not line.startswith(MARKS)]
        yield path.stem, "\n".join(printed)


def main():
    with Scratch(NVMIGRATE, DOUBLED) as scratch:
        walked = 0
        for sources, narrow in ((transcripts(), False), (helps(), True), (manual(), True)):
            for name, text in sources:
                walked += 1
                check_words(name, text)
                check_remedies(name, text, scratch)
                if narrow:
                    check_width(name, text)
    print("\n".join(faults) or f"{walked} texts")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
