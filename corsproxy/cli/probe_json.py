"""The report of a probe for scripts. The JSON is stable: keys are only ever added (docs/probe.md)."""

from corsproxy.bridges.probe.browse import Hop
from corsproxy.bridges.probe.cache import CachePair
from corsproxy.bridges.probe.exchange import Exchange
from corsproxy.bridges.probe.report import Report, reason_of_check
from corsproxy.bridges.probe.words import (
    about_caches,
    about_check,
    about_outcome,
    plain,
    received_fields,
    sent_fields,
)
from corsproxy.cli.problems import json_text

__all__ = ["report_as_json"]


def report_as_json(report: Report, status: int) -> str:
    """Write everything for scripts; `status` is the exit status."""
    asked, console = report.asked, report.console
    readable, lifetime = report.readable, report.lifetime
    outcome = {
        "outcome": str(report.outcome),
        "status": status,
        "reason": report.reason,
        "why": about_outcome(report),
        "request": {
            "origin": asked.origin,
            "method": plain(asked.method),
            "url": plain(asked.url),
            "headers": [plain(name) for name, _ in asked.fields],
            "credentials": asked.include,
        },
        "server": str(report.server) if report.server else None,
        "rule": plain(report.rule) or None,
        "hops": [_hop(hop, report) for hop in report.hops],
        "failure": None
        if report.failure is None or report.failed_at is None
        else {
            "kind": str(report.failure.kind),
            "detail": plain(report.failure.detail),
            "method": plain(report.failed_at.method),
            "url": plain(report.failed_at.url),
        },
        "readable": None
        if readable is None
        else {
            "status": readable.status,
            "fields": list(map(plain, readable.fields)),
            "hidden": list(map(plain, readable.hidden)),
            "body": readable.has_body,
        },
        "preflight_lifetime": None
        if lifetime is None
        else {
            "written": None if lifetime.written is None else plain(lifetime.written),
            "seconds": dict(lifetime.seconds),
        },
        "cookies": [
            {
                "name": plain(cookie.name),
                "attributes": list(map(plain, cookie.attributes)),
                "dropped": bool(cookie.faults),
                "faults": list(map(plain, cookie.faults)),
                "cautions": list(map(plain, cookie.cautions)),
            }
            for cookie in report.cookies
        ],
        "cache": None if report.cache is None else _cache(report.cache),
        "console": None if console is None else {"chrome": console.chrome, "firefox": console.firefox},
        "advice": list(report.advice),
        "notes": list(map(plain, report.notes)),
    }
    return json_text(outcome)


def _hop(hop: Hop, report: Report) -> dict[str, object]:
    return {
        "url": plain(hop.request.url),
        "origin": hop.request.sent_origin,
        "cors": hop.request.is_cors,
        "preflight": _exchange(hop.preflight),
        "response": _exchange(hop.actual),
        "checks": [
            {
                "check": str(check.step),
                "passed": check.passed,
                "reason": reason_of_check(check, report.told),
                "cause": None if check.cause is None else str(check.cause),
                "subject": plain(check.subject),
                "text": about_check(check),
            }
            for check in hop.checks
        ],
    }


def _exchange(exchange: Exchange | None) -> dict[str, object] | None:
    if exchange is None:
        return None
    return {
        "method": plain(exchange.sent.method),
        "sent": [list(field) for field in sent_fields(exchange.sent)],
        "status": exchange.answer.status,
        "fields": [list(field) for field in received_fields(exchange.answer)],
    }


def _cache(pair: CachePair) -> dict[str, object]:
    return {
        "finding": str(pair.finding),
        "lacking_vary": list(pair.lacking),
        "reflects_any_origin": pair.reflects,
        "with_credentials": pair.trusts,
        "age": None if pair.age is None else plain(pair.age),
        "findings": [{"fine": is_fine, "text": text} for is_fine, text in about_caches(pair)],
    }
