"""The story of one question: what a browser checked, what came out, and why, in words.

Laws: every fact is taken from the verdict of `judge`; this only puts it into words and fields, and has one
sentence for each reason. What consoles print is in `consoles`, what to change in `remedy`.
https://fetch.spec.whatwg.org/#cors-protocol
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from corsproxy.cors.browser import BrowserRequest, Check, Step, Verdict, judge
from corsproxy.cors.consoles import Console, predict
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Rule
from corsproxy.cors.vocabulary import Action, Kind, Reason

__all__ = ["Answer", "Line", "Story", "tell"]


@dataclass(frozen=True, slots=True)
class Line:
    """One check in words."""

    check: Check
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the proxy puts on a response; `status` is None for the backend's own."""

    status: int | None
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything there is to say of one question. `actual` is None where the actual request is never sent."""

    request: BrowserRequest
    url: str
    allowed: bool
    reason: Reason
    why: str
    kind: Kind
    is_preflighted: bool
    is_report: bool
    rule: Rule | None
    lines: tuple[Line, ...]
    preflight: Answer | None
    actual: Answer | None
    console: Console | None


def tell(policy: Policy, request: BrowserRequest, url: str) -> Story:
    """Ask the policy as a browser would, and tell what happened. `url` is for the consoles only."""
    verdict = judge(policy, request)
    return Story(
        request=request,
        url=url,
        allowed=verdict.allowed,
        reason=verdict.reason,
        why=_WHY[verdict.reason].format(**_words(verdict, request)),
        kind=verdict.actual.kind,
        is_preflighted=verdict.preflight is not None,
        is_report=verdict.rule is not None and verdict.rule.report,
        rule=verdict.rule,
        lines=tuple(_line(at, check, verdict) for at, check in enumerate(verdict.checks)),
        preflight=_preflight(verdict),
        actual=_actual(verdict),
        console=predict(verdict, request, url),
    )


def _words(verdict: Verdict, request: BrowserRequest) -> dict[str, str]:
    return {
        "origin": request.origin or "(empty)",
        "path": request.path.partition("?")[0],
        "subject": verdict.checks[-1].subject or "(empty)",
        "rule": verdict.rule.name if verdict.rule else "",
    }


_WHY: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.NO_ORIGIN: "The request has no Origin, so CORS has no part in it.",
        Reason.SAME_ORIGIN: "{origin} is the server's own origin, so CORS has no part in it.",
        Reason.ORIGIN_ALLOWED: "The rule {rule} grants all that the page asks for.",
        Reason.ORIGIN_NOT_ALLOWED: "The rule {rule} does not list {origin}.",
        Reason.ORIGIN_NULL: "The page's origin is null, which names nobody, and the rule {rule} does not list it.",
        Reason.ORIGIN_MALFORMED: "{origin} is not an origin as browsers send it.",
        Reason.NO_RULE_FOR_PATH: "No rule has the path {path} and this host.",
        Reason.METHOD_NOT_ALLOWED: "The method {subject} is not granted.",
        Reason.METHOD_CASE: "The rule {rule} lists this method in other letters than {subject}.",
        Reason.HEADER_NOT_ALLOWED: "The header {subject} is not granted.",
        Reason.AUTHORIZATION_NOT_LISTED: "* in allow_headers does not include Authorization, which the page sends.",
        Reason.CLIENT_SENDS_RESPONSE_HEADER: "The page sends {subject}, which is a field of answers.",
        Reason.CREDENTIALS_NOT_ALLOWED: "The page asks with credentials, and the rule {rule} does not allow them.",
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED: "The rule {rule} does not list {origin}, so it may open no WebSocket.",
        Reason.AMBIGUOUS_PATH: "Servers read the path {path} in different ways, so it gets no grant.",
    }
)

# A check in words: passed, failed. `{s}` is what was looked at.
_SENTENCES: Mapping[Step, tuple[str, str]] = MappingProxyType(
    {
        Step.SENDABLE: ("browsers send {s}", "browsers refuse to send {s}"),
        Step.HANDSHAKE: (
            "the handshake is passed on to the backend",
            "the proxy answers {status}: browsers leave the origin of a WebSocket to the server",
        ),
        Step.PREFLIGHT_ORIGIN: (
            "preflight: Access-Control-Allow-Origin is {s}",
            "preflight: no Access-Control-Allow-Origin that fits",
        ),
        Step.PREFLIGHT_CREDENTIALS: (
            "preflight: Access-Control-Allow-Credentials is true",
            "preflight: credentials need the very origin, and Access-Control-Allow-Credentials: true",
        ),
        Step.PREFLIGHT_STATUS: ("preflight: status {s}", "preflight: status {s} is not one of 200 to 299"),
        Step.PREFLIGHT_METHOD: (
            "preflight: the method {s} is granted",
            "preflight: the method {s} is not granted",
        ),
        Step.PREFLIGHT_HEADER: (
            "preflight: the header {s} is granted",
            "preflight: the header {s} is not granted",
        ),
        Step.FORWARDED: (
            "{s} is passed on to the backend",
            "the proxy answers {status} itself, for the rule blocks; the backend is not asked",
        ),
        Step.ORIGIN: (
            "response: Access-Control-Allow-Origin is {s}",
            "response: no Access-Control-Allow-Origin that fits",
        ),
        Step.CREDENTIALS: (
            "response: Access-Control-Allow-Credentials is true",
            "response: credentials need the very origin, and Access-Control-Allow-Credentials: true",
        ),
    }
)


def _line(at: int, check: Check, verdict: Verdict) -> Line:
    subject = check.subject or "(empty)"
    if check.step is Step.SENDABLE:
        subject = f"the method {subject}" if at == 0 else f"the header {subject}"
    passed, failed = _SENTENCES[check.step]
    sentence = (passed if check.passed else failed).format(s=subject, status=verdict.actual.status)
    return Line(check, sentence)


def _preflight(verdict: Verdict) -> Answer | None:
    if verdict.preflight is None:
        return None
    return Answer(verdict.preflight.status, _fields(verdict.preflight_lines))


def _actual(verdict: Verdict) -> Answer | None:
    """The response to the actual request, as far as the proxy makes it."""
    failed = None if verdict.allowed else verdict.checks[-1]
    if failed is not None and (failed.step is Step.SENDABLE or failed.step.startswith("preflight_")):
        return None
    decision = verdict.actual
    if decision.action is not Action.FORWARD:
        return Answer(decision.status, _fields(verdict.actual_lines))
    vary = b"Vary: Origin\r\n" if decision.varies else b""
    return Answer(None, _fields(verdict.actual_lines + vary + decision.set_lines))


def _fields(lines: bytes) -> tuple[tuple[str, str], ...]:
    pairs = (line.decode("utf-8", "replace").partition(": ") for line in lines.split(b"\r\n") if line)
    return tuple((name, value) for name, _, value in pairs)
