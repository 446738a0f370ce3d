"""What the log says of a candidate: that it is compared, or everything that is wrong with it.

Laws: a candidate never stands in the way; so what is wrong with it is a warning, and the live policy serves.
"""

from corsproxy.config.settings import Settings
from corsproxy.proxy.record import Observer

__all__ = ["tell_candidate"]


def tell_candidate(settings: Settings, observer: Observer) -> None:
    """Say at a start or a reload what becomes of the candidate, if there is one."""
    candidate = settings.candidate
    if candidate is None:
        return
    source = candidate.source
    if not candidate.problems:
        observer.event(
            "info",
            "a candidate is compared with the live policy",
            file=source.path,
            rules=len(candidate.rules),
            sha256=source.sha256,
        )
        return
    for problem in candidate.problems:
        details = {"place": problem.place, "key": problem.path, "why": problem.why, "fix": problem.fix}
        observer.event("warning", problem.what, **{name: text for name, text in details.items() if text})
    count = len(candidate.problems)
    observer.event(
        "warning",
        f"candidate refused for {count} problem{'' if count == 1 else 's'}; it is not compared, and the live policy serves",
        file=source.path,
    )
