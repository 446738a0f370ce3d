"""The slow, obvious twin of the policy.

Laws: rules are read top to bottom, nothing is prepared or remembered, nothing is shared with
`corsproxy.cors` but the vocabulary and the rule. `judge` says what has to become of a request; its
fields are for the message that the page would get: the preflight's answer, the forwarded response, or
our own error. List-valued fields are sets of lower-case (methods: exact) members, since order and
spelling carry nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS, Action, Kind, Reason

__all__ = [
    "ALWAYS_GRANTED",
    "PREFLIGHT_VARY",
    "SAFE_METHODS",
    "Fields",
    "Request",
    "Verdict",
    "judge",
    "origin_matches",
    "path_matches",
]

Fields: TypeAlias = Mapping[str, str | frozenset[str]]

SAFE_METHODS = frozenset({"GET", "HEAD", "POST"})
ALWAYS_GRANTED = frozenset({"accept", "accept-language", "content-language", "range"})
PREFLIGHT_VARY = frozenset({"origin", "access-control-request-method", "access-control-request-headers"})
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request's head, as far as CORS looks at it; satisfies the policy's `Asked`."""

    method: bytes = b"GET"
    path: bytes = b"/"
    origin: bytes | None = None
    request_method: bytes | None = None
    request_headers: bytes | None = None
    request_private_network: bool = False
    sec_fetch_site: bytes | None = None
    is_websocket: bool = False
    scheme: bytes = b"http"
    host: bytes = b"proxy.example"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What has to become of a request."""

    kind: Kind
    reason: Reason
    action: Action
    rule: Rule | None = None
    status: int = 0
    refused: bool = False
    strips: bool = True
    varies: bool = False
    fields: Fields = field(default_factory=dict)
    error_fields: Fields = field(default_factory=dict)
    would: "Verdict | None" = None


def judge(rules: tuple[Rule, ...], public_origins: tuple[str, ...], request: Request) -> Verdict:
    """Say what has to become of `request` under `rules`."""
    rule, reason = find_rule(rules, request)
    verdict = enforce(rule, reason, public_origins, request)
    if rule is None or not rule.report or verdict.status == 400:
        return verdict
    return Verdict(
        kind=verdict.kind,
        reason=verdict.reason,
        action=Action.FORWARD,
        rule=rule,
        refused=verdict.refused,
        strips=False,
        error_fields=verdict.error_fields,
        would=verdict,
    )


# -- which rule


def find_rule(rules: tuple[Rule, ...], request: Request) -> tuple[Rule | None, Reason]:
    path = unquote_to_bytes(request.path)
    if b"\\" in path or b"\0" in path or any(segment in {b".", b".."} for segment in path.split(b"/")):
        return None, Reason.AMBIGUOUS_PATH
    found = first_match(rules, path, request.host)
    if first_match(rules, re.sub(rb"/+", b"/", path), request.host) != found:
        return None, Reason.AMBIGUOUS_PATH  # some backends read empty segments away
    return found, Reason.NO_RULE_FOR_PATH


def first_match(rules: tuple[Rule, ...], path: bytes, host: bytes) -> Rule | None:
    for rule in rules:
        if not any(path_matches(pattern.encode(), path) for pattern in rule.paths):
            continue
        if rule.host is None or rule.host.lower() == host_without_port(host.decode("latin-1").lower()):
            return rule
    return None


def host_without_port(host: str) -> str:
    return re.sub(r":[0-9]*\Z", "", host)


def path_matches(pattern: bytes, path: bytes) -> bool:
    """`*` is anything within a segment, `**` anything; `/**` as a whole segment is also no segment at all."""
    if not pattern:
        return not path
    if pattern.startswith(b"/**") and pattern[3:4] in {b"", b"/"}:
        ends = [0] + [end for end in range(1, len(path) + 1) if path.startswith(b"/")]
        return any(path_matches(pattern[3:], path[end:]) for end in ends)
    if pattern.startswith(b"**"):
        return any(path_matches(pattern[2:], path[end:]) for end in range(len(path) + 1))
    if pattern.startswith(b"*"):
        segment = path.split(b"/")[0]
        return any(path_matches(pattern[1:], path[end:]) for end in range(len(segment) + 1))
    return path[:1] == pattern[:1] and path_matches(pattern[1:], path[1:])


# -- whose origin


def is_same_origin(public_origins: tuple[str, ...], request: Request, origin: str) -> bool:
    if request.sec_fetch_site == b"same-origin":
        return True
    scheme, host = request.scheme.decode("latin-1").lower(), request.host.decode("latin-1").lower()
    default = ":" + DEFAULT_PORTS[scheme]
    return origin in public_origins or origin == f"{scheme}://{host.removesuffix(default)}"


def is_list(origin: str) -> bool:
    """White space, or several origins with commas between them; a comma alone is legal in a host."""
    if " " in origin or "\t" in origin:
        return True
    return "," in origin and all(piece == "null" or "://" in piece for piece in origin.split(","))


def is_well_formed(origin: str) -> bool:
    """Whether a browser could have serialised it: `scheme://host` or `scheme://host:port`."""
    found = re.fullmatch(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::([1-9][0-9]{0,4}))?", origin)
    if found is None:
        return False
    scheme, host, port = found.groups()
    if any(
        not "!" <= character <= "~" or character in "#/<>?@\\^|%" or character.isupper() for character in host
    ):
        return False
    return port is None or (int(port) <= 65535 and DEFAULT_PORTS.get(scheme) != port)


def origin_matches(origins: Origins, origin: str) -> bool:
    """Whether one of the entries allows the origin."""
    if origins.any:
        return True
    if origin == "null":
        return origins.null
    if not is_well_formed(origin):
        return False
    return (
        origin in origins.exact
        or any(wildcard_matches(wildcard, origin) for wildcard in origins.wildcards)
        or any(re.fullmatch(regex, origin) for regex in origins.regexes)
    )


def wildcard_matches(wildcard: str, origin: str) -> bool:
    scheme, _, wanted = wildcard.partition("://")
    if not origin.startswith(scheme + "://"):
        return False
    host, port = split_port(origin[len(scheme) + 3 :])
    wanted_host, wanted_port = split_port(wanted)
    if wanted_port not in {"*", port}:
        return False
    labels, wanted_labels = host.split("."), wanted_host.split(".")
    if wanted_labels[0] == "*":
        taken = len(labels) - len(wanted_labels) + 1
        if taken < 1 or not all(re.fullmatch(r"[a-z0-9_-]+", label) for label in labels[:taken]):
            return False
        labels, wanted_labels = labels[taken:], wanted_labels[1:]
    return len(labels) == len(wanted_labels) and all(map(label_matches, wanted_labels, labels))


def label_matches(wanted: str, label: str) -> bool:
    pieces = [re.escape(piece) for piece in wanted.split("*")]
    return re.fullmatch("[a-z0-9_-]+".join(pieces), label) is not None


def split_port(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":")
    return (host, port) if colon and "]" not in port else (authority, "")


# -- what to do


def enforce(rule: Rule | None, reason: Reason, public_origins: tuple[str, ...], request: Request) -> Verdict:
    varies = rule is not None and not rule.origins.any
    always = (
        {"access-control-allow-origin": "*", **expose(rule)} if rule is not None and rule.origins.any else {}
    )
    always_error = error_grant(rule, "*") if rule is not None and rule.origins.any else {}
    if request.origin is None:
        return Verdict(
            kind=Kind.NOT_CORS,
            reason=Reason.NO_ORIGIN,
            action=Action.FORWARD,
            rule=rule,
            varies=varies,
            fields=always,
            error_fields=always_error,
        )
    origin = request.origin.decode("latin-1")
    kind = kind_of(request)
    if is_list(origin):
        return refuse(kind, Reason.ORIGIN_MALFORMED, rule, status=400)
    if is_same_origin(public_origins, request, origin):
        return Verdict(
            kind=Kind.SAME_ORIGIN,
            reason=Reason.SAME_ORIGIN,
            action=Action.FORWARD,
            rule=rule,
            varies=varies,
            fields=always,
            error_fields=always_error,
        )
    if rule is None:
        return not_allowed(kind, reason, None)
    if kind is Kind.WEBSOCKET and not rule.websocket:
        return Verdict(
            kind=kind,
            reason=Reason.ORIGIN_ALLOWED,
            action=Action.FORWARD,
            rule=rule,
            varies=varies,
            fields=always,
            error_fields=always_error,
        )
    if not origin_matches(rule.origins, origin):
        return not_allowed(kind, why_not(origin, kind), rule)
    if kind is Kind.PREFLIGHT:
        return answer(rule, origin, request)
    wrong = method_fault(rule, request.method.decode("latin-1")) if rule.block else None
    if wrong is not None:
        return refuse(kind, wrong, rule, fields=error_grant(rule, origin))
    return Verdict(
        kind=kind,
        reason=Reason.ORIGIN_ALLOWED,
        action=Action.FORWARD,
        rule=rule,
        varies=varies,
        fields=grant(rule, origin) | expose(rule),
        error_fields=error_grant(rule, origin),
    )


def kind_of(request: Request) -> Kind:
    if request.is_websocket:
        return Kind.WEBSOCKET
    if request.method == b"OPTIONS" and request.request_method is not None:
        return Kind.PREFLIGHT
    return Kind.ACTUAL


def why_not(origin: str, kind: Kind) -> Reason:
    if kind is Kind.WEBSOCKET:
        return Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED
    if origin == "null":
        return Reason.ORIGIN_NULL
    return Reason.ORIGIN_NOT_ALLOWED if is_well_formed(origin) else Reason.ORIGIN_MALFORMED


def not_allowed(kind: Kind, reason: Reason, rule: Rule | None) -> Verdict:
    if kind is Kind.ACTUAL and (rule is None or not rule.block):
        varies = rule is not None
        return Verdict(
            kind=kind, reason=reason, action=Action.FORWARD, rule=rule, refused=True, varies=varies
        )
    return refuse(kind, reason, rule)


def refuse(
    kind: Kind, reason: Reason, rule: Rule | None, *, status: int = 403, fields: Fields | None = None
) -> Verdict:
    return Verdict(
        kind=kind,
        reason=reason,
        action=Action.REFUSE,
        rule=rule,
        status=status,
        refused=True,
        varies=rule is not None and not rule.origins.any,
        fields=fields or {},
        error_fields=fields or {},
    )


def answer(rule: Rule, origin: str, request: Request) -> Verdict:
    method = (request.request_method or b"").decode("latin-1")
    headers = (request.request_headers or b"").decode("latin-1")
    wrong = method_fault(rule, method) or headers_fault(rule, headers)
    return Verdict(
        kind=Kind.PREFLIGHT,
        reason=wrong or Reason.ORIGIN_ALLOWED,
        action=Action.ANSWER,
        rule=rule,
        status=rule.preflight_status,
        refused=wrong is not None,
        varies=not rule.origins.any,
        fields=preflight_fields(rule, origin, method, headers, request),
        error_fields=error_grant(rule, origin),
    )


def method_fault(rule: Rule, method: str) -> Reason | None:
    if method in SAFE_METHODS or method in rule.allow_methods:
        return None
    if "*" in rule.allow_methods and TOKEN.fullmatch(method):
        return None
    if method.upper() in {allowed.upper() for allowed in (*rule.allow_methods, *SAFE_METHODS)}:
        return Reason.METHOD_CASE
    return Reason.METHOD_NOT_ALLOWED


def is_absurd(headers: str) -> bool:
    return len(headers) > 4096 or headers.count(",") > 256


def names(headers: str) -> list[str]:
    return [name.strip(" \t").lower() for name in headers.split(",") if name.strip(" \t")]


def is_header_allowed(rule: Rule, name: str) -> bool:
    if name in ALWAYS_GRANTED or name in {allowed.lower() for allowed in rule.allow_headers}:
        return True
    return "*" in rule.allow_headers and name != "authorization" and TOKEN.fullmatch(name) is not None


def headers_fault(rule: Rule, headers: str) -> Reason | None:
    if is_absurd(headers):
        return Reason.HEADER_NOT_ALLOWED
    for name in names(headers):
        if is_header_allowed(rule, name):
            continue
        if name == "authorization" and "*" in rule.allow_headers:
            return Reason.AUTHORIZATION_NOT_LISTED
        if name.encode("latin-1") in CORS_RESPONSE_FIELDS:
            return Reason.CLIENT_SENDS_RESPONSE_HEADER
        return Reason.HEADER_NOT_ALLOWED
    return None


# -- what to send


def grant(rule: Rule, origin: str) -> dict[str, str | frozenset[str]]:
    fields: dict[str, str | frozenset[str]] = {
        "access-control-allow-origin": "*" if rule.origins.any else origin,
    }
    if rule.allow_credentials:
        fields["access-control-allow-credentials"] = "true"
    return fields


def expose(rule: Rule | None) -> dict[str, str | frozenset[str]]:
    if rule is None or not rule.expose_headers:
        return {}
    return {"access-control-expose-headers": frozenset(name.lower() for name in rule.expose_headers)}


def error_grant(rule: Rule, origin: str) -> dict[str, str | frozenset[str]]:
    exposed = frozenset(name.lower() for name in rule.expose_headers) | {"proxy-status"}
    return grant(rule, origin) | {"access-control-expose-headers": exposed}


def preflight_fields(
    rule: Rule, origin: str, method: str, headers: str, request: Request
) -> dict[str, str | frozenset[str]]:
    """The safelisted methods and the four fields that are always granted count as said."""
    methods, allowed = set(rule.allow_methods), {name.lower() for name in rule.allow_headers}
    if rule.allow_credentials and "*" in methods:
        methods = methods - {"*"} | ({method} if TOKEN.fullmatch(method) else set())
    if rule.allow_credentials and "*" in allowed:
        asked = (
            set()
            if is_absurd(headers)
            else {name for name in names(headers) if is_header_allowed(rule, name)}
        )
        allowed = allowed - {"*"} | asked
    fields = grant(rule, origin) | {
        "access-control-allow-methods": frozenset(methods | SAFE_METHODS),
        "access-control-allow-headers": frozenset(allowed | ALWAYS_GRANTED),
    }
    if rule.max_age is not None:
        fields["access-control-max-age"] = str(rule.max_age)
    if rule.allow_private_network and request.request_private_network:
        fields["access-control-allow-private-network"] = "true"
    return fields
