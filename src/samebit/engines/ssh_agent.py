"""SSH agents for RUN: a socket of our own that forwards to the user's agent, and only forwards.

Protocol: draft-miller-ssh-agent. As docker build does, a step may list keys and have data signed;
whatever would change the agent is refused.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from samebit.engines.machine import find_program, install_advice
from samebit.engines.protocol import SshSource
from samebit.errors import MachineError, UsageError

_ALLOWED = frozenset({11, 13})  # SSH_AGENTC_REQUEST_IDENTITIES, SSH_AGENTC_SIGN_REQUEST
_REFUSED = b"\0\0\0\1\5"  # SSH_AGENT_FAILURE
_LIMIT = 256 << 10
_WAIT_SECONDS = 10.0


class AgentSocket:
    """A listening socket whose connections are forwarded; close it after use."""

    def __init__(
        self, upstream: Path, listener: socket.socket, program: subprocess.Popen[bytes] | None
    ) -> None:
        self._upstream = upstream
        self._listener = listener
        self._program = program
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, source: SshSource, path: Path, private: Path) -> Self:
        """Listen at the new socket `path`; `private` is a directory for an agent of our own.

        Raises UsageError for a key that cannot be used, MachineError without ssh-agent.
        """
        program = None
        upstream = source.socket
        if upstream is None:
            upstream = path.with_name(f"{path.name}-keys")
            program = _start_agent(upstream)
            try:
                _add_keys(source.keys, upstream, private)
            except BaseException:
                _end(program)
                raise
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _directory(path.parent) as parent:
            listener.bind(f"/proc/self/fd/{parent}/{path.name}")
        listener.listen()
        return cls(upstream, listener, program)

    def close(self) -> None:
        """Stop listening, and end the agent if it is our own."""
        with suppress(OSError):
            # A blocked accept only returns when the socket is shut down.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_WAIT_SECONDS)
        if self._program is not None:
            _end(self._program)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # An error of one connection is that step's: it sees the connection end.
        with connection, suppress(OSError, EOFError), _connect(self._upstream) as upstream:
            while True:
                request = _message(connection)
                if len(request) > 4 and request[4] in _ALLOWED:
                    upstream.sendall(request)
                    connection.sendall(_message(upstream))
                else:
                    connection.sendall(_REFUSED)


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    """Open a directory: socket addresses hold 107 bytes, a path through a descriptor is short."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _directory(path.parent) as parent:
            connection.connect(f"/proc/self/fd/{parent}/{path.name}")
    except BaseException:
        connection.close()
        raise
    return connection


def _message(connection: socket.socket) -> bytes:
    """Read one message with its length; raises EOFError at the end."""
    head = _exactly(connection, 4)
    length = int.from_bytes(head, "big")
    if length > _LIMIT:
        raise EOFError
    return head + _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _start_agent(path: Path) -> subprocess.Popen[bytes]:
    found = find_program("ssh-agent")
    if found is None:
        raise MachineError("ssh-agent is not installed", fix=install_advice("ssh-agent"))
    program = subprocess.Popen(
        [found, "-D", "-a", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    waited = threading.Event()
    for _ in range(int(_WAIT_SECONDS * 100)):
        if path.exists():
            return program
        if program.poll() is not None:
            break
        waited.wait(0.01)
    _end(program)
    raise MachineError("ssh-agent does not start", fix=f"try it: ssh-agent -D -a {path}")


def _add_keys(keys: tuple[Path, ...], agent: Path, private: Path) -> None:
    for key in keys:
        # ssh-add refuses keys that others may read, and asks for passphrases if it can.
        copy = private / "key"
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(key.read_bytes())
            done = subprocess.run(
                [find_program("ssh-add") or "ssh-add", "-q", str(copy)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env={"SSH_AUTH_SOCK": str(agent), "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
                start_new_session=True,
            )
        finally:
            copy.unlink()
        if done.returncode != 0:
            raise UsageError(
                f"--ssh: the key {key} cannot be used",
                detail=done.stderr.decode("utf-8", "replace").replace(str(copy), str(key)).strip(),
                fix="a key with a passphrase needs an agent: ssh-add it and give --ssh default",
            )


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(_WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
