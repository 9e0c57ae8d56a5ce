# SPDX-License-Identifier: LGPL-2.1-or-later
"""In-use guards know devices by their numbers, and refuse where they could not look.

The number of /dev/full stands for that of a node of the drive, so that real processes in real
namespaces can have it open.
"""
import contextlib
import os
import signal
import subprocess
import sys
import time

FULL = "1:7"  # /dev/full


@contextlib.contextmanager
def holder(host, *before):
    """A process that has a node of the number of /dev/full open, under another path."""
    node, ready = f"{host.root}/node", f"{host.root}/ready"
    os.mknod(node, 0o600 | 0o020000, os.makedev(1, 7))
    line = f"exec 9<{node}; echo >{ready}; sleep 300"
    child = subprocess.Popen([*before, "bash", "-c", line], start_new_session=True)
    try:
        while not os.path.exists(ready):
            assert child.poll() is None, f"{before} ended"
            time.sleep(0.01)
        yield
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.unlink(ready)
        os.unlink(node)


def with_namespaces(host, vfs=1):
    """The VFs are on the nvme driver as nvme1 and so on, each with one namespace."""
    for number in range(1, vfs + 1):
        host.add(f"/sys/class/nvme/nvme{number}/nvme{number}n1/uuid", "")
        host.add(f"/sys/block/nvme{number}n1/dev", f"259:{76 + number}")
        host.add(f"/sys/class/nvme-generic/ng{number}n1/dev", FULL)
        host.add(f"/dev/nvme{number}n1", f"b 259:{76 + number}")
    for function in host.nvmigrate(f"provision nvme0 --vfs {vfs}")["functions"]:
        host.write("/sys/bus/pci/drivers_probe", function["address"])
        assert host.driver(function["address"]) == "nvme"


def on_vfio(host):
    host.nvmigrate("provision nvme0 --vfs 1")
    group = host.nvmigrate("bind nvme0 vf1")["functions"][0]["vfio_group"]
    host.add(f"/sys/class/vfio/{os.path.basename(group)}/dev", FULL)


def test_another_path_is_the_same_device(host):
    with_namespaces(host)
    with holder(host):
        found = host.refused("bind nvme0 vf1", "used_by_host")
        assert "is open in pid" in found["message"], found
        assert not found["overridable"], found
    host.nvmigrate("bind nvme0 vf1")


def test_unbind_takes_no_disk_that_a_restart_gave_the_host(host):
    address = host.nvmigrate("provision nvme0 --vfs 1")["functions"][0]["address"]
    host.nvmigrate("bind nvme0 vf1")
    host.add("/sys/class/nvme/nvme1/nvme1n1/uuid", "")
    host.add("/sys/block/nvme1n1/dev", "259:77")
    host.add("/sys/block/nvme1n1/holders/dm-0/x", "")
    host.add("/dev/nvme1n1", "b 259:77")
    host.write(f"/sys/bus/pci/devices/{address}/driver_override", "")
    host.write("/sys/bus/pci/drivers/vfio-pci/unbind", address)
    host.write("/sys/bus/pci/drivers_probe", address)
    host.refused("unbind nvme0 vf1", "used_by_host")
    assert host.driver(address) == "nvme"


def test_another_mount_namespace_is_the_same_host(host):
    with_namespaces(host)
    with holder(host, "unshare", "--mount", "--"):
        host.refused("bind nvme0 vf1", "used_by_host")


def test_another_pid_namespace_is_the_same_host(host):
    on_vfio(host)
    with holder(host, "unshare", "--pid", "--fork", "--kill-child", "--"):
        host.refused("unbind nvme0 vf1", "open_in_vm")
        host.refused("deprovision nvme0", "open_in_vm")
    host.nvmigrate("unbind nvme0 vf1")


def test_a_node_that_this_process_lacks_has_its_number(host):
    """As in a container with a /dev of its own."""
    on_vfio(host)
    host.fault("open /dev/vfio/* 2")
    with holder(host):
        host.refused("unbind nvme0 vf1", "open_in_vm")


def test_unreadable_fd_folders_refuse(host):
    on_vfio(host)
    host.fault(f"list /proc/{os.getpid()}/fd/ 13")
    found = host.refused("unbind nvme0 vf1", "uses_unknown")
    assert f"pid {os.getpid()}" in found["message"], found
    assert found["overridable"], found
    host.refused("deprovision nvme0", "uses_unknown")
    host.nvmigrate("unbind nvme0 vf1 --allow uses_unknown")


def test_a_container_refuses(host):
    on_vfio(host)
    host.link("/proc/1/ns/pid", "pid:[4026532000]")
    found = host.refused("unbind nvme0 vf1", "uses_unknown")
    assert "whole host" in found["message"], found


def test_missing_capability_refuses(host):
    on_vfio(host)
    host.before = "setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace"
    found = host.refused("unbind nvme0 vf1", "uses_unknown")
    assert "CAP_SYS_PTRACE" in found["message"], found


def test_a_namespace_that_cannot_be_tried_refuses(host):
    with_namespaces(host)
    host.fault("open /dev/nvme1n1 13")
    host.refused("bind nvme0 vf1", "uses_unknown")
    host.fault("open /dev/nvme1n1 16")
    host.refused("bind nvme0 vf1", "used_by_host")
    host.fault("open /dev/nvme1n1 6")
    host.nvmigrate("bind nvme0 vf1")


def test_the_kernel_knows_what_a_loop_device_is_over(host):
    with_namespaces(host)

    def shows(path, text):
        host.add(path, text)
        host.write("/sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "1")

    shows("/sys/block/loop777/loop/backing_file", "/run/elsewhere/disk")
    host.refused("bind nvme0 vf1 --dry-run", "uses_unknown")
    host.add("/dev/loop777.backs", "b 259:77")
    shows("/dev/loop777", "b 7:3")
    host.refused("bind nvme0 vf1 --dry-run", "used_by_host")
    shows("/dev/loop777.backs", "b 259:99")
    host.nvmigrate("bind nvme0 vf1")


def test_a_thread_that_outlives_the_first_holds_it(host):
    on_vfio(host)
    node = f"{host.root}/node"
    os.mknod(node, 0o600 | 0o020000, os.makedev(1, 7))
    program = ("import ctypes, os, sys, threading, time; os.open(sys.argv[1], os.O_RDONLY); "
               "threading.Thread(target=lambda: (print(flush=True), time.sleep(300))).start(); "
               "ctypes.CDLL(None).syscall(60, 0)")
    child = subprocess.Popen([sys.executable, "-c", program, node], stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        while os.path.exists(f"/proc/{child.pid}/fd/0"):
            time.sleep(0.01)
        found = host.refused("unbind nvme0 vf1", "open_in_vm")
        assert f"pid {child.pid}" in found["message"], found
    finally:
        child.kill()
        child.wait()
        os.unlink(node)
    host.nvmigrate("unbind nvme0 vf1")


def test_a_driver_that_shows_no_controller_has_the_function(host):
    address = host.nvmigrate("provision nvme0 --vfs 1")["functions"][0]["address"]
    host.nvmigrate("mark nvme0 vf1")
    host.write("/sys/bus/pci/drivers_probe", address)
    host.add(f"/sys/bus/pci/drivers/nvme/{address}/x", "")
    host.fault("open /sys/class/nvme/nvme1/transport 2")
    for words in ("suspend nvme0 vf1", "bind nvme0 vf1"):
        host.refused(words, "unreadable", 12)
    host.fault()
    host.nvmigrate("bind nvme0 vf1")


def test_other_drivers_hide_their_users(host):
    address = host.nvmigrate("provision nvme0 --vfs 1")["functions"][0]["address"]
    host.link(f"/sys/bus/pci/devices/{address}/driver", "/sys/bus/pci/drivers/uio_pci_generic")
    host.write("/sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "1")
    for words in ("bind nvme0 vf1", "deprovision nvme0", "provision nvme0 --vfs 2 --recreate"):
        host.refused(words, "uses_unknown")


def test_processes_are_looked_at_once_for_a_command(host):
    with_namespaces(host, 4)
    for words in ("bind nvme0 all", "unbind nvme0 all", "bind nvme0 all", "deprovision nvme0"):
        assert host.lists("/proc", words) == 1, words
