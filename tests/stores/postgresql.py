"""A PostgreSQL server of the tests' own: on the loopback, as an unprivileged user, in a directory that goes away."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import psycopg

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "160",
    "shared_buffers": "64MB",
    "deadlock_timeout": "200ms",
    # Processes are killed here, not the machine: what was written to the system stays.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


class NoServerError(Exception):
    """PostgreSQL is not installed."""


def binaries() -> Path:
    """Where `initdb` and `postgres` are. Raises NoServerError where they are not."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    config = shutil.which("pg_config")
    if config:
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(said.stdout.strip()))
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    for path in found:
        if (path / "initdb").exists() and (path / "postgres").exists():
            return path
    raise NoServerError("PostgreSQL's initdb and postgres are not there: install the package `postgresql`.")


def _unprivileged() -> int | None:
    """PostgreSQL refuses to run as root: then the number of `postgres` or `nobody`."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise NoServerError("There is no unprivileged user to run PostgreSQL as.")


@attrs.define
class Server:
    """A server that can be stopped at once, and started again."""

    directory: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    def url(self, driver: str = "psycopg") -> str:
        """Where it answers. psycopg has both kinds of waiting."""
        return f"postgresql+{driver}://shop@127.0.0.1:{self.port}/shop"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(binaries() / "postgres"), "-D", str(self.directory), "-p", str(self.port), *settings]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, user=_unprivileged())
        deadline = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "log").read_text(encoding="utf-8")[-2000:])
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(f"postgresql://shop@127.0.0.1:{self.port}/postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, *, at_once: bool = False) -> None:
        """Stops it; at once is as if the power went: nobody is told, nothing is written."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(60)
            self._process = None


@contextmanager
def server() -> Iterator[Server]:
    """A fresh server with a database `shop`; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="patronage-pg-", ignore_cleanup_errors=True) as made:
        directory, user = Path(made), _unprivileged()
        if user is not None:
            os.chown(directory, user, -1)
        data = directory / "data"
        command = [str(binaries() / "initdb"), "-D", str(data), "-U", "shop", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        subprocess.run(command, check=True, capture_output=True, cwd=directory, user=user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running = Server(data, port)
        try:
            running.start()
            with psycopg.connect(f"postgresql://shop@127.0.0.1:{port}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE shop")
            yield running
        finally:
            running.stop(at_once=True)
