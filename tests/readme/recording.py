# SPDX-License-Identifier: LGPL-2.1-or-later
"""recording.py NVMIGRATE SVG: is the recording complete, small and by itself, and would it be the same
now? Every line that record.sh shows must be in it; times and process ids may differ.
"""
import os
import pathlib
import re
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from scratch import Scratch  # noqa: E402

COLUMNS, MOST_BYTES = 100, 200 * 1024
SVG = "{http://www.w3.org/2000/svg}"


def text_of(picture):
    """All lines that it shows, in the order in which they come, not parted: termtosvg makes a group of
    each, and a terminal parts what is longer."""
    return "".join("".join(group.itertext()) for group in picture.iter(f"{SVG}g") if group.get("id"))


def squeezed(text, host):
    return re.sub(r"\s", "", host.normalised(text.replace("\N{NO-BREAK SPACE}", " ")))


def main():
    binary, path = sys.argv[1:]
    recording = pathlib.Path(path).read_text(encoding="utf-8")
    faults = []
    if len(recording) > MOST_BYTES:
        faults.append(f"{len(recording)} bytes are more than {MOST_BYTES}")
    faults += [f"refers to {found}" for found in re.findall(r'(?:href|src)="([^#][^"]*)"', recording)]
    faults += [f"has '{found}'" for found in re.findall(r"<script|url\((?!#)|@import", recording)]
    picture = xml.etree.ElementTree.fromstring(recording)
    with Scratch(binary) as host:
        host.environment["COLUMNS"] = str(COLUMNS)
        status, out = host.run(f"bash {HERE}/record.sh --play {os.path.abspath(binary)}")
        if status != 0:
            faults.append(f"record.sh: exit {status}\n{out}")
        shown = squeezed(text_of(picture), host)
        faults += [f"does not show: {line}" for line in out.splitlines()
                   if squeezed(line, host) not in shown]
    if faults:
        print("\n".join(f"{path}: {fault}" for fault in faults))
        print("'cmake --build BUILD --target readme-record' records it anew")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
