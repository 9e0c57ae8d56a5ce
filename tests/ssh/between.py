#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""between.py MODE ARGUMENT COMMAND...: runs an ssh, and sees what passes.

    cut BYTES       kills ssh once the source sent so many
    cut TAG         kills ssh when a message of this tag comes, of whichever side, and drops it
    stall FILE      passes 8 MiB, makes FILE, and passes nothing more until the source closes
    digest FILE     writes the SHA-256 of the chunks of the state into FILE"""
import hashlib
import os
import select
import struct
import subprocess
import sys

PIECE = 1 << 16
STALL_AT = 8 << 20
GREETING = 0x89


class Chunks:
    """Digests the bodies of the records CHNK of what the source sends."""

    def __init__(self):
        self.digest, self.rest, self.body, self.hashes = hashlib.sha256(), bytearray(), 0, False

    def feed(self, data):
        self.rest += data
        while self.rest:
            if self.body:
                part = self.rest[:self.body]
                if self.hashes:
                    self.digest.update(part)
                self.body -= len(part)
                del self.rest[:len(part)]
            elif self.rest[0] == GREETING:
                if len(self.rest) < 16:
                    return
                del self.rest[:16]
            elif len(self.rest) < 40:
                return
            else:
                self.hashes = self.rest[:4] == b"CHNK"
                self.body, = struct.unpack_from("<Q", self.rest, 8)
                del self.rest[:40]


def main(mode, argument, *command):
    ssh = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    there, back = ssh.stdin.fileno(), ssh.stdout.fileno()
    limit = int(argument) if mode == "cut" and argument.isdigit() else None
    tag = argument.encode() if mode == "cut" and limit is None else None
    chunks = Chunks() if mode == "digest" else None
    ways = {0: there, back: 1}
    sent = 0
    while ways:
        for source in select.select(list(ways), [], [])[0]:
            data = os.read(source, PIECE)
            if tag and data.startswith(tag):
                data, limit = b"", sent
            if source == 0:
                sent += len(data)
                if chunks:
                    chunks.feed(data)
            if limit is not None and sent >= limit:
                ssh.kill()
                return 255
            if data:
                try:
                    os.write(ways[source], data)
                except BrokenPipeError:
                    data = b""
            if not data:
                os.close(ways.pop(source))
                if source == back:
                    ways.clear()
        if mode == "stall" and sent >= STALL_AT:
            open(argument, "w").close()
            waiting = select.poll()
            waiting.register(0, 0)  # only that it is closed
            waiting.poll()
            mode = "stalled"
    if chunks:
        with open(argument, "w") as file:
            file.write(chunks.digest.hexdigest())
    return ssh.wait()


sys.exit(main(*sys.argv[1:]))
