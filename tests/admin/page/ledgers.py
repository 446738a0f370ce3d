"""Ledgers for tests, in the shape of `/decisions`: one quiet, one busy, one full of hostile texts."""

from typing import Any

__all__ = ["NOW", "QUIET", "allowed", "busy", "group", "hostile"]

NOW = 1767326645.0  # 2026-01-02T04:04:05Z
RULES = """\
upstream: http://127.0.0.1:5000
rules:
  - name: api
    path: /api/**
    allow_origins: [https://app.example.com]
    allow_methods: [GET, POST]
    allow_headers: [Content-Type]
    allow_credentials: true
  - name: partners
    path: /partners/**
    mode: report
    allow_origins:
      - https://one.example
  - name: assets
    path: /assets/**
    allow_origins: ["*"]
tests:
  - request: {origin: https://evil.example, path: /api/users}
    expect: {denied: origin_not_allowed}
"""
QUIET: dict[str, Any] = {
    "now": NOW,
    "since": NOW - 90,
    "recent": [],
    "refusals": [],
    "allowed": [],
    "forgotten": 0,
    "rules": [],
    "backend_cors": [],
    "cookies": [],
    "candidate": None,
}


def group(origin: str, reason: str, **changes: Any) -> dict[str, Any]:
    """One group of refusals, seen enough to be a wish."""
    return {
        "origin": origin,
        "rule": "api",
        "place": "corsproxy.yaml:3",
        "reason": reason,
        "kind": "preflight",
        "action": "answer",
        "report": False,
        "count": 42,
        "first": NOW - 3600,
        "last": NOW - 12,
        "clients": 3,
        "clients_capped": False,
        "methods": {},
        "headers": {},
        "paths": ["/api/users"],
        **changes,
    }


def allowed(origin: str, count: int, **changes: Any) -> dict[str, Any]:
    """One row of what is let in."""
    return {
        **group(origin, "origin_allowed", kind="actual", action="forward", count=count),
        "method": "GET",
        **changes,
    }


def recent(at: float, origin: str, reason: str, **changes: Any) -> dict[str, Any]:
    """One refusal or fault."""
    return {
        "time": at,
        "origin": origin,
        "method": "OPTIONS",
        "path": "/api/users",
        "host": "api.example.com",
        "kind": "preflight",
        "action": "refuse",
        "reason": reason,
        "rule": "api",
        "place": "corsproxy.yaml:3",
        "status": 403,
        "report": False,
        "client": "10.0.0.7",
        "request_id": f"id-{int(at) % 1000}",
        "requested_method": "PUT",
        "requested_headers": ["authorization"],
        **changes,
    }


def busy() -> dict[str, Any]:
    """A day in production."""
    return {
        **QUIET,
        "since": NOW - 86400,
        "refusals": [
            group(
                "https://staging.example.com",
                "origin_not_allowed",
                count=1240,
                clients=16,
                clients_capped=True,
                methods={"PUT": 900, "DELETE": 340},
                headers={"authorization": 1240, "x-request-id": 2},
                paths=["/api/users", "/api/users/7", "/api/orders"],
            ),
            group(
                "https://app.example.com",
                "header_not_allowed",
                count=87,
                methods={},
                headers={"x-trace-id": 87},
                paths=["/api/orders"],
                last=NOW - 240,
            ),
            group(
                "https://app.example.com",
                "method_case",
                count=9,
                methods={"patch": 9},
                first=NOW - 600,
                last=NOW - 500,
            ),
            group("https://evil.example", "origin_not_allowed", kind="actual", action="forward", count=31, clients=2),
            group("null", "origin_null", count=3, clients=1, last=NOW - 7200),
            group(
                "http://localhost:5173",
                "origin_not_allowed",
                count=2,
                clients=1,
                methods={"PATCH": 2},
                first=NOW - 41,
                last=NOW - 40,
            ),
            group(
                "https://two.example",
                "origin_not_allowed",
                rule="partners",
                place="corsproxy.yaml:9",
                report=True,
                kind="actual",
                action="forward",
                count=64,
                paths=["/partners/feed"],
            ),
            group(
                "https://app.example.com",
                "no_rule_for_path",
                rule="",
                place="",
                kind="actual",
                action="forward",
                count=18,
                paths=["/health"],
            ),
        ],
        "recent": [
            recent(NOW - 12, "https://staging.example.com", "origin_not_allowed"),
            recent(NOW - 95, "https://app.example.com", "upstream_refused", method="GET", status=502,
                fault="upstream_refused",
                detail="connection refused", kind="actual"),
            recent(NOW - 130, "https://two.example", "origin_not_allowed", report=True, rule="partners", path="/partners/feed", status=200, method="GET"),
        ],
        "allowed": [allowed("https://app.example.com", 48211), allowed("https://one.example", 902, rule="partners")],
        "rules": [
            {"name": "api", "place": "corsproxy.yaml:3", "mode": "enforce", "on_disallowed": "strip", "matched": 51204},
            {"name": "partners", "place": "corsproxy.yaml:9", "mode": "report", "on_disallowed": "strip", "matched": 966},
            {"name": "assets", "place": "corsproxy.yaml:14", "mode": "enforce", "on_disallowed": "strip", "matched": 0},
        ],
        "backend_cors": [
            {
                "rule": "api",
                "place": "corsproxy.yaml:3",
                "fields": ["access-control-allow-origin", "access-control-allow-credentials"],
                "count": 48211,
                "last": NOW - 3,
                "path": "/api/users",
                "report": False,
            }
        ],
        "cookies": [
            {
                "rule": "api",
                "place": "corsproxy.yaml:3",
                "name": "session",
                "why": "same_site_not_none",
                "count": 310,
                "last": NOW - 61,
                "path": "/api/login",
            }
        ],
        "forgotten": 4,
        "candidate": {
            "file": "next.yaml",
            "sha256": "cd" * 32,
            "generation": 1,
            "problems": [],
            "compared": 51204,
            "differs": 31,
            "differs_in": ["timeouts"],
            "forgotten": 0,
            "differences": [
                {
                    "origin": "https://old.example.com",
                    "method": "GET",
                    "path": "/api/users",
                    "kind": "actual",
                    "change": "newly_refused",
                    "live": {"rule": "api", "place": "corsproxy.yaml:3", "reason": "origin_allowed", "action": "forward", "report": False},
                    "candidate": {"rule": "api", "place": "next.yaml:3", "reason": "origin_not_allowed", "action": "forward", "report": False},
                    "requested_method": "",
                    "requested_headers": [],
                    "count": 31,
                    "first": NOW - 4000,
                    "last": NOW - 100,
                    "clients": 4,
                }
            ],
        },
    }  # fmt: skip


TOTALS = [
    ["actual", "origin_allowed", False, 49113],
    ["preflight", "origin_not_allowed", False, 1429],
    ["actual", "origin_not_allowed", True, 64],
    ["not_cors", "no_origin", False, 99999],
]

SCRIPT = '"><script>document.title="got in"</script><img src=x onerror=document.title="got-in">'


def hostile() -> dict[str, Any]:
    """The same with markup wherever a client, a file or a backend may put text."""
    evil = busy()
    for entry in evil["refusals"]:
        entry |= {
            "origin": SCRIPT + entry["origin"],
            "rule": SCRIPT,
            "place": SCRIPT,
            "methods": {SCRIPT: 9},
            "headers": {SCRIPT: 9},
            "paths": ["/" + SCRIPT, "javascript:alert(1)"],
        }
    evil["refusals"].append(group(SCRIPT, SCRIPT, kind=SCRIPT))
    for entry in evil["recent"]:
        entry |= {name: SCRIPT for name, value in entry.items() if isinstance(value, str)}
    for entry in (*evil["rules"], *evil["backend_cors"], *evil["cookies"], *evil["allowed"]):
        entry |= {name: SCRIPT for name, value in entry.items() if isinstance(value, str)}
    evil["backend_cors"][0]["fields"] = [SCRIPT]
    candidate = evil["candidate"]
    candidate |= {"file": SCRIPT, "problems": [SCRIPT]}
    difference = candidate["differences"][0]
    difference |= {name: SCRIPT for name, value in difference.items() if isinstance(value, str)}
    difference["live"] |= {"rule": SCRIPT, "place": SCRIPT, "reason": SCRIPT}
    return evil
