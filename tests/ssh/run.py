#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py NVMIGRATE: transfers between two hosts through a real sshd on the loopback. The hosts are
two sets of folders; ssh, its keys and its messages are real."""
import json
import os
import pathlib
import re
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import scratch  # noqa: E402
import sshd  # noqa: E402

SKIPPED = 77
PEAK_KIB = 64 << 10

# What an sshd runs has none of the variables of the test.
REMOTE = """#!/bin/sh
export NVMIGRATE_STATE_DIR={root}/b/state NVMIGRATE_RUN_DIR={root}/b/run NVMIGRATE_SIM_DIR={root}/b/sim
exec {tool} "$@"
"""
NEWER = r"""#!/bin/sh
printf '\211NVL\r\n\032\n\143\000\000\000\000\000\000\000'
exec cat >/dev/null
"""
MEASURED = """#!/usr/bin/env python3
import os, subprocess, sys
child = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(child.pid, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Hosts(scratch.Scratch):
    """Two hosts: commands of a are run as they are, those of b as `./b LINE`."""

    def __init__(self, tool, server, size="20000", model_of_b="", personality="spec", mark=""):
        super().__init__(tool)
        self.server = server
        self.script("b.sh", REMOTE.format(root=self.root, tool=tool))
        self.script("newer.sh", NEWER)
        self.script("measured.py", MEASURED)
        for host, on, more, guest in (("a", "nvmigrate", "", ""),
                                      ("b", "./b.sh", model_of_b, " --empty")):
            self.must(f"{on} sim create {host} --vfs-total 1 --vendor --state-size {size} {more} "
                      f"--personality {personality} && "
                      f"{on} provision sim:{host} --vfs 1 && {on} mark sim:{host} vf1 {mark} && "
                      f"{on} bind sim:{host} vf1 && {on} sim guest start sim:{host} vf1{guest}")

    def script(self, name, text):
        path = pathlib.Path(self.root, name)
        path.write_text(text)
        path.chmod(0o755)

    def line(self, more="", ssh=None, program="b.sh", tool="nvmigrate"):
        return (f"{tool} --wait 60 transfer sim:a vf1 {self.server.url}/sim:b vf1 --progress none "
                f"--ssh-command '{ssh or self.server.ssh}' --remote-program '{self.root}/{program}' "
                + more)

    def transfer(self, more="", **how):
        status, out, err = self.run(self.line(more, **how), apart=True)
        return status, out + err

    def between(self, mode, argument):
        return f"{HERE}/between.py {mode} {argument} {self.server.ssh}"

    def status(self, host):
        on = "./b.sh" if host == "b" else "nvmigrate"
        code, out = self.run(f"{on} list sim:{host} -o json")
        expect(code == 0, out)
        return json.loads(out)["devices"][0]["functions"][0]["status"]

    def guest(self, host):
        """Whether a copy runs there."""
        on = "./b.sh" if host == "b" else "nvmigrate"
        code, out = self.run(f"{on} sim guest status sim:{host} vf1 -o json")
        expect(code == 0, out)
        report = json.loads(out)
        return report["state"] == "running" and bool(report["submission_queues"])

    def expect_guest_on(self, host):
        where = [each for each in ("a", "b") if self.guest(each)]
        expect(where == [host], f"the guest runs on {where}, not on {host}")
        if host == "b":
            # One tool must see both simulations for this.
            self.must("cp b/sim/b.json sim/b.json && "
                      "nvmigrate sim guest status sim:b vf1 --continues-from sim:a vf1; s=$?; "
                      "rm -f sim/b.json*; exit $s")

    def empty_b(self):
        self.must("./b.sh sim guest stop sim:b vf1 && ./b.sh sim guest start sim:b vf1 --empty")

    def journal_of_b(self):
        return "".join(path.read_text() for path in pathlib.Path(self.root, "b/run").rglob("*")
                       if path.is_file() and path.stat().st_size)


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def succeeds(tool, server):
    with Hosts(tool, server) as hosts:
        status, said = hosts.transfer("--dry-run")
        expect(status == 0 and hosts.guest("a"), said)
        status, said = hosts.transfer()
        expect(status == 0, said)
        hosts.expect_guest_on("b")
        expect(hosts.status("a") == "away", hosts.status("a"))
        status, said = hosts.transfer("--settle")
        expect(status == 0 and "not in doubt" in said, said)


def moves_by_a_vendors_commands(tool, server):
    with Hosts(tool, server, personality="rfc", mark="--backend intel") as hosts:
        status, said = hosts.transfer("--backend intel --dry-run")
        expect(status == 0 and hosts.guest("a"), said)
        status, said = hosts.transfer("--backend intel")
        expect(status == 0, said)
        hosts.expect_guest_on("b")
        expect(hosts.status("a") == "away", hosts.status("a"))
        status, said = hosts.transfer("--backend intel --settle")
        expect(status == 0 and "not in doubt" in said, said)
        status, said = hosts.transfer("--backend nvme --settle")
        expect(status == 4 and "marked for backend intel" in said, f"{status} {said}")


def refuses_another_backend(tool, server):
    with Hosts(tool, server, personality="both", mark="--backend intel") as hosts:
        hosts.must("./b.sh mark sim:b vf1 --backend nvme")
        status, said = hosts.transfer()
        expect(status == 8 and "read by the backend 'intel'" in said, f"{status} {said}")
        status, said = hosts.transfer("--backend intel")
        expect(status == 4 and "marked for backend nvme, not for intel" in said, f"{status} {said}")
        status, said = hosts.transfer("--backend intel --settle")
        expect(status == 4 and "marked for backend nvme, not for intel" in said, f"{status} {said}")
        hosts.expect_guest_on("a")
        expect(hosts.status("b") == "running", hosts.status("b"))


def refuses_another_model(tool, server):
    with Hosts(tool, server, model_of_b="--model Other") as hosts:
        status, said = hosts.transfer()
        expect(status in (4, 8) and "Other" in said, f"{status} {said}")
        hosts.expect_guest_on("a")
        expect(hosts.status("b") == "running", hosts.status("b"))


def refuses_another_version(tool, server):
    with Hosts(tool, server) as hosts:
        status, said = hosts.transfer(program="newer.sh")
        expect(status == 9 and "version 99" in said, f"{status} {said}")
        hosts.expect_guest_on("a")


def tells_what_ssh_says(tool, server):
    with Hosts(tool, server) as hosts:
        status, said = hosts.transfer(ssh=server.stranger)
        expect(status == 12 and "Permission denied" in said and "255" in said, f"{status} {said}")
        status, said = hosts.transfer(program="nothing_here")
        expect(status == 12 and "nothing_here" in said and "127" in said, f"{status} {said}")
        hosts.expect_guest_on("a")


def survives_a_cut(tool, server):
    with Hosts(tool, server, size="64M") as hosts:
        # In the middle of the state: the source runs, the destination has a part of a state.
        status, said = hosts.transfer(ssh=hosts.between("cut", 20 << 20))
        expect(status == 12 and "runs again" in said, f"{status} {said}")
        hosts.expect_guest_on("a")
        status, said = hosts.transfer("--settle")
        expect(status == 0, said)
        expect(hosts.status("b") == "loading", hosts.status("b"))
        hosts.empty_b()

        # The destination loaded it, and the source does not hear that: it runs.
        status, said = hosts.transfer(ssh=hosts.between("cut", "LODD"))
        expect(status == 12 and "runs again" in said, f"{status} {said}")
        hosts.expect_guest_on("a")
        status, said = hosts.transfer("--settle")
        expect(status == 0 and "not committed" in said, said)
        hosts.expect_guest_on("a")
        status, said = hosts.run("./b.sh resume sim:b vf1")
        expect(status != 0, f"a copy that must not run was resumed: {said}")
        hosts.empty_b()

        # The source committed, and the destination does not hear that: only that may run.
        status, said = hosts.transfer(ssh=hosts.between("cut", "COMT"))
        expect(status == 12 and "--settle" in said, f"{status} {said}")
        expect(not hosts.guest("a") and not hosts.guest("b"), "a copy runs")
        status, said = hosts.run("nvmigrate resume sim:a vf1")
        expect(status == 4, said)
        status, said = hosts.transfer("--settle")
        expect(status == 0 and "was committed" in said, said)
        hosts.expect_guest_on("b")


def ends_at_ctrl_c(tool, server):
    with Hosts(tool, server, size="64M") as hosts:
        stalled = pathlib.Path(hosts.root, "stalled")
        line = hosts.line(ssh=hosts.between("stall", stalled), tool="exec nvmigrate")
        ended = pathlib.Path(hosts.root, "ended")
        hosts.must(f"({line} >said 2>&1 & echo $! >pid; wait $!; echo $? >ended) >/dev/null 2>&1 &")
        wait_for(stalled)
        os.kill(int(pathlib.Path(hosts.root, "pid").read_text()), signal.SIGINT)
        wait_for(ended)
        said = pathlib.Path(hosts.root, "said").read_text()
        status = ended.read_text().strip()
        expect(status == "130" and "runs again" in said, f"{status} {said}")
        hosts.expect_guest_on("a")


def moves_much(tool, server):
    with Hosts(tool, server, size="1G") as hosts:
        status, said = hosts.transfer(
            "--keep-suspended", ssh=hosts.between("digest", "digest"),
            program=f"measured.py {hosts.root}/there {hosts.root}/b.sh",
            tool=f"./measured.py here nvmigrate")
        expect(status == 0, said)
        sent = pathlib.Path(hosts.root, "digest").read_text()
        loaded = set(re.findall(r'"sha256":\s*"([0-9a-f]{64})"', hosts.journal_of_b()))
        expect(loaded == {sent}, f"sent {sent}, loaded {loaded}")
        hosts.must("./b.sh resume sim:b vf1")
        hosts.expect_guest_on("b")
        peaks = {each: int(pathlib.Path(hosts.root, each).read_text())
                 for each in ("here", "there")}
        print(f"  peak memory of source and destination: {peaks} KiB")
        expect(max(peaks.values()) < PEAK_KIB, f"too much memory: {peaks}")


def wait_for(path):
    while not (path.exists() and (path.name == "stalled" or path.read_text().endswith("\n"))):
        time.sleep(0.02)


TESTS = (succeeds, moves_by_a_vendors_commands, refuses_another_backend, refuses_another_model,
         refuses_another_version, tells_what_ssh_says, survives_a_cut, ends_at_ctrl_c, moves_much)


def main(tool, *wanted):
    if sshd.missing():
        print("skipped: there is no " + ", ".join(sshd.missing()))
        return SKIPPED
    tool = os.path.abspath(tool)
    failed = 0
    with scratch.Scratch() as folder:
        server = sshd.Sshd(f"{folder.root}/sshd")
        try:
            for test in TESTS:
                if wanted and test.__name__ not in wanted:
                    continue
                print(test.__name__, flush=True)
                try:
                    test(tool, server)
                except (AssertionError, RuntimeError) as failure:
                    failed += 1
                    print(f"FAILED {test.__name__}: {failure}", flush=True)
        finally:
            server.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
