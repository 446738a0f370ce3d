"""What would have to change for a refused request to come out allowed: in the rules, or in the page.

Laws: every step is asked of `judge` again, with the rules changed so far; nothing here decides. What is added
is the least that helps, and never `null`, a wildcard or a key that begins with `dangerously_`. Where the
page is wrong, no rule is changed. Whether a configuration may say it is for the floor above to try.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from corsproxy.cors.browser import BrowserRequest, Check, Step, Verdict, judge
from corsproxy.cors.origin import parse_origin
from corsproxy.cors.path import decode, path_faults
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.spelling import canonical_origin
from corsproxy.cors.vocabulary import Reason

__all__ = ["Remedy", "remedy"]

_MOST_STEPS = 8  # origin, path, method, credentials; and one for each header
_SHORT_OF = {
    "origins": "allow_origins",
    "allow_methods": "allow_methods",
    "allow_headers": "allow_headers",
    "allow_credentials": "allow_credentials",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to change. `page` is a sentence or two, or empty.

    `rule` is how the rule at `position` should read, None where no edit is right; a `position` after the
    last is a new rule. `keys` are the rule's keys that differ.
    """

    page: str = ""
    position: int = 0
    rule: Rule | None = None
    keys: tuple[str, ...] = ()


class _PageIsWrongError(Exception):
    """No rule should be changed; the argument says what to change instead."""


def remedy(rules: tuple[Rule, ...], public_origins: tuple[str, ...], request: BrowserRequest) -> Remedy:
    """Find the smallest change of one rule, or the one new rule, that lets a refused request through."""
    tried, position, page = list(rules), -1, ""
    for _ in range(_MOST_STEPS + len(request.headers)):
        verdict = judge(Policy.compile(tuple(tried), public_origins), request)
        if verdict.allowed:
            break
        try:
            if verdict.rule is None:
                position = len(tried)
                tried.append(_new_rule(verdict, request, rules))
            else:
                position = next(at for at, rule in enumerate(tried) if rule is verdict.rule)
                tried[position] = _mended(verdict.rule, verdict, request)
        except _PageIsWrongError as wrong:
            return Remedy(page=str(wrong))
        page = page or _beside(verdict)
    if position < 0:
        return Remedy()
    mended = tried[position]
    written = rules[position] if position < len(rules) else None
    changed = [
        key for name, key in _SHORT_OF.items() if written and getattr(written, name) != getattr(mended, name)
    ]
    return Remedy(page=page, position=position, rule=mended, keys=tuple(changed))


def _mended(rule: Rule, verdict: Verdict, request: BrowserRequest) -> Rule:
    step = _STEPS.get(verdict.reason)
    if step is None:
        raise _PageIsWrongError("")
    return step(rule, verdict.checks[-1], request)


def _new_rule(verdict: Verdict, request: BrowserRequest, rules: tuple[Rule, ...]) -> Rule:
    if verdict.reason is not Reason.NO_RULE_FOR_PATH:
        return _mended(Rule(name="", place="", paths=()), verdict, request)
    path = decode(request.path.partition("#")[0].partition("?")[0].encode()).decode("utf-8", "replace")
    if path_faults(path) or "*" in path:
        raise _PageIsWrongError("No rule has this path. Write one with a pattern that covers it.")
    host = request.host.rpartition(":")[0] or request.host
    has_hosts = bool(host) and any(rule.host for rule in rules)
    origins = Origins(exact=(_named(request),))
    return Rule(name="", place="", paths=(path,), host=host.lower() if has_hosts else None, origins=origins)


def _named(request: BrowserRequest) -> str:
    """Return the origin if it may be listed."""
    origin = request.origin or ""
    if origin == "null":
        raise _PageIsWrongError(
            "The page has the origin null: it is in a sandboxed frame, a file or a data: address, or was reached "
            "by a redirect from another origin. Serve it from an address of its own and list that. null names "
            "nobody; a rule can list it only with dangerously_allow_null_origin: true."
        )
    if parse_origin(origin.encode()) is None:
        meant = canonical_origin(origin)
        hint = f" It sends {meant}: ask again with that." if meant and meant != origin else ""
        raise _PageIsWrongError(f"No browser sends the origin {origin or '(empty)'}.{hint}")
    return origin


def _list_origin(rule: Rule, _check: Check, request: BrowserRequest) -> Rule:
    origins = replace(rule.origins, exact=(*rule.origins.exact, _named(request)))
    return replace(rule, origins=origins)


def _list_method(rule: Rule, check: Check, _request: BrowserRequest) -> Rule:
    method = check.subject
    if check.step is Step.SENDABLE:
        raise _PageIsWrongError(
            f"No browser sends the method {method or '(empty)'}: use another in the page."
        )
    if method != method.upper():
        raise _PageIsWrongError(
            f'Methods compare with case, and browsers send this one as the page spells it. Write "{method.upper()}" '
            "in the page, then ask again."
        )
    return replace(rule, allow_methods=(*rule.allow_methods, method))


def _list_header(rule: Rule, check: Check, request: BrowserRequest) -> Rule:
    name = check.subject
    if check.step is Step.SENDABLE:
        raise _PageIsWrongError(f"{name or '(empty)'} is no name for a header: mend it in the page.")
    spelled = next((written for written in request.headers if written.lower() == name), name)
    spelled = "-".join(map(str.capitalize, name.split("-"))) if spelled == name else spelled
    return replace(rule, allow_headers=(*rule.allow_headers, spelled))


def _allow_credentials(rule: Rule, _check: Check, request: BrowserRequest) -> Rule:
    if rule.origins.null:
        raise _PageIsWrongError(
            "The rule lists null, beside which credentials are never allowed. Ask without credentials, or give "
            "the paths that need them a rule of their own before this one."
        )
    origins = Origins(exact=(_named(request),)) if rule.origins.any else rule.origins
    return replace(rule, allow_credentials=True, origins=origins)


def _page_spells_method(_rule: Rule, check: Check, _request: BrowserRequest) -> Rule:
    method = check.subject
    raise _PageIsWrongError(
        f'Methods compare with case. In the page, write fetch(url, {{method: "{method.upper()}"}}), not "{method}".'
    )


def _page_sends_response_header(_rule: Rule, check: Check, _request: BrowserRequest) -> Rule:
    raise _PageIsWrongError(
        f"{check.subject} is a field of answers. Remove it from the headers that the page sends."
    )


def _page_path(_rule: Rule, _check: Check, _request: BrowserRequest) -> Rule:
    raise _PageIsWrongError(
        "Servers read this path in different ways. In the page, call it without dot segments, backslashes, NUL and "
        "empty segments, encoded ones too."
    )


def _page_origin(_rule: Rule, _check: Check, request: BrowserRequest) -> Rule:
    _named(request)
    raise _PageIsWrongError("No browser sends this origin.")


_STEPS: Mapping[Reason, Callable[[Rule, Check, BrowserRequest], Rule]] = MappingProxyType(
    {
        Reason.ORIGIN_NOT_ALLOWED: _list_origin,
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED: _list_origin,
        Reason.METHOD_NOT_ALLOWED: _list_method,
        Reason.HEADER_NOT_ALLOWED: _list_header,
        Reason.AUTHORIZATION_NOT_LISTED: _list_header,
        Reason.CREDENTIALS_NOT_ALLOWED: _allow_credentials,
        Reason.METHOD_CASE: _page_spells_method,
        Reason.CLIENT_SENDS_RESPONSE_HEADER: _page_sends_response_header,
        Reason.AMBIGUOUS_PATH: _page_path,
        Reason.ORIGIN_NULL: _page_origin,
        Reason.ORIGIN_MALFORMED: _page_origin,
    }
)


def _beside(verdict: Verdict) -> str:
    """What to know beside an edit."""
    if verdict.reason is not Reason.CREDENTIALS_NOT_ALLOWED:
        return ""
    if verdict.rule is not None and verdict.rule.origins.any:
        return (
            'If the page needs no cookies, leave credentials: "include" out of it instead: the edit ends '
            "the access of all other origins, because * counts for nothing with credentials."
        )
    return 'If the page needs no cookies, leave credentials: "include" out of it instead.'
