"""Listening sockets: bound before anything else starts, so that a refusal costs nothing.

Laws: everything is bound or nothing is. Each worker slot owns a socket for each TCP endpoint
(SO_REUSEPORT: the kernel spreads connections over them); a unix socket is shared by all slots.
Whoever holds a `Listening` keeps the queues of waiting connections alive, whatever becomes of a
worker. The file of a unix socket that nobody listens on is replaced; a live one is "in use".
"""

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corsproxy.config.settings import Endpoint

__all__ = ["ListenError", "Listening", "Slot", "bind"]

Slot = tuple[tuple[Endpoint, socket.socket], ...]

BACKLOG = 4096  # the kernel lowers it to net.core.somaxconn
UNIX_UMASK = 0o117  # leaves 0660: the owner and the group may connect

# Only Linux spreads connections over sockets that share a port; elsewhere all slots share one socket.
IS_SPREAD_BY_KERNEL = sys.platform == "linux"

FIXES = {
    errno.EADDRINUSE: "stop what listens there (`ss -ltnp` names it), or choose another port.",
    errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; choose a port of 1024 or above.",
    errno.EADDRNOTAVAIL: "no interface of this machine has that address; 0.0.0.0 takes all of them.",
    errno.EAFNOSUPPORT: "this machine does not speak that address family; listen on 0.0.0.0 instead.",
}
UNIX_FIXES = {
    errno.EADDRINUSE: "stop the process that listens there, or choose another path.",
    errno.EACCES: "give this user write permission to the socket's directory, or choose another path.",
    errno.EROFS: "the file system is read-only; mount a writable directory there, or choose another path.",
    errno.ENOENT: "create the socket's directory, or choose another path.",
    errno.ENOTDIR: "a part of that path is not a directory; choose another path.",
    errno.EEXIST: "move that file away, or choose another path.",
}


class ListenError(Exception):
    """An endpoint could not be listened on; reads as one line: where, why, and how to mend it."""

    def __init__(self, endpoint: Endpoint, why: str, fix: str) -> None:
        super().__init__(f"cannot listen on {endpoint}: {why}.{f' Fix: {fix}' if fix else ''}")
        self.endpoint = endpoint


@dataclass(slots=True)
class Listening:
    """What is bound: one `Slot` of (endpoint as bound, socket) a worker, and the unix socket files made for it."""

    slots: tuple[Slot, ...] = ()
    files: list[tuple[str, int, int]] = field(default_factory=list)  # path, device, inode

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where clients reach us, with the port the system chose where 0 was asked for."""
        return tuple(endpoint for slot in self.slots[:1] for endpoint, _ in slot)

    def close(self) -> None:
        """Close our own copies of the sockets; copies in other processes stay open."""
        for slot in self.slots:
            for _, bound in slot:
                bound.close()

    def unlink(self) -> None:
        """Remove the unix socket files that are still the ones we made."""
        for path, device, inode in self.files:
            try:
                found = os.lstat(path)
                if (found.st_dev, found.st_ino) == (device, inode):
                    Path(path).unlink()
            except OSError:
                continue  # gone already, or the directory is no longer ours to write
        self.files.clear()


def bind(
    endpoints: Sequence[Endpoint],
    slots: int = 1,
    inherited: MutableMapping[Endpoint, socket.socket] | None = None,
) -> Listening:
    """Bind every endpoint for `slots` workers: listening, non-blocking sockets. Raises ListenError.

    Those that were `inherited` are taken out of the mapping instead, and shared by all slots.
    """
    inherited = {} if inherited is None else inherited
    columns: list[tuple[Endpoint, list[socket.socket]]] = []
    listening = Listening()
    try:
        for endpoint in endpoints:
            if endpoint in inherited:
                columns.append((endpoint, [inherited.pop(endpoint)] * slots))
            elif endpoint.path:
                columns.append((endpoint, [_bind_unix(endpoint, listening)] * slots))
            else:
                for column in _bind_tcp(endpoint, slots):
                    columns.append(column)  # noqa: PERF402 -- a later address may fail; the earlier ones are then closed
    except BaseException:
        for _, sockets in columns:
            for bound in sockets:
                bound.close()
        listening.unlink()
        raise
    listening.slots = tuple(
        tuple((endpoint, column[slot]) for endpoint, column in columns) for slot in range(slots)
    )
    return listening


def _bind_tcp(endpoint: Endpoint, slots: int) -> Iterator[tuple[Endpoint, list[socket.socket]]]:
    """Bind one column of sockets for each address that the endpoint's host means."""
    port = endpoint.port
    for family, address in _addresses(endpoint):
        column: list[socket.socket] = []
        try:
            first = _bind_address(family, address, port, shares_port=False)
            port = first.getsockname()[1]
            if slots > 1 and IS_SPREAD_BY_KERNEL:
                # The first bind was without SO_REUSEPORT, and so would have failed beside a stranger who
                # has set it; now that nobody else is there the slots may share.
                first.close()
                column.extend(_bind_address(family, address, port, shares_port=True) for _ in range(slots))
            else:
                column.extend([first] * slots)
            for bound in column:
                bound.listen(BACKLOG)
        except OSError as problem:
            for bound in column:
                bound.close()
            raise _tcp_refusal(endpoint, problem) from problem
        yield Endpoint(address, port), column


def _addresses(endpoint: Endpoint) -> Iterator[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(
            endpoint.host,
            endpoint.port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_PASSIVE,
        )
    except OSError as problem:
        raise ListenError(
            endpoint, f"{endpoint.host} is not a name or address known here", "listen on an IP address."
        ) from problem
    seen = dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found)
    yield from seen


def _bind_address(
    family: socket.AddressFamily, address: str, port: int, *, shares_port: bool
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Else [::] would take 0.0.0.0 too, or not, by the machine's settings.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shares_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((address, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _tcp_refusal(endpoint: Endpoint, problem: OSError) -> ListenError:
    why = os.strerror(problem.errno) if problem.errno else str(problem)
    return ListenError(endpoint, _in_sentence(why), FIXES.get(problem.errno or 0, ""))


def _bind_unix(endpoint: Endpoint, listening: Listening) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        _remove_stale(endpoint.path)
        # The mask belongs to the whole process, but nothing else runs yet; a chmod after bind would leave
        # a moment in which others could connect.
        before = os.umask(UNIX_UMASK)
        try:
            bound.bind(endpoint.path)
        finally:
            os.umask(before)
        made = os.lstat(endpoint.path)
        listening.files.append((endpoint.path, made.st_dev, made.st_ino))
        bound.listen(BACKLOG)
    except OSError as problem:
        bound.close()
        if problem.errno is None:  # the address did not fit: Python's own refusal
            raise ListenError(
                endpoint, "the path is longer than the system allows", "use a shorter path."
            ) from problem
        why = (
            "there is a file that is not a socket"
            if problem.errno == errno.EEXIST
            else os.strerror(problem.errno)
        )
        raise ListenError(endpoint, _in_sentence(why), UNIX_FIXES.get(problem.errno, "")) from problem
    except BaseException:
        bound.close()
        raise
    return bound


def _remove_stale(path: str) -> None:
    """Remove a unix socket file that nobody listens on. Raises EADDRINUSE where somebody does, EEXIST for other files."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.setblocking(False)
        outcome = knock.connect_ex(path)
    if outcome == errno.ECONNREFUSED:
        Path(path).unlink()
    elif outcome != errno.ENOENT:
        # Connected, or its queue is full (EAGAIN), or it is not ours to ask (EACCES): alive as far as we know.
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)


def _in_sentence(text: str) -> str:
    return text[:1].lower() + text[1:]
