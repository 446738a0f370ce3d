"""Medians and how far the rounds lie apart. With a handful of rounds that is all one may honestly say."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread", "percentile", "ratio", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """`noise` is the median absolute deviation as a share of the median."""

    median: float
    low: float
    high: float
    noise: float


def spread(values: Sequence[float]) -> Spread:
    """Sum up the values of several rounds, of which there must be one at least."""
    median = statistics.median(values)
    deviation = statistics.median(abs(value - median) for value in values)
    return Spread(median, min(values), max(values), deviation / median if median else 0.0)


def ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Spread | None:
    """Compare round by round, since what disturbs a round disturbs both; None marks a rejected round.

    Returns None when no round is good on both sides.
    """
    pairs = [a / b for a, b in zip(ours, theirs, strict=True) if a is not None and b]
    return spread(pairs) if pairs else None


def percentile(ascending: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of them do not exceed (nearest rank)."""
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]
