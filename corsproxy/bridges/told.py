"""A question answered: its story, what to change, and the words that every way of showing them shares.

Laws: terminal, scripts and page say the same, for they take it from here; only the arrangement is theirs.
`as_fields` is stable: keys are only ever added (docs/explain.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from corsproxy.bridges.asked import printable, url_of
from corsproxy.bridges.console import ELSEWHERE
from corsproxy.bridges.probe.cache import STRANGER
from corsproxy.bridges.recorded import Question
from corsproxy.config.edit import Edit
from corsproxy.config.mend import Mending
from corsproxy.config.proofs import Homes
from corsproxy.config.settings import Settings
from corsproxy.cors.browser import BrowserRequest, is_forbidden
from corsproxy.cors.consoles import Cause
from corsproxy.cors.explain import Answer, Story, tell
from corsproxy.cors.policy import Policy
from corsproxy.cors.vocabulary import Kind

__all__ = [
    "CHANGE",
    "CHECKS",
    "IN_REPORT_MODE",
    "NO_EDIT",
    "NO_RESPONSE",
    "Titled",
    "Told",
    "answers",
    "as_fields",
    "consoles",
    "facts",
    "problem_lines",
    "told",
    "unfit",
    "verdict",
    "where",
]

IN_REPORT_MODE = "The rule is in report mode: this is what enforce would do; now everything passes untouched."
NO_EDIT = "No edit of the file: with it, `corsproxy check` would refuse the file."
NO_RESPONSE = "Response: none, the request is never sent"
CHECKS = "Checks, in the browser's order"
CHANGE = "What to change"
_KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.NOT_CORS: "not CORS: a request without Origin",
        Kind.SAME_ORIGIN: "same-origin request",
        Kind.ACTUAL: "cross-origin request",
        Kind.WEBSOCKET: "WebSocket handshake",
    }
)
_IS_STRANGER = (
    "corsproxy probe asks by this name, to see what strangers get; anybody else can send it too. No page can be served from a "
    "name under .invalid: nothing is to be allowed."
)
_LOOSER = (
    "nothing: Chrome still lets * cover Authorization and warns that this will end; other browsers refuse"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer, whole. `file` is the configuration that was asked."""

    story: Story
    mending: Mending
    file: str
    notes: tuple[str, ...] = ()


def told(
    request: BrowserRequest,
    settings: Settings,
    policy: Policy,
    *,
    mend: Callable[[BrowserRequest], Mending],
    pasted: Question | None = None,
    cause: Cause | None = None,
) -> Told:
    """Put the request to the policy of `settings`. `mend` finds what to change; `cause` is a pasted line's."""
    if not request.host:
        request = replace(request, host=Homes(settings.rules).host(request.path))
    story = tell(policy, request, url_of(request, settings))
    notes = [printable(note) for note in pasted.notes] if pasted is not None else []
    notes.extend(_left_out(request))
    if cause is not None and story.allowed:
        notes.append(ELSEWHERE[cause])
    is_stranger = request.origin == STRANGER and not story.allowed
    mending = Mending(page=_IS_STRANGER) if is_stranger else mend(request)
    return Told(story=story, mending=mending, file=settings.source.path, notes=tuple(notes))


def _left_out(request: BrowserRequest) -> Iterator[str]:
    for name in request.headers:
        if is_forbidden(name.lower().encode()):
            more = " Cookies go where the page asks with credentials." if name.lower() == "cookie" else ""
            yield f"Browsers let no page set {printable(name)}: it is left out.{more}"


class Titled(NamedTuple):
    """Something with a title above it."""

    title: str
    fields: tuple[tuple[str, str], ...]


def verdict(story: Story) -> str:
    """Say what came out, in two words."""
    return f"{'allowed' if story.allowed else 'denied'}: {story.reason}"


def facts(story: Story) -> tuple[tuple[str, str], ...]:
    """Say what was asked, what it is to CORS, and which rule decided."""
    request = story.request
    verb = "WebSocket to" if request.websocket else request.method
    extras = [", with credentials"] if request.credentials else []
    extras += [f", headers {', '.join(request.headers)}"] if request.headers else []
    return (
        ("Question", f"{verb} {story.url} from {request.origin or 'nowhere'}{''.join(extras)}"),
        ("Kind", _KINDS[story.kind] + (", preflighted" if story.is_preflighted else "")),
        ("Rule", f"{story.rule.name}  {story.rule.place}" if story.rule else "none"),
    )


def answers(story: Story) -> Iterator[Titled]:
    """Give the answers with the fields that the proxy puts on them."""
    if story.preflight is not None:
        yield Titled(
            f"Preflight, answered by the proxy with {story.preflight.status}", story.preflight.fields
        )
    if story.actual is not None and story.actual.status is None:
        yield Titled("Response, the backend's, with these fields of the proxy", story.actual.fields)
    elif story.actual is not None:
        yield Titled(f"Response, the proxy's own {story.actual.status}", story.actual.fields)


def consoles(story: Story) -> tuple[tuple[str, str], ...]:
    """Give what the consoles print; nothing where they print nothing."""
    if story.console is None:
        return ()
    return (
        ("Chrome's console", story.console.chrome or _LOOSER),
        ("Firefox's console", story.console.firefox),
    )


def where(edit: Edit) -> str:
    """Say at which line an edit goes, and what becomes of the lines that are there."""
    count = len(edit.removed)
    if not count:
        return f"{edit.line - 1}  add {'this' if len(edit.added) == 1 else 'these lines'} after this line"
    return f"{edit.line}  replace {'this line' if count == 1 else f'these {count} lines'} with"


def unfit(why: str) -> str:
    """Say why no edit could be tried."""
    return f"No edit of the file could be tried: {why}."


def as_fields(told: Told) -> dict[str, object]:
    """Give everything as plain values."""
    story = told.story
    request, rule, console = story.request, story.rule, story.console
    return {
        "allowed": story.allowed,
        "reason": str(story.reason),
        "why": story.why,
        "kind": str(story.kind),
        "preflighted": story.is_preflighted,
        "report": story.is_report,
        "file": told.file,
        "request": {
            "origin": request.origin,
            "method": request.method,
            "url": story.url,
            "path": request.path,
            "host": request.host,
            "headers": list(request.headers),
            "credentials": request.credentials,
            "websocket": request.websocket,
        },
        "rule": {"name": rule.name, "place": rule.place} if rule else None,
        "checks": [
            {
                "check": str(line.check.step),
                "passed": line.check.passed,
                "reason": str(line.check.reason),
                "subject": line.check.subject,
                "text": line.text,
            }
            for line in story.lines
        ],
        "preflight": _answer_fields(story.preflight),
        "response": _answer_fields(story.actual),
        "console": {"chrome": console.chrome, "firefox": console.firefox} if console else None,
        "change": None if story.allowed else _change_fields(told.mending),
        "notes": list(told.notes),
    }


def _answer_fields(answer: Answer | None) -> dict[str, object] | None:
    if answer is None:
        return None
    return {"status": answer.status, "fields": [[name, value] for name, value in answer.fields]}


def _change_fields(mending: Mending) -> dict[str, object]:
    edit = mending.edit
    return {
        "page": mending.page,
        "edit": {"line": edit.line, "removed": list(edit.removed), "added": list(edit.added)}
        if edit
        else None,
        "refused": [str(problem) for problem in mending.refused],
        "unfit": mending.unfit,
    }


def problem_lines(problems: Sequence[object]) -> list[str]:
    """Write problems line by line."""
    return [line for problem in problems for line in str(problem).splitlines()]
