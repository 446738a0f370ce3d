"""Methods, field names and values, cookies: what HTTP and the Fetch standard let a rule say.

Laws: methods compare with case, field names without; a name that a browser would never ask for, or
that would undo the policy itself, is refused or warned about, never dropped.
"""

import re
from collections.abc import Mapping, Sequence

from corsproxy.config.findings import Findings
from corsproxy.config.problem import Code, KeyPath
from corsproxy.config.rulekeys import CookieKeys, ResponseFields
from corsproxy.cors.browser import is_forbidden
from corsproxy.cors.rule import Cookies
from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS, FORBIDDEN_METHODS

__all__ = [
    "is_token",
    "read_cookies",
    "read_exposed",
    "read_methods",
    "read_request_fields",
    "read_response_fields",
    "warn_repeated",
]

# RFC 9110, 5.6.2: token = 1*tchar
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, 5.5: field-content, without white space at the ends
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")

_METHODS = frozenset(
    [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "OPTIONS",
        "PATCH",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "REPORT",
        "SEARCH",
        "PURGE",
        "CONNECT",
        "TRACE",
        "TRACK",
        "LINK",
        "UNLINK",
        "QUERY",
    ]
)
_HOP_BY_HOP = "RFC 9110 has the proxy make this field anew for each connection."
_KEPT: Mapping[str, str] = {
    **dict.fromkeys(
        (name.decode() for name in CORS_RESPONSE_FIELDS), "the rule's own keys make the CORS fields."
    ),
    **dict.fromkeys(
        [
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "content-length",
            "http2-settings",
        ],
        _HOP_BY_HOP,
    ),
    "vary": "Vary: Origin is what keeps caches from mixing up the answers.",
    "date": "the backend's own is passed on as it is.",
    "set-cookie": "cookies are rewritten with cookies:, each line on its own.",
}


def warn_repeated(entries: Sequence[str], path: KeyPath, findings: Findings) -> None:
    """Warn about what stands in a list again; texts that mean the same must come in one spelling."""
    seen: set[str] = set()
    for at, entry in enumerate(entries):
        if entry in seen:
            what = f"{entry} stands in this list already."
            findings.warn((*path, at), what, fix="remove it, or write what was meant", code=Code.REPEATED)
        seen.add(entry)


def is_token(text: str) -> bool:
    """Tell whether a text is an HTTP token, as methods and field names are."""
    return _TOKEN.fullmatch(text) is not None


def read_methods(methods: Sequence[str], path: KeyPath, findings: Findings) -> None:
    """Judge `allow_methods`."""
    warn_repeated(methods, path, findings)
    for at, method in enumerate(methods):
        here = (*path, at)
        if not is_token(method):
            fix = (
                f"write [{', '.join(re.split('[, ]+', method.strip()))}]"
                if "," in method
                else "write it as in GET"
            )
            findings.refuse(here, f'"{method}" is not a method.', fix=fix, code=Code.METHOD)
        elif method.upper().encode() in FORBIDDEN_METHODS:
            findings.refuse(
                here,
                f"{method} can never be allowed.",
                why="the Fetch standard forbids pages to send it.",
                fix="remove it",
                code=Code.METHOD,
            )
        elif method.upper() in _METHODS and method != method.upper():
            findings.refuse(
                here,
                f"{method} is not {method.upper()}: methods compare with case.",
                fix=f"write {method.upper()}",
                code=Code.METHOD,
            )


def read_request_fields(names: Sequence[str], path: KeyPath, findings: Findings) -> None:
    """Judge `allow_headers`."""
    warn_repeated([name.lower() for name in names], path, findings)
    for at, name in enumerate(names):
        here, lower = (*path, at), name.lower()
        if not _is_name(name, here, findings):
            continue
        if lower.encode() in CORS_RESPONSE_FIELDS:
            findings.warn(
                here,
                f"{name} is a field of answers; no request should carry it.",
                fix="remove it here, and in the page that sends it",
                code=Code.CLIENT_SENDS_RESPONSE_HEADER,
            )
        elif is_forbidden(lower.encode()):
            fix = "for cookies write allow_credentials: true" if lower.startswith("cookie") else "remove it"
            findings.warn(
                here,
                f"{name} cannot be set by a page, so none ever asks for it.",
                fix=fix,
                code=Code.HEADER_NEVER_SENT,
            )
        elif "_" in name:
            findings.warn(
                here,
                f"{name} is granted, and then not passed on to the backend: it has an underscore.",
                why="WSGI cannot tell X_User from X-User, so one could pass for the other.",
                fix=f"write {name.replace('_', '-')} here and in the page; a Flask app reads either by that name",
                code=Code.HEADER_NOT_FORWARDED,
            )
    if "*" in names and not any(name.lower() == "authorization" for name in names):
        findings.warn(
            (*path, list(names).index("*")),
            '"*" does not include Authorization, as in the Fetch standard.',
            fix='name it if pages send tokens: ["*", Authorization]',
            code=Code.AUTHORIZATION_NOT_LISTED,
        )


def read_exposed(names: Sequence[str], path: KeyPath, findings: Findings, *, credentials: bool) -> None:
    """Judge `expose_headers`."""
    warn_repeated([name.lower() for name in names], path, findings)
    for at, name in enumerate(names):
        here = (*path, at)
        if not _is_name(name, here, findings):
            continue
        if name.lower() in {"set-cookie", "set-cookie2"}:
            findings.refuse(
                here,
                f"{name} can never be exposed.",
                why="browsers hide cookies from scripts' view of an answer, whatever it says.",
                fix="remove it; cookies are stored all the same with allow_credentials: true",
                code=Code.FIELD_NAME,
            )
        elif name == "*" and credentials:
            findings.refuse(
                here,
                '"*" exposes nothing where credentials are allowed.',
                why="with credentials browsers take it for a field named *.",
                fix="name the fields",
                code=Code.FIELD_NAME,
            )


def _is_name(name: str, path: KeyPath, findings: Findings) -> bool:
    if is_token(name):
        return True
    fix = "write the name alone, as in X-Total-Count"
    if "," in name:
        fix = f"write [{', '.join(part.strip() for part in name.split(','))}]"
    elif ":" in name:
        fix = f"write {name.partition(':')[0].strip()}"
    findings.refuse(path, f'"{name}" is not the name of a field.', fix=fix, code=Code.FIELD_NAME)
    return False


def read_response_fields(
    fields: ResponseFields, path: KeyPath, findings: Findings
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Judge `response_headers`; return what is set and what is removed."""
    seen: set[str] = set()
    for name, value in fields.set.items():
        here = (*path, "set", name)
        _is_settable(name, here, seen, findings)
        if not _VALUE.fullmatch(value):
            what = "The value has a control character, a blank at an end, or a character beyond Latin-1."
            findings.refuse(here, what, fix="write plain text on one line", code=Code.FIELD_VALUE)
    for at, name in enumerate(fields.remove):
        _is_settable(name, (*path, "remove", at), seen, findings)
    return tuple(fields.set.items()), tuple(fields.remove)


def _is_settable(name: str, path: KeyPath, seen: set[str], findings: Findings) -> None:
    if not _is_name(name, path, findings):
        return
    lower = name.lower()
    if lower in _KEPT:
        what = f"{name} cannot be set or removed here."
        findings.refuse(path, what, why=_KEPT[lower], fix="remove it", code=Code.FIELD_NAME)
    if lower in seen:
        what = f"{name} stands here twice; field names compare without case."
        findings.refuse(path, what, fix="keep one", code=Code.DUPLICATE)
    seen.add(lower)


_SAME_SITE = {"none": "None", "lax": "Lax", "strict": "Strict", None: None}


def read_cookies(cookies: CookieKeys, path: KeyPath, findings: Findings, *, credentials: bool) -> Cookies:
    """Judge `cookies`."""
    warn_repeated(cookies.names, (*path, "names"), findings)
    for at, name in enumerate(cookies.names):
        if not is_token(name):
            what = f'"{name}" is not the name of a cookie.'
            findings.refuse((*path, "names", at), what, fix="write the name alone", code=Code.FIELD_NAME)
    needs = [
        key
        for key, needed in (("same_site", cookies.same_site == "none"), ("partitioned", cookies.partitioned))
        if needed
    ]
    if needs and cookies.secure is not True:
        findings.refuse(
            (*path, needs[0]),
            "This needs secure: true beside it.",
            why="browsers drop a cookie that is SameSite=None or Partitioned without Secure.",
            fix="add secure: true",
            code=Code.CONFLICT,
        )
    if cookies.same_site is None and cookies.secure is None and cookies.partitioned is None:
        findings.refuse(
            path, "This changes nothing.", fix="write same_site, secure or partitioned", code=Code.EMPTY_VALUE
        )
    if cookies.same_site == "none" and not credentials:
        findings.warn(
            path,
            "Pages on other origins cannot send these cookies: the rule does not allow credentials.",
            fix="write allow_credentials: true, or remove cookies",
            code=Code.COOKIES_WITHOUT_CREDENTIALS,
        )
    return Cookies(
        same_site=_SAME_SITE[cookies.same_site],
        secure=cookies.secure,
        partitioned=cookies.partitioned,
        names=tuple(cookies.names),
    )
