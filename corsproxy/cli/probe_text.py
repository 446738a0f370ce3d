"""The report of a probe for people: the verdict first, then each step with what was sent and what came.

Laws: the same words with colour and without; long lines are the browsers' or the server's own and stay whole.
"""

from collections.abc import Iterator

import click

from corsproxy.bridges.probe.cookies import Cookie
from corsproxy.bridges.probe.exchange import Exchange
from corsproxy.bridges.probe.readable import Readable
from corsproxy.bridges.probe.report import Outcome, Report, reason_of_check
from corsproxy.bridges.probe.server import corsproxy_detail
from corsproxy.bridges.probe.words import (
    about_caches,
    about_check,
    about_outcome,
    plain,
    received_fields,
    sent_fields,
)
from corsproxy.cors.checks import Check, Step

__all__ = ["report_as_text"]

_COLOURS = {Outcome.READABLE: "green", Outcome.PREFLIGHT_PASSED: "yellow", Outcome.NOT_SENT: "yellow"}
_LOOSER = (
    "nothing: Chrome still lets * cover Authorization and warns that this will end; other browsers refuse"
)


def report_as_text(report: Report, *, colour: bool) -> str:
    """Write everything for people."""
    style = _Style(colour)
    paragraphs = [
        _verdict(report, style),
        _question(report),
        *_steps(report, style),
        _readable(report.readable),
        _lifetime(report),
        _cookies(report.cookies, style),
        _caches(report, style),
        *_consoles(report),
        _change(report, style),
        "\n".join(f"Note: {plain(note)}" for note in report.notes),
    ]
    return "\n\n".join(filter(None, paragraphs))


class _Style:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def mark(self, text: str, fg: str, *, bold: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold or None) if self._colour else text

    def title(self, text: str) -> str:
        return click.style(text, bold=True) if self._colour else text

    def verdict(self, is_fine: bool) -> str:
        return self.mark("ok  ", "green") if is_fine else self.mark("FAIL", "red")


def _verdict(report: Report, style: _Style) -> str:
    shows_reason = report.outcome in {Outcome.BLOCKED, Outcome.UNREACHABLE, Outcome.UNTRUSTED}
    word = str(report.outcome).replace("_", " ") + (f": {report.reason}" if shows_reason else "")
    head = style.mark(word, _COLOURS.get(report.outcome, "red"), bold=True)
    return f"{head}\n  {about_outcome(report)}"


def _question(report: Report) -> str:
    asked = report.asked
    extras = [", with credentials"] if asked.include else []
    names = [plain(name) for name, _ in asked.fields]
    extras += [f", headers {', '.join(names)}"] if names else []
    rule = f", which decides by its rule {plain(report.rule)}" if report.rule else ""
    server = f"\nServer    {report.server}{rule}" if report.server else ""
    return f"Question  {plain(asked.method)} {plain(asked.url)} from {asked.origin}{''.join(extras)}{server}"


def _steps(report: Report, style: _Style) -> Iterator[str]:
    for hop in report.hops:
        early = [check for check in hop.checks if check.step in {Step.SENDABLE, Step.MIXED_CONTENT}]
        asked = [check for check in hop.checks if check.step.startswith("preflight_")]
        if any(not check.passed for check in early):
            yield "\n".join(_checks(early, report, style))
        if hop.preflight is not None:
            yield "\n".join(
                [*_exchange(hop.preflight, "  (preflight)", style), *_checks(asked, report, style)]
            )
        if hop.actual is not None:
            rest = [check for check in hop.checks if check not in early and check not in asked]
            yield "\n".join([*_exchange(hop.actual, "", style), *_checks(rest, report, style)])
    if report.failed_at is not None and report.failure is not None:
        sent = report.failed_at
        lines = _sent_lines(sent.method, sent.url, "", sent_fields(sent), style)
        yield "\n".join([*lines, f"  {style.verdict(False)}  no answer: {report.failure.kind}"])
    if report.aside is not None:
        granted = report.aside.value("access-control-allow-origin")
        told = (
            f"Access-Control-Allow-Origin: {plain(granted)}" if granted else "no Access-Control-Allow-Origin"
        )
        said = corsproxy_detail(report.aside)
        told += f"; it says: {plain(said)}" if said else ""
        yield (
            "Asked besides, as no browser would here: a preflight\n"
            f"  {report.aside.status} {plain(report.aside.phrase)}, with {told}"
        )


def _exchange(exchange: Exchange, remark: str, style: _Style) -> Iterator[str]:
    sent, answer = exchange.sent, exchange.answer
    yield from _sent_lines(sent.method, sent.url, remark, sent_fields(sent), style)
    yield f"  {answer.status} {plain(answer.phrase)}".rstrip()
    yield from (f"    {name}: {value}" for name, value in received_fields(answer))


def _sent_lines(
    method: str, url: str, remark: str, fields: tuple[tuple[str, str], ...], style: _Style
) -> Iterator[str]:
    yield style.title(f"{plain(method)} {plain(url)}") + remark
    yield from (f"    {name}: {value}" for name, value in fields)


def _checks(checks: list[Check], report: Report, style: _Style) -> Iterator[str]:
    for check in checks:
        reason = "" if check.passed else f"  ({reason_of_check(check, report.told)})"
        yield f"  {style.verdict(check.passed)}  {about_check(check)}{reason}"


def _readable(readable: Readable | None) -> str:
    if readable is None:
        return ""
    lines = ["The page can read", f"  the status, {readable.status}"]
    lines += ["  the body" if readable.has_body else "  no body: there is none"]
    lines += [f"  the fields {', '.join(map(plain, readable.fields))}"] if readable.fields else []
    if readable.hidden:
        lines.append(f"  not the fields {', '.join(map(plain, readable.hidden))}")
        lines.append("    (for want of Access-Control-Expose-Headers)")
    return "\n".join(lines)


def _lifetime(report: Report) -> str:
    if report.lifetime is None:
        return ""
    written = report.lifetime.written
    told = f"Access-Control-Max-Age: {plain(written)}" if written is not None else "no Access-Control-Max-Age"
    kept = ", ".join(
        f"{engine.capitalize()} {seconds} s" for engine, seconds in report.lifetime.seconds.items()
    )
    return f"The preflight is kept, with {told}\n  {kept.replace('Webkit', 'WebKit')}"


def _cookies(cookies: tuple[Cookie, ...], style: _Style) -> str:
    if not cookies:
        return ""
    lines = ["Cookies"]
    for cookie in cookies:
        attributes = "".join(f"; {plain(attribute)}" for attribute in cookie.attributes)
        mark = style.mark("dropped", "red") if cookie.faults else style.mark("kept   ", "green")
        lines.append(f"  {mark}  {plain(cookie.name) or '(no name)'}{attributes}")
        lines += [f"           {plain(why)}" for why in (*cookie.faults, *cookie.cautions)]
    return "\n".join(lines)


def _caches(report: Report, style: _Style) -> str:
    if report.cache is None:
        return ""
    lines = ["Caches, asked without Origin and with a stranger's"]
    for is_fine, sentence in about_caches(report.cache):
        lines.append(f"  {style.verdict(True) if is_fine else style.mark('WARN', 'yellow')}  {sentence}")
    return "\n".join(lines)


def _consoles(report: Report) -> Iterator[str]:
    if report.console is not None:
        yield f"Chrome's console\n  {plain_line(report.console.chrome) or _LOOSER}"
        yield f"Firefox's console\n  {plain_line(report.console.firefox) or 'nothing'}"


def plain_line(text: str | None) -> str:
    """Make a console's line safe to show; it stays whole."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text or "")


def _change(report: Report, style: _Style) -> str:
    if not report.advice:
        return ""
    return "\n".join([style.title("What to change"), *(f"  {plain_line(line)}" for line in report.advice)])
