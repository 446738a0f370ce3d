"""The story of a question for people and for scripts.

Laws: the text has the same words with colour and without; long lines are the browsers' or the file's own and
stay whole, so that they can be searched for and pasted. The JSON is stable: keys are only ever added
(docs/explain.md).
"""

import json
from collections.abc import Iterator, Sequence

import click

from corsproxy.config.edit import Edit
from corsproxy.config.mend import Mending
from corsproxy.cors.explain import Answer, Story
from corsproxy.cors.vocabulary import Kind

__all__ = ["story_as_json", "story_as_text"]

_KINDS = {
    Kind.NOT_CORS: "not CORS: a request without Origin",
    Kind.SAME_ORIGIN: "same-origin request",
    Kind.ACTUAL: "cross-origin request",
    Kind.WEBSOCKET: "WebSocket handshake",
}
_LOOSER = (
    "nothing: Chrome still lets * cover Authorization and warns that this will end; other browsers refuse"
)


def story_as_text(story: Story, mending: Mending, file: str, notes: Sequence[str], *, colour: bool) -> str:
    """Write everything for people."""
    paragraphs = [
        _verdict(story, colour=colour),
        _facts(story),
        _checks(story, colour=colour),
        *_answers(story),
        *_consoles(story),
        _change(story, mending, file, colour=colour),
        "\n".join(f"Note: {note}" for note in notes),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _verdict(story: Story, *, colour: bool) -> str:
    word = f"{'allowed' if story.allowed else 'denied'}: {story.reason}"
    if colour:
        word = click.style(word, fg="green" if story.allowed else "red", bold=True)
    report = "\n  The rule is in report mode: this is what enforce would do; now everything passes untouched."
    return f"{word}\n  {story.why}{report if story.is_report else ''}"


def _facts(story: Story) -> str:
    request = story.request
    verb = "WebSocket to" if request.websocket else request.method
    extras = [", with credentials"] if request.credentials else []
    extras += [f", headers {', '.join(request.headers)}"] if request.headers else []
    kind = _KINDS[story.kind] + (", preflighted" if story.is_preflighted else "")
    rule = f"{story.rule.name}  {story.rule.place}" if story.rule else "none"
    return (
        f"Question  {verb} {story.url} from {request.origin or 'nowhere'}{''.join(extras)}\n"
        f"Kind      {kind}\n"
        f"Rule      {rule}"
    )


def _checks(story: Story, *, colour: bool) -> str:
    if not story.lines:
        return ""
    written = ["Checks, in the browser's order"]
    for line in story.lines:
        mark = "ok  " if line.check.passed else "FAIL"
        if colour:
            mark = click.style(mark, fg="green" if line.check.passed else "red")
        reason = "" if line.check.passed else f"  ({line.check.reason})"
        written.append(f"  {mark}  {line.text}{reason}")
    return "\n".join(written)


def _answers(story: Story) -> Iterator[str]:
    if story.preflight is not None:
        yield _answer(f"Preflight, answered by the proxy with {story.preflight.status}", story.preflight)
    if story.actual is None:
        yield "Response: none, the request is never sent"
    elif story.actual.status is None:
        yield _answer("Response, the backend's, with these fields of the proxy", story.actual)
    else:
        yield _answer(f"Response, the proxy's own {story.actual.status}", story.actual)


def _answer(title: str, answer: Answer) -> str:
    return "\n".join([title, *([f"  {name}: {value}" for name, value in answer.fields] or ["  none"])])


def _consoles(story: Story) -> Iterator[str]:
    if story.console is not None:
        yield f"Chrome's console\n  {story.console.chrome or _LOOSER}"
        yield f"Firefox's console\n  {story.console.firefox}"


def _change(story: Story, mending: Mending, file: str, *, colour: bool) -> str:
    if story.allowed:
        return ""
    written = [click.style("What to change", bold=True) if colour else "What to change"]
    if mending.edit is not None:
        added = [click.style(line, fg="green") if colour else line for line in mending.edit.added]
        written += [f"  {file}:{_where(mending.edit)}", *added]
    if mending.refused:
        written.append("  No edit of the file: with it, `corsproxy check` would refuse the file.")
        written += [f"  {line}" for problem in mending.refused for line in str(problem).splitlines()]
    if mending.unfit:
        written.append(f"  No edit of the file could be tried: {mending.unfit}.")
    if mending.page:
        written.append(f"  {mending.page}")
    return "\n".join(written)


def _where(edit: Edit) -> str:
    count = len(edit.removed)
    if not count:
        return f"{edit.line - 1}  add {'this' if len(edit.added) == 1 else 'these lines'} after this line"
    return f"{edit.line}  replace {'this line' if count == 1 else f'these {count} lines'} with"


def story_as_json(story: Story, mending: Mending, file: str, notes: Sequence[str]) -> str:
    """Write everything for scripts."""
    request, rule, console = story.request, story.rule, story.console
    outcome = {
        "allowed": story.allowed,
        "reason": str(story.reason),
        "why": story.why,
        "kind": str(story.kind),
        "preflighted": story.is_preflighted,
        "report": story.is_report,
        "file": file,
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
        "change": None if story.allowed else _change_fields(mending),
        "notes": list(notes),
    }
    return json.dumps(outcome, indent=2, ensure_ascii=False)


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
