"""Packages that are only installed by who asked for them: is what a key needs there?

Laws: looked for, not imported; what is there and broken is told by whoever imports it.
"""

from importlib.util import find_spec

__all__ = ["TRACING_NEEDS", "missing"]

TRACING_NEEDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def missing(packages: tuple[str, ...]) -> str:
    """Return the first of these packages that is not installed; "" where all are."""
    return next((name for name in packages if not _is_installed(name)), "")


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False
