"""What becomes of one request: a value that was ready before the request came.

Laws: immutable, compared and counted by identity; there are only as many as the rules have outcomes,
whatever clients send. Only the lines that name an origin or what was asked are put together late.
"""

from dataclasses import dataclass, field
from typing import Protocol

from corsproxy.cors.cookies import CookieRewrite
from corsproxy.cors.grant import Grant
from corsproxy.cors.preflight import AskedPreflight, PreflightAnswer
from corsproxy.cors.rule import Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason

__all__ = ["Asked", "Decision"]


class Asked(AskedPreflight, Protocol):
    """What the head of a request has to offer to be decided on."""

    @property
    def method(self) -> bytes:
        """The method as sent."""

    @property
    def path(self) -> bytes:
        """The path as sent: before `?`, percent-encoded; `*` for OPTIONS of the whole server."""

    @property
    def sec_fetch_site(self) -> bytes | None:
        """The value of Sec-Fetch-Site."""

    @property
    def is_websocket(self) -> bool:
        """Whether this is a well-formed upgrade to WebSocket."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Decision:
    """One outcome of one rule, or of no rule.

    `status` is that of an ANSWER or a REFUSE, 0 for FORWARD. `is_refusal`: the browser will not hand
    the response to the page, or we refused. `strips`: the backend's CORS fields are removed; `varies`:
    every response carries `Vary: Origin`; `remove` has further names to remove, in lower case. Of a rule
    in report mode nothing is changed and `would` is what enforcing had done.
    """

    kind: Kind
    reason: Reason
    action: Action
    rule: Rule | None
    status: int = 0
    report: bool = False
    would: "Decision | None" = None
    is_refusal: bool
    strips: bool = True
    varies: bool = False
    remove: frozenset[bytes] = frozenset()
    set_lines: bytes = b""
    cookies: CookieRewrite | None = None
    grant: Grant = field(repr=False)
    answer: PreflightAnswer | None = field(default=None, repr=False)

    def lines(self, origin: bytes | None) -> bytes:
        """Return the CORS lines of a forwarded response, each with CRLF; Vary is not among them."""
        return self.grant.lines(origin)

    def answer_lines(self, asked: AskedPreflight) -> bytes:
        """Return all CORS lines and Vary of the answer to a preflight, also of a refused one."""
        return self.error_lines(asked.origin) if self.answer is None else self.answer.lines(asked)

    def error_lines(self, origin: bytes | None) -> bytes:
        """Return all CORS lines and Vary for an error response of our own."""
        return self.grant.error_lines(origin) if self.would is None else self.would.error_lines(origin)
