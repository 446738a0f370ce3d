"""Is a peer right? Each answer is compared with the backend's own and with what the rule grants.

A peer with a fault is reported broken with these sentences and is not measured: a wrong answer can be had cheaply.
"""

import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from bench import policy
from bench.workloads import CONFLICT, PREFLIGHT, Workload, request

__all__ = ["Answer", "actual_faults", "ask", "faults", "foreign_faults", "preflight_faults"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. `keeps` says whether the connection stays open after it."""

    status: int
    fields: tuple[tuple[str, str], ...]
    length: int
    digest: str
    keeps: bool

    def values(self, name: str) -> list[str]:
        """List a field's lines, in order."""
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def tokens(self, name: str) -> set[str]:
        """Collect a list field's members over all its lines, in lower case."""
        return {token.strip().lower() for value in self.values(name) for token in value.split(",")}


def ask(port: int, message: bytes, timeout: float = 30.0) -> Answer:
    """Send one request on a fresh connection and read the answer; raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(message)
        try:
            with HTTPResponse(connection, method=message.split(b" ", 1)[0].decode()) as response:
                response.begin()
                digest, length = hashlib.sha256(), 0
                while block := response.read(1 << 20):
                    digest.update(block)
                    length += len(block)
                fields = tuple(response.getheaders())
                return Answer(
                    response.status, fields, length, digest.hexdigest(), keeps=not response.will_close
                )
        except HTTPException as error:
            raise OSError(f"not a whole HTTP response: {error!r}") from error


def actual_faults(answer: Answer, direct: Answer) -> list[str]:
    """Judge the answer to an allowed origin's request against the backend's own."""
    found = []
    if answer.status != direct.status:
        found.append(f"status {answer.status}, the backend's is {direct.status}")
    if answer.digest != direct.digest:
        found.append(
            f"the body differs from the backend's ({answer.length} bytes instead of {direct.length})"
        )
    if answer.values("Content-Length") != direct.values("Content-Length"):
        found.append(
            f"Content-Length {answer.values('Content-Length')}, not {direct.values('Content-Length')}"
        )
    for name, value in policy.ACTUAL_FIELDS:
        if answer.values(name) != [value]:
            found.append(f"{name} is {answer.values(name)}, not [{value!r}]")
    if "origin" not in answer.tokens("Vary"):
        found.append(f"Vary is {answer.values('Vary')}, without Origin")
    if not answer.keeps:
        found.append("it does not keep the connection")
    return found


def foreign_faults(answer: Answer) -> list[str]:
    """Judge the answer to a disallowed origin: no CORS field at all, the backend's own included."""
    return [
        f"a disallowed origin gets {name}: {answer.values(name)}"
        for name in policy.BACKEND_FIELDS
        if answer.values(name)
    ]


def preflight_faults(answer: Answer) -> list[str]:
    """Judge the answer to an allowed preflight. 200 and 204 are both good; so is a missing Vary, which is only named."""
    found = []
    if answer.status not in {200, 204}:
        found.append(
            f"a preflight is answered {answer.status}" + (", by the backend" if answer.status == 418 else "")
        )
    for name, value in policy.PREFLIGHT_FIELDS[:2]:
        if answer.values(name) != [value]:
            found.append(f"a preflight's {name} is {answer.values(name)}, not [{value!r}]")
    for name, asked in (
        ("Access-Control-Allow-Methods", {"put"}),
        ("Access-Control-Allow-Headers", {"authorization", "content-type"}),
        ("Access-Control-Max-Age", {str(policy.MAX_AGE)}),
    ):
        if lacking := asked - answer.tokens(name):
            found.append(f"a preflight's {name} lacks {', '.join(sorted(lacking))}")
    if not answer.keeps:
        found.append("it does not keep the connection after a preflight")
    return found


def faults(port: int, backend: int, workloads: Sequence[Workload], *, only_preflights: bool) -> list[str]:
    """Ask everything that will be measured, and what shows whether the rule is kept."""
    try:
        found = preflight_faults(ask(port, PREFLIGHT.message))
        if only_preflights:
            return found
        for workload in (*workloads, CONFLICT):
            if not workload.is_preflight:
                answer = ask(port, workload.message)
                found += [
                    f"{workload.name}: {fault}"
                    for fault in actual_faults(answer, ask(backend, workload.message))
                ]
        found += foreign_faults(ask(port, request("GET", "/conflict", origin=policy.FOREIGN_ORIGIN)))
    except OSError as error:
        return [f"no answer: {error}"]
    return found
