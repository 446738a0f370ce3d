"""What the backend sends that its owner should know of: CORS fields of its own, and cookies that browsers drop.

Laws: names only, each bounded, and so many at most; what was known first stays. Rows of former generations are
kept as they were told.
"""

from collections.abc import Mapping
from typing import TypeVar

from corsproxy.cors.policy import Decision
from corsproxy.observe.ledger_rows import MOST_NOTES, BackendRow, CookieRow, Noted
from corsproxy.observe.tally import LONGEST_PATH
from corsproxy.proxy.record import Record

__all__ = ["LedgerNotes"]

LONGEST_NAME = 64
MOST_NAMES = 16  # of fields in one note

_K = TypeVar("_K", BackendRow, CookieRow)


class LedgerNotes:
    """Notes of one generation, on top of those of former ones."""

    def __init__(
        self,
        generation: int,
        backend: Mapping[BackendRow, Noted] | None = None,
        cookies: Mapping[CookieRow, Noted] | None = None,
    ) -> None:
        self._generation = generation
        self._backend = dict(backend or {})
        self._cookies = dict(cookies or {})

    @property
    def backend(self) -> Mapping[BackendRow, Noted]:
        """Give what the backend said of CORS."""
        return dict(self._backend)

    @property
    def cookies(self) -> Mapping[CookieRow, Noted]:
        """Give the cookies that browsers drop."""
        return dict(self._cookies)

    def note_backend(self, record: Record, decision: Decision) -> None:
        """Note which CORS fields an answer of the backend had."""
        name, place = _rule(decision)
        fields = tuple(sorted({name[:LONGEST_NAME] for name in record.removed_fields})[:MOST_NAMES])
        _add(self._backend, BackendRow(self._generation, name, place, decision.report, fields), record)

    def note_cookies(self, record: Record, decision: Decision) -> None:
        """Note the cookies of an answer that its page's browser will not keep."""
        name, place = _rule(decision)
        for cookie, why in record.dropped_cookies:
            _add(self._cookies, CookieRow(self._generation, name, place, cookie[:LONGEST_NAME], why), record)


def _rule(decision: Decision) -> tuple[str, str]:
    return ("", "") if decision.rule is None else (decision.rule.name, decision.rule.place)


def _add(rows: dict[_K, Noted], row: _K, record: Record) -> None:
    known = rows.get(row)
    if known is None:
        if len(rows) >= MOST_NOTES:
            former = next((one for one in rows if one.generation < row.generation), None)
            if former is None:
                return
            del rows[former]
        known = Noted(0, 0.0, b"")
    rows[row] = Noted(known.total + 1, record.started, record.path[:LONGEST_PATH])
