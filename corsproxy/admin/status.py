"""The status document: which proxy this is, which configuration it runs, and how that came about.

Laws: plain JSON values; times as RFC 3339 in UTC; nothing that a configuration could keep secret.
"""

from dataclasses import asdict
from datetime import UTC, datetime

from corsproxy import __version__
from corsproxy.admin.fleet import Facts, ReloadOutcome
from corsproxy.config.settings import Candidate, Settings
from corsproxy.observe.counters import Snapshot

__all__ = ["status"]


def status(
    total: Snapshot, facts: Facts, settings: Settings, *, is_draining: bool, now: float
) -> dict[str, object]:
    """Return the document; `now` is Unix time."""
    return {
        "version": __version__,
        "state": "draining" if is_draining else "serving",
        "started_at": _time(facts.started_at),
        "uptime_seconds": round(max(now - facts.started_at, 0.0), 3),
        "config": {
            "source": settings.source.path,
            "sha256": settings.source.sha256,
            "generation": facts.generation,
            "loaded_at": _time(facts.loaded_at),
            "rules": len(settings.rules),
            "warnings": list(settings.warnings),
            "reloads": {"succeeded": facts.reloads_succeeded, "failed": facts.reloads_failed},
            "last_reload": _outcome(facts.last_reload),
            "candidate": _candidate(settings.candidate),
        },
        "listen": [str(endpoint) for endpoint in settings.listen],
        "upstream": str(settings.upstream.endpoint),
        "workers": list(total.pids),
        "connections": total.gauges._asdict(),
    }


def _candidate(candidate: Candidate | None) -> dict[str, object] | None:
    if candidate is None:
        return None
    return {
        "source": candidate.source.path,
        "sha256": candidate.source.sha256,
        "rules": len(candidate.rules),
        "differs_in": list(candidate.differs),
        "problems": [asdict(problem) for problem in candidate.problems],
    }


def _outcome(outcome: ReloadOutcome | None) -> dict[str, object] | None:
    if outcome is None:
        return None
    return {
        "at": _time(outcome.at),
        "result": "refused" if outcome.problems else "adopted",
        "problems": [asdict(problem) for problem in outcome.problems],
        "waits_for_restart": list(outcome.waits_for_restart),
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
