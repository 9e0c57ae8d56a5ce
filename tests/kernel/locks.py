# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who holds a lock is known in every PID namespace, and folders that others may rename are not used.
"""
import contextlib
import os
import signal
import subprocess
import time

SPACE = "unshare --pid --fork --kill-child --mount-proc"


@contextlib.contextmanager
def export(host, before=""):
    """An export whose reader takes its time."""
    os.mkfifo(f"{host.root}/pipe")
    line = "(head -c 1000 >/dev/null; exec sleep 300) <pipe"
    with subprocess.Popen(["bash", "-c", line], cwd=host.root, start_new_session=True) as reader:
        host.must(f"{before} {host.preload} nvmigrate export nvme0 vf1 -f - >pipe 2>/dev/null & "
                  "until grep -qs exporting run/journal.json; do sleep 0.01; done")
        try:
            yield
        finally:
            os.killpg(reader.pid, signal.SIGKILL)
    os.unlink(f"{host.root}/pipe")
    while host.run("flock --nonblock run/*.lock true")[0] != 0:
        time.sleep(0.01)


def movable(host):
    host.nvmigrate("provision nvme0 --vfs 1")
    host.nvmigrate("mark nvme0 vf1")
    host.nvmigrate("bind nvme0 vf1")


def account(host):
    return [each["code"] for each in host.nvmigrate("list nvme0")["devices"][0]["findings"]]


def test_a_holder_in_another_pid_namespace_is_known(host):
    movable(host)
    with export(host, SPACE):
        assert account(host) == ["in_progress"]
        error = host.nvmigrate("unmark nvme0 vf1", 7)["error"]
        assert "of another PID namespace (export)" in error["message"], error


def test_a_holder_is_known_in_another_pid_namespace(host):
    movable(host)
    with export(host):
        host.before = SPACE
        assert account(host) == ["in_progress"]
        error = host.nvmigrate("unmark nvme0 vf1", 7)["error"]
        assert "of another PID namespace (export)" in error["message"], error
        host.before = ""
        error = host.nvmigrate("unmark nvme0 vf1", 7)["error"]
        assert "namespace" not in error["message"], error


def test_folders_below_one_that_others_may_rename_are_refused(host):
    host.must("mkdir parent; chmod 0777 parent")
    host.before = f"env NVMIGRATE_STATE_DIR={host.root}/parent/state"
    error = host.nvmigrate("provision nvme0 --vfs 1", 4)["error"]
    assert f"{host.root}/parent, which is writable" in error["message"], error
    assert error["commands"] == [["chmod", "go-w", f"{host.root}/parent"]], error
    host.must("chmod 0755 parent; chown 12345 parent")
    error = host.nvmigrate("provision nvme0 --vfs 1", 4)["error"]
    assert "belongs to user 12345" in error["message"], error
    host.must("chown 0 parent; chmod 1777 parent")
    host.nvmigrate("provision nvme0 --vfs 1")
