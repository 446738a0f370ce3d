"""What could not be carried over, or should not be, each with its place: the report of an import.

Laws: a loss changes what some page may do, or had to be left for a person to fill in; a note changes nothing that a
page can tell, and is told so that nobody wonders. Codes are stable, for scripts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NOTES", "Code", "Finding", "Findings", "Place"]


class Code(StrEnum):
    """What was found."""

    # Losses.
    ANY_WITH_CREDENTIALS = "any_with_credentials"
    ORIGIN_UNKNOWN = "origin_unknown"
    ORIGIN_NEVER_MATCHED = "origin_never_matched"
    ORIGIN_REFUSED = "origin_refused"
    ORIGIN_NULL = "origin_null"
    REGEX_TIGHTENED = "regex_tightened"
    REGEX_UNSUPPORTED = "regex_unsupported"
    OPTION_UNKNOWN = "option_unknown"
    HEADER = "header"
    METHOD = "method"
    SAFELISTED_METHOD = "safelisted_method"
    PATH = "path"
    CONDITION = "condition"
    POLICIES_DIFFER = "policies_differ"
    FALL_THROUGH = "fall_through"
    SEVERAL_APPS = "several_apps"
    UNREGISTERED = "unregistered"
    UNREAD = "unread"
    BY_HAND = "by_hand"
    OLD_VERSION = "old_version"
    WEBSOCKET = "websocket"
    # Notes.
    UPSTREAM = "upstream"
    ENVIRONMENT = "environment"
    REDUNDANT = "redundant"
    PATH_REWRITTEN = "path_rewritten"
    VALUE = "value"
    ALWAYS = "always"
    NO_EFFECT = "no_effect"
    NEVER_REACHED = "never_reached"


NOTES = frozenset(
    {
        Code.UPSTREAM,
        Code.ENVIRONMENT,
        Code.REDUNDANT,
        Code.PATH_REWRITTEN,
        Code.VALUE,
        Code.ALWAYS,
        Code.NO_EFFECT,
        Code.NEVER_REACHED,
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; the file's path is relative to what was imported. No line: the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of the report. `let_in`: origins that the old code let in and the written rule does not."""

    code: Code
    place: Place
    what: str
    why: str = ""
    fix: str = ""
    let_in: tuple[str, ...] = ()

    @property
    def is_loss(self) -> bool:
        """Tell whether this is more than a note."""
        return self.code not in NOTES

    def __str__(self) -> str:
        parts = [str(self.place), f"  {self.what}"]
        parts += [f"  Let in: {', '.join(self.let_in)}"] if self.let_in else []
        parts += [f"  Why: {self.why}"] if self.why else []
        parts += [f"  Fix: {self.fix}"] if self.fix else []
        return "\n".join(parts)


class Findings:
    """Collects findings; the same one told twice stands once."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}

    def add(
        self,
        code: Code,
        place: Place,
        what: str,
        *,
        why: str = "",
        fix: str = "",
        let_in: tuple[str, ...] = (),
    ) -> None:
        """Report one thing."""
        self._found[Finding(code, place, what, why, fix, let_in)] = None

    def __iter__(self) -> Iterator[Finding]:
        """Yield losses first, then notes, each in the order of the sources."""
        return iter(sorted(self._found, key=lambda finding: (not finding.is_loss, finding.place)))
