#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""peer.py NVMIGRATE [SIZE [ROUNDS]]: the rate of a transfer to another host through an sshd on the
loopback, against ssh that carries the same bytes with a SHA-256 at each end. The best of the rounds
counts."""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "ssh"))
import run  # noqa: E402
import scratch  # noqa: E402
import sshd  # noqa: E402

GOAL = 0.9

# As `tee >(sha256sum) | cat`, with the SHA-256 of OpenSSL, which uses the instructions of the CPU.
COPY = """
import hashlib, os, sys
size, digest, into = int(sys.argv[1]), hashlib.sha256(), int(sys.argv[2])
piece = memoryview(bytearray(1 << 20))
source = open(0, "rb", buffering=0) if size == 0 else None
left = size
while left or source:
    count = source.readinto(piece) if source else min(left, len(piece))
    if not count:
        break
    left -= 0 if source else count
    digest.update(piece[:count])
    done = 0
    while done < count:
        done += os.write(into, piece[done:count])
if source:
    print(digest.hexdigest())
"""


def timed(what):
    begin = time.monotonic()
    what()
    return time.monotonic() - begin


def transfer(tool, server, size):
    with run.Hosts(tool, server, size=str(size)) as hosts:
        def move():
            status, said = hosts.transfer()
            if status != 0:
                raise RuntimeError(said)
        return timed(move)


def copy(server, folder, size):
    script = pathlib.Path(folder, "copy.py")
    script.write_text(COPY)
    there = f"exec 3>/dev/null; exec {sys.executable} {script} 0 3"

    def carry():
        reading, writing = os.pipe()
        with subprocess.Popen([sys.executable, script, str(size), "1"], stdout=writing) as source:
            os.close(writing)
            subprocess.run([*server.ssh.split(), "-p", str(server.port), "127.0.0.1", there],
                           stdin=reading, stdout=subprocess.DEVNULL, check=True)
            os.close(reading)
            if source.wait() != 0:
                raise RuntimeError("the copy failed")
    return timed(carry)


def main(tool, size=str(1 << 30), rounds="3"):
    if sshd.missing():
        print("no transfer to another host: there is no " + ", ".join(sshd.missing()))
        return
    tool, size = os.path.abspath(tool), int(size)
    with scratch.Scratch() as folder:
        server = sshd.Sshd(f"{folder.root}/sshd")
        try:
            ours, reference = [], []
            for _ in range(int(rounds)):
                reference.append(copy(server, folder.root, size))
                ours.append(transfer(tool, server, size))
        finally:
            server.close()
    ratio = min(reference) / min(ours)
    rate = [f"{size / (1 << 20) / min(each):.0f} MiB/s" for each in (ours, reference)]
    print(f"transfer through ssh, {size >> 20} MiB: {rate[0]}, ssh alone with SHA-256 at each end "
          f"{rate[1]}, ratio {ratio:.2f} (at least {GOAL:.2f}: {'yes' if ratio >= GOAL else 'no'})")


if __name__ == "__main__":
    main(*sys.argv[1:])
