"""What a load client reports, whichever it was."""

from dataclasses import dataclass, field

__all__ = ["Load"]


@dataclass(frozen=True, slots=True)
class Load:
    """Whole answers, the time they took, and what went wrong by kind (kinds without a count are left out)."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: dict[str, int] = field(default_factory=dict)
