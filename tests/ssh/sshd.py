# SPDX-License-Identifier: LGPL-2.1-or-later
"""An sshd of its own on the loopback, with its own keys, for the user who runs it."""
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import time

SERVER = """
ListenAddress 127.0.0.1
Port {port}
HostKey {root}/host_key
PidFile {root}/sshd.pid
AuthorizedKeysFile {root}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""

CLIENT = """
Host *
  User {user}
  IdentityFile {root}/{key}
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  UserKnownHostsFile {root}/known_hosts
  StrictHostKeyChecking yes
  LogLevel ERROR
"""


def missing():
    """The programs that are not here."""
    where = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [each for each in ("sshd", "ssh", "ssh-keygen") if not shutil.which(each, path=where)]


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Sshd:
    """Runs until close(). `ssh` connects with the key it knows, `stranger` with another one."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        self.root.mkdir()
        for key in ("host_key", "user_key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.root / key],
                           check=True)
        shutil.copy(self.root / "user_key.pub", self.root / "authorized_keys")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", 0o755, exist_ok=True)  # it refuses to start as root without
        self.log = self.root / "log"
        for _ in range(5):  # another program may take the port meanwhile
            if self.start():
                break
        else:
            raise RuntimeError("sshd does not start:\n" + self.log.read_text())
        self.ssh = self.client("user_key")
        self.stranger = self.client("other_key")
        self.try_login()

    def start(self):
        self.port = free_port()
        config = self.root / "sshd_config"
        config.write_text(SERVER.format(port=self.port, root=self.root))
        sshd = shutil.which("sshd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([sshd, "-D", "-e", "-f", config],
                                            stdin=subprocess.DEVNULL, stderr=log)
        while self.process.poll() is None:
            if (self.root / "sshd.pid").exists():
                return True
            time.sleep(0.02)
        return False

    def client(self, key):
        host_key = (self.root / "host_key.pub").read_text()
        (self.root / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}")
        config = self.root / f"ssh_config.{key}"
        config.write_text(CLIENT.format(user=getpass.getuser(), root=self.root, key=key))
        return f"ssh -F {config}"

    def try_login(self):
        login = subprocess.run([*self.ssh.split(), "-p", str(self.port), "127.0.0.1", "true"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if login.returncode != 0:
            self.close()
            raise RuntimeError(f"no login: {login.stderr}\n{self.log.read_text()}")

    @property
    def url(self):
        return f"ssh://127.0.0.1:{self.port}"

    def close(self):
        self.process.terminate()
        self.process.wait()
