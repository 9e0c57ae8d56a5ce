# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py [--update] NVMIGRATE DOUBLED TRANSCRIPT...: does the tool print what the transcripts say?

Shows every difference; with --update it writes the transcripts anew instead.
"""
import difflib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from scratch import MARKS, Scratch, read_transcript, text_of  # noqa: E402


def record(scratch, step):
    status, out = scratch.run(step.text)
    step.output = scratch.normalised(out).splitlines()
    if status != 0:
        step.output.append(f"[exit {status}]")
    if any(line.startswith(MARKS) for line in step.output):
        raise RuntimeError(f"{step.text}: prints what looks like a step of a transcript")


def replay(scenario, binaries):
    with Scratch(*binaries) as scratch:
        for step in scenario.steps:
            if step.mark == "% ":
                scratch.must(step.text)
            elif step.mark == "$ ":
                record(scratch, step)


def hold(path, binaries, update):
    """Whether the transcript is what is printed; afterwards it is when it is to be updated."""
    before = pathlib.Path(path).read_text(encoding="utf-8")
    scenarios = read_transcript(path)
    for scenario in scenarios:
        try:
            replay(scenario, binaries)
        except RuntimeError as error:
            print(f"{path}: {scenario.name}: {error}")
            return False
    after = text_of(scenarios)
    if update:
        pathlib.Path(path).write_text(after, encoding="utf-8")
        return True
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), path, "printed now",
                                     lineterm=""):
        print(line)
    return before == after


def main():
    words = sys.argv[1:]
    update = words[0] == "--update"
    nvmigrate, doubled, *paths = words[1:] if update else words
    held = [hold(path, (nvmigrate, doubled), update) for path in paths]
    if not all(held):
        print("read the differences; 'cmake --build BUILD --target transcripts-update' accepts them")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
