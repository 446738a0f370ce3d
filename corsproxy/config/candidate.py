"""The candidate: a second configuration whose rules are decided beside the live ones, and never acted upon.

Laws: it is loaded as any configuration is, with its own tests, and all that is wrong with it is kept for whoever
asks; it never stands in the way of the live file. Its rules and public origins are compared; other keys that
differ from the live file's are named in a warning, because no request can be compared by them.
"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from corsproxy.config.findings import Findings
from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.settings import Candidate, Settings, Source
from corsproxy.config.source import Text, read

__all__ = ["Load", "read_candidate", "refuse_candidate"]

# A text to settings and the warnings about them; raises ConfigError.
Load = Callable[[Text], tuple[Settings, tuple[Problem, ...]]]

_COMPARED = {"rules", "public_origins"}
_ITS_OWN = {"source", "candidate", "warnings", "generation"}


def refuse_candidate(findings: Findings) -> None:
    """Refuse a candidate's own candidate."""
    findings.refuse(
        ("candidate",),
        "A candidate cannot have a candidate of its own.",
        why="requests are decided by the live rules and by one candidate's.",
        fix="remove this key here; it stands in the live file",
        code=Code.CONFLICT,
    )


def read_candidate(
    path: Path, live: Settings, findings: Findings, load: Load
) -> tuple[Candidate, tuple[Problem, ...]]:
    """Load the candidate of `live`; with it come the warnings about its file."""
    digest = ""
    try:
        text = read(path)
        digest = text.sha256
        settings, warnings = load(text)
    except ConfigError as refused:
        return Candidate(source=Source(str(path), digest), problems=refused.problems), ()
    differs = tuple(
        field.name
        for field in fields(Settings)
        if field.name not in _COMPARED | _ITS_OWN
        and getattr(settings, field.name) != getattr(live, field.name)
    )
    if differs:
        findings.warn(
            ("candidate",),
            f"The candidate also changes {', '.join(differs)}, and no request is compared by that.",
            why="only its rules and public origins are decided beside the live ones; the rest takes effect when it becomes the live file.",
            fix="write these keys as they are here, or change them here first",
            code=Code.CANDIDATE_DIFFERS,
        )
    candidate = Candidate(
        source=settings.source, rules=settings.rules, public_origins=settings.public_origins, differs=differs
    )
    return candidate, warnings
