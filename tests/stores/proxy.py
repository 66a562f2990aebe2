"""A way to PostgreSQL that breaks when it is told to: just before a COMMIT arrives, or just before its answer does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from select import select
from threading import Thread

import attrs


class Breaks(Enum):
    """Where the connection breaks."""

    BEFORE_COMMIT = "before"
    BEFORE_THE_ANSWER = "answer"


_COMMIT = b"COMMIT\0"  # As a query of its own; BEGIN names the level READ COMMITTED.


@attrs.define
class Proxy:
    """
    Passes bytes between clients and a server on the loopback.

    *breaks* is for the next COMMIT, and then forgotten; with *stays_broken* nobody is let in after it
    until `mend`. *broken* counts.
    """

    target: int
    listener: socket.socket
    breaks: Breaks | None = None
    stays_broken: bool = False
    broken: int = 0
    _refuses: bool = False

    @property
    def port(self) -> int:
        """Where clients connect."""
        port: int = self.listener.getsockname()[1]
        return port

    def mend(self) -> None:
        """Lets clients in again."""
        self._refuses = self.stays_broken = False

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self._refuses:
                client.close()
            else:
                Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.target)) as server:
            while True:
                for ready in select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is server:
                        client.sendall(data)
                    elif _COMMIT in data and self.breaks is not None:
                        self._break(data, server)
                        return
                    else:
                        server.sendall(data)

    def _break(self, data: bytes, server: socket.socket) -> None:
        if self.breaks is Breaks.BEFORE_THE_ANSWER:
            server.sendall(data)
            server.recv(65536)  # It is done, and nobody is told.
        self.breaks, self._refuses = None, self.stays_broken
        self.broken += 1


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy to the server on a port; closed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(port, listener)
        Thread(target=proxy.serve, daemon=True).start()
        yield proxy
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
