"""Real policies' decisions, and Records about them."""

from dataclasses import dataclass, replace
from typing import Any

import hypothesis

from corsproxy.config.settings import Endpoint, Log, Settings, Source, Upstream
from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.rule import Origins, Rule
from corsproxy.proxy.record import Record

FINISHED = 1767323045.25  # 2026-01-02T03:04:05.250Z
APP = b"https://app.example.com"
EVIL = b"https://evil.example"

# How fast an example is says something about the machine only.
unhurried = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])

API = Rule(
    name="api", place="config/corsproxy.yaml:5", paths=("/api/**",), origins=Origins(exact=(APP.decode(),))
)
BLOCKED = replace(API, name="blocked", place="config/corsproxy.yaml:9", paths=("/blocked/**",), block=True)
WATCHED = replace(
    BLOCKED, name="watched", place="config/corsproxy.yaml:14", paths=("/watched/**",), report=True
)
RULES = (API, BLOCKED, WATCHED)


@dataclass(frozen=True)
class Head:
    """What the policy asks of a request."""

    method: bytes = b"GET"
    path: bytes = b"/api/users"
    origin: bytes | None = APP
    request_method: bytes | None = None
    request_headers: bytes | None = None
    request_private_network: bool = False
    sec_fetch_site: bytes | None = None
    is_websocket: bool = False


def settings(rules: tuple[Rule, ...] = RULES, **log: str) -> Settings:
    return Settings(
        source=Source("config/corsproxy.yaml", "00"),
        upstream=Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000"),
        rules=rules,
        log=Log(**log),
    )


def decide(head: Head, rules: tuple[Rule, ...] = RULES) -> Decision:
    return Policy.compile(rules, ()).decide(head, b"http", b"api.example.com")


def record(decision: Decision | None, head: Head, **fields: Any) -> Record:
    """Return a Record that took 12.5 ms and is otherwise uneventful."""
    whole: dict[str, Any] = {
        "decision": decision,
        "status": 200,
        "fault": None,
        "started": FINISHED - 0.0125,
        "seconds": 0.0125,
        "upstream_seconds": 0.01,
        "added_seconds": 0.0001,
        "client": "192.0.2.1",
        "method": head.method,
        "path": head.path,
        "host": b"api.example.com",
        "origin": head.origin,
        "request_bytes": 0,
        "response_bytes": 120,
        "request_id": "",
    }
    return Record(**(whole | fields))


def exchange(head: Head | None = None, **fields: Any) -> Record:
    """Return the Record of a request that the policy above decided on."""
    head = head or Head()
    return record(decide(head), head, **fields)
