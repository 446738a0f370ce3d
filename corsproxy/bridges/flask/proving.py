"""What the loader says of what is about to be written, and entries of `tests:` that show that it holds.

Laws: nothing is written that `corsproxy check` refuses, and check itself is who says so: the same loader, asked entry by entry, and
once more for the whole text.
"""

import functools
import hashlib
from collections.abc import Iterator, Sequence

from corsproxy.bridges.flask.document import PolicyCase, single_quoted
from corsproxy.bridges.flask.origins import Entry, admitted
from corsproxy.bridges.flask.rules import Draft
from corsproxy.config.load import Loaded, settings_of
from corsproxy.config.problem import ConfigError, Problem
from corsproxy.config.source import Text
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.policy import Policy

__all__ = ["cases_for", "load_text", "problems_with"]

_STRANGER = "https://evil.example"


def load_text(text: str, name: str = "corsproxy.yaml") -> Loaded:
    """Load a text as `corsproxy check` would; raises ConfigError."""
    return settings_of(Text(name, text, hashlib.sha256(text.encode()).hexdigest()), {})


def problems_with(entry: Entry, credentials: bool) -> Sequence[Problem]:
    """Return what `corsproxy check` says against one entry of `allow_origins`."""
    return _problems(entry.text, entry.is_regex, credentials)


@functools.lru_cache(maxsize=4096)
def _problems(text: str, is_regex: bool, credentials: bool) -> Sequence[Problem]:
    shown = single_quoted(text)
    written = (
        "upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n"
        f"    allow_credentials: {str(credentials).lower()}\n"
        f"    allow_origins: [{{regex: {shown}}}]\n"
        if is_regex
        else "upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n"
        f"    allow_credentials: {str(credentials).lower()}\n"
        f"    allow_origins: [{shown}]\n"
    )
    try:
        load_text(written)
    except ConfigError as refused:
        return refused.problems
    return ()


def cases_for(drafts: Sequence[Draft], loaded: Loaded) -> Iterator[PolicyCase]:
    """Yield a request for each rule that it lets through, or one that it refuses."""
    policy = Policy.compile(loaded.settings.rules, ())
    for draft in drafts:
        found = _allowed(draft, policy) or _denied(draft, policy)
        if found is not None:
            yield found


def _paths(draft: Draft) -> Iterator[str]:
    for glob in draft.paths:
        for filling in ("x", "1"):
            segments = [
                filling if segment == "**" else segment.replace("*", filling)
                for segment in glob[1:].split("/")
            ]
            yield "/" + "/".join(segments)


def _allowed(draft: Draft, policy: Policy) -> PolicyCase | None:
    written = draft.policy
    if written is None or not written.origins.entries:
        return None
    first = written.origins.entries[0]
    origins = ["https://anybody.example"] if first.text == "*" else admitted([first])
    method = next((method for method in ("PUT", "DELETE", "PATCH") if method in written.methods), "GET")
    headers = [name for name in written.headers if name != "*"][:1]
    credentials = written.has_credentials
    for path in _paths(draft):
        for origin in origins[:1]:
            asked = BrowserRequest(
                origin=origin, method=method, path=path, headers=tuple(headers), credentials=credentials
            )
            verdict = judge(policy, asked)
            if verdict.allowed and verdict.rule is not None and verdict.rule.name == draft.name:
                request: dict[str, object] = {"origin": origin, "method": method, "path": path}
                request |= {"headers": headers} if headers else {}
                request |= {"credentials": True} if credentials else {}
                return f"{draft.name}: allowed", request, ""
    return None


def _denied(draft: Draft, policy: Policy) -> PolicyCase | None:
    for path in _paths(draft):
        verdict = judge(policy, BrowserRequest(origin=_STRANGER, path=path))
        if not verdict.allowed and verdict.rule is not None and verdict.rule.name == draft.name:
            return f"{draft.name}: nobody else", {"origin": _STRANGER, "path": path}, str(verdict.reason)
    return None
