"""The YAML: rules with a comment on each line that says where it came from, and the report above them.

Laws: the text stands for itself, in the order in which it decides; where somebody has to fill something in, a comment says what.
Comments are one line each and printable, whatever the sources had in them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from corsproxy.bridges.flask.asking import single_quoted
from corsproxy.bridges.flask.findings import Finding
from corsproxy.bridges.flask.listening import Listening
from corsproxy.bridges.flask.origins import Entry
from corsproxy.bridges.flask.policies import Policy
from corsproxy.bridges.flask.rules import Draft

__all__ = ["PolicyCase", "as_yaml", "flow", "printable", "quoted"]

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./:*@-]*[A-Za-z0-9_/*-]|[A-Za-z/]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_NOBODY = "no CORS on this view"

PolicyCase = tuple[str, dict[str, object], str]  # name, request, and the reason of a denial or "" for allowed


def quoted(text: str) -> str:
    """Write a text as a YAML scalar."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return single_quoted(text)


def flow(values: Iterable[object]) -> str:
    """Write a list on one line."""
    return f"[{', '.join(quoted(str(value)) for value in values)}]"


def as_yaml(
    title: str,
    upstream: Listening,
    drafts: Sequence[Draft],
    findings: Sequence[Finding],
    cases: Sequence[PolicyCase],
) -> str:
    """Write the whole file."""
    lines = [f"# {title}", "", _line(f"upstream: {quoted(upstream.url)}", upstream.comment), "", "rules:"]
    lines[1:1] = _report(findings)
    for number, draft in enumerate(drafts):
        lines += [""] if number else []
        lines += _rule(draft)
    if cases:
        lines += ["", "tests:"]
        lines += [line for case in cases for line in _case(case)]
    return "\n".join(lines) + "\n"


def _report(findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    for is_loss, head in ((True, "Not carried over as it was:"), (False, "Good to know:")):
        told = [finding for finding in findings if finding.is_loss is is_loss]
        if told:
            lines += ["#", f"# {head}"]
            lines += [f"#   {printable(line)}" for finding in told for line in str(finding).splitlines()]
    return lines


def printable(text: str) -> str:
    """Replace what could steer a terminal, or end a comment."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _line(text: str, comment: str) -> str:
    return f"{text}  # {printable(' '.join(comment.split()))}" if comment else text


def _rule(draft: Draft) -> list[str]:
    lines = [f"  - name: {quoted(draft.name)}"]
    if len(draft.paths) == 1:
        ((path, comment),) = draft.paths.items()
        lines.append(_line(f"    path: {quoted(path)}", comment))
    else:
        lines.append("    path:")
        lines += [_line(f"      - {quoted(path)}", comment) for path, comment in draft.paths.items()]
    if draft.policy is None:
        return [*lines, _line("    allow_origins: []", _NOBODY)]
    return [*lines, *_origins(draft.policy), *_keys(draft.policy)]


def _origins(policy: Policy) -> Iterator[str]:
    missing = [f"      # FILL IN: {printable(text)}" for text in policy.origins.missing]
    if not policy.origins.entries:
        yield _line(
            "    allow_origins: []",
            "nobody, until you fill it in" if missing else f"{policy.place} {policy.said}",
        )
        yield from missing
        return
    if [entry.text for entry in policy.origins.entries] == ["*"]:
        yield _line("    allow_origins: ['*']", policy.origins.entries[0].comment)
    else:
        yield "    allow_origins:"
        yield from (_line(f"      - {_entry(entry)}", entry.comment) for entry in policy.origins.entries)
    yield from missing


def _entry(entry: Entry) -> str:
    return f"regex: {single_quoted(entry.text)}" if entry.is_regex else quoted(entry.text)


def _keys(policy: Policy) -> Iterator[str]:
    yield _line(f"    allow_methods: {flow(policy.methods)}", policy.method_comment)
    yield _line(f"    allow_headers: {flow(policy.headers)}", policy.header_comment)
    for key in policy.keys:
        value = flow(key.value) if isinstance(key.value, list) else str(key.value).lower()
        yield _line(f"    {key.name}: {value}", key.comment)


def _case(case: PolicyCase) -> Iterator[str]:
    name, request, denied = case
    parts = []
    for key, value in request.items():
        shown = flow(value) if isinstance(value, list) else "true" if value is True else quoted(str(value))
        parts.append(f"{key}: {shown}")
    yield f"  - name: {quoted(name)}"
    yield f"    request: {{{', '.join(parts)}}}"
    yield f"    expect: {{denied: {denied}}}" if denied else "    expect: allowed"
