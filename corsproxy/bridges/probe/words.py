"""The report in sentences: why it came out so, each check, what caches would do.

Laws: every fact is taken from the report. What others sent is shown printable and bounded; of secrets only names
are: cookies, Authorization, and the values of fields that are not known to be harmless.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from corsproxy.bridges.probe.cache import CacheFinding, CachePair
from corsproxy.bridges.probe.exchange import Answer, Sent
from corsproxy.bridges.probe.report import Outcome, Report
from corsproxy.cors.checks import Cause, Check, Step

__all__ = ["about_caches", "about_check", "about_outcome", "plain", "received_fields", "sent_fields"]

_LONGEST = 2000
_SHOWN_SENT = frozenset(
    {
        "accept",
        "accept-language",
        "access-control-request-headers",
        "access-control-request-method",
        "content-language",
        "content-type",
        "origin",
        "range",
    }
)
_OF_THE_BROWSER = ("accept-encoding", "referer", "sec-fetch-", "user-agent")
_SHOWN_RECEIVED = frozenset(
    {
        "age",
        "allow",
        "cache-control",
        "content-length",
        "content-type",
        "location",
        "proxy-status",
        "server",
        "timing-allow-origin",
        "vary",
        "www-authenticate",
        "x-cache",
    }
)
_USER = re.compile(r"(?<=//)[^/?#@]*@")


def plain(text: str) -> str:
    """Make what somebody else wrote safe to show: printable, bounded, without a user name or password."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in _USER.sub("…@", text))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def sent_fields(sent: Sent) -> tuple[tuple[str, str], ...]:
    """Return what the page asked with: what every browser adds is left out, and values that may be secret."""
    return tuple(
        (plain(name), plain(value) if name.lower() in _SHOWN_SENT else "(not shown)")
        for name, value in sent.fields
        if not name.lower().startswith(_OF_THE_BROWSER)
        and (name.lower(), value) not in {("accept", "*/*"), ("accept-language", "en")}
    )


def received_fields(answer: Answer) -> tuple[tuple[str, str], ...]:
    """Return the fields that matter here, every line; of cookies the names."""
    shown = []
    for name, value in answer.fields:
        lower, text = name.lower().decode("latin-1"), value.decode("utf-8", "replace").strip()
        if lower == "set-cookie":
            text = f"{text.partition('=')[0]}=(not shown)" if "=" in text.partition(";")[0] else "(not shown)"
        elif lower not in _SHOWN_RECEIVED and not lower.startswith("access-control-"):
            continue
        shown.append((plain(name.decode("latin-1")), plain(text)))
    return tuple(shown)


def about_outcome(report: Report) -> str:
    """Say in a sentence what became of the request."""
    if report.failure is not None:
        return f"{plain(report.failure.detail)} This is no matter of CORS."
    if report.asked.is_preflight_only and report.outcome is Outcome.PREFLIGHT_PASSED:
        return "The preflight passed. Nothing was sent after it, as asked."
    if report.asked.is_preflight_only and report.outcome is Outcome.NOT_SENT:
        return "Nothing was sent: browsers send this request without a preflight."
    if report.outcome is Outcome.PREFLIGHT_PASSED:
        return (
            "The preflight passed. The request itself was not sent, for it may change something: "
            "--send sends it, --preflight-only is content with this."
        )
    if report.outcome is Outcome.NOT_SENT:
        return (
            "Nothing was sent: browsers send this request without a preflight, and it may change something. "
            "--send sends it."
        )
    if report.outcome is Outcome.BLOCKED:
        what = about_check(report.hops[-1].checks[-1])
        return f"{_subject(report)} {what.removeprefix('response: ').removeprefix('redirect: ').rstrip('.')}."
    hop = report.hops[-1]
    if not hop.request.is_cors:
        return "The page's own origin answers, so CORS has no part in it."
    return f"A page of {report.asked.origin} can read the answer."


def _subject(report: Report) -> str:
    failed = report.hops[-1].checks[-1]
    if failed.step in {Step.SENDABLE, Step.MIXED_CONTENT}:
        return "The browser sends nothing:"
    if failed.step is Step.REDIRECT:
        return "The browser does not follow the redirect:"
    if failed.step in {Step.ORIGIN, Step.CREDENTIALS}:
        return "The server answers, and the browser keeps it from the page:"
    return "The browser does not send the request:"


# By step: passed. `{s}` is what was looked at.
_PASSED: Mapping[Step, str] = MappingProxyType(
    {
        Step.SENDABLE: "browsers send {s}",
        Step.PREFLIGHT_ORIGIN: "preflight: Access-Control-Allow-Origin is {s}",
        Step.PREFLIGHT_CREDENTIALS: "preflight: Access-Control-Allow-Credentials is true",
        Step.PREFLIGHT_STATUS: "preflight: status {s}",
        Step.PREFLIGHT_METHOD: "preflight: the method {s} is granted",
        Step.PREFLIGHT_HEADER: "preflight: the header {s} is granted",
        Step.ORIGIN: "response: Access-Control-Allow-Origin is {s}",
        Step.CREDENTIALS: "response: Access-Control-Allow-Credentials is true",
        Step.REDIRECT: "redirect: goes on to {s}",
    }
)
_FAILED: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.ORIGIN_MISSING: "there is no Access-Control-Allow-Origin",
        Cause.ORIGIN_SEVERAL: "Access-Control-Allow-Origin has several values: {s}",
        Cause.ORIGIN_INVALID: "Access-Control-Allow-Origin is no origin: {s}",
        Cause.ORIGIN_DIFFERS: "Access-Control-Allow-Origin is another's: {s}",
        Cause.WILDCARD_WITH_CREDENTIALS: "Access-Control-Allow-Origin is *, which counts for nothing with credentials",
        Cause.CREDENTIALS_MISSING: "Access-Control-Allow-Credentials is {s}, and must be true",
        Cause.PREFLIGHT_STATUS: "status {s} is not one of 200 to 299",
        Cause.PREFLIGHT_REDIRECT: "status {s}: no redirect answers a preflight",
        Cause.METHODS_UNREADABLE: "Access-Control-Allow-Methods is no list of methods: {s}",
        Cause.HEADERS_UNREADABLE: "Access-Control-Allow-Headers is no list of names: {s}",
        Cause.METHOD: "the method {s} is not in Access-Control-Allow-Methods",
        Cause.HEADER: "the header {s} is not in Access-Control-Allow-Headers",
    }
)


def about_check(check: Check) -> str:
    """Say in a sentence what a check found."""
    subject = plain(check.subject) or ("(missing)" if check.step.endswith("credentials") else "(empty)")
    if check.passed:
        return _PASSED[check.step].format(s=subject)
    if check.cause is not None and check.step is not Step.REDIRECT:
        where = "preflight" if check.step.startswith("preflight") else "response"
        return f"{where}: {_FAILED[check.cause].format(s=subject)}"
    if check.step is Step.SENDABLE:
        return f"fetch() refuses {subject}"
    if check.step is Step.MIXED_CONTENT:
        return f"mixed content: a page on https may not call {subject}"
    return f"redirect: {subject}"


_CACHES: Mapping[CacheFinding, tuple[bool, str]] = MappingProxyType(
    {
        CacheFinding.STALE: (
            False,
            "Past all caches, with a query of its own, the server does grant it: a cache hands out an answer made for another.",
        ),
        CacheFinding.NONE_FOR_ALL: (
            True,
            "Nobody who was asked for gets in, so there is nothing to confuse.",
        ),
        CacheFinding.SAME_FOR_ALL: (
            True,
            "The CORS fields are the same for every origin: a cache can do no harm.",
        ),
        CacheFinding.ONE_CONSTANT: (
            True,
            "Everybody is told the same one origin: a cache can do no harm, and no second origin can be let in.",
        ),
        CacheFinding.VARIES: (True, "The answer depends on the origin, and Vary: Origin says so each time."),
        CacheFinding.NOT_STORED: (
            True,
            "The answer depends on the origin without Vary: Origin; Cache-Control: no-store keeps caches from it.",
        ),
        CacheFinding.MISSING_VARY: (
            False,
            (
                "The answer depends on the origin, and Vary: Origin is missing (asked {lacking}): a cache, the browser's own too, "
                "hands an answer made for one page, or for none, to another. Send Vary: Origin on every answer of this path."
            ),
        ),
        CacheFinding.INCOMPARABLE: (
            True,
            "Without Origin the status is {without}, with it {own}: the two cannot be compared.",
        ),
    }
)


def about_caches(pair: CachePair) -> Iterator[tuple[bool, str]]:
    """Say what the three answers show: whether it is fine, and a sentence."""
    is_fine, sentence = _CACHES[pair.finding]
    lacking = ", ".join(pair.lacking)
    yield is_fine, sentence.format(lacking=lacking, without=pair.without.status, own=pair.own.status)
    if pair.trusts:
        sentence = (
            "Any origin is let in, with credentials: an unknown one was. Every site can read this with its visitors' "
            "cookies. Compare with a list."
        )
        yield False, sentence
    elif pair.reflects:
        yield (
            False,
            "Any origin is let in: an unknown one was. If that is meant, * says so, and needs no Vary.",
        )
    if pair.age is not None:
        yield True, f"The answer came out of a cache, where it had been for {plain(pair.age)} s."
