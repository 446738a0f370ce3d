"""The keys of `rules:`, `defaults:` and `tests:`, with what each means.

Laws: one definition for the reader, for the JSON Schema and for editors. Whether a key was written,
and not only what its default is, decides how a rule and `defaults:` combine; that is done in `merge`.
"""

from typing import Annotated, Literal

from pydantic import Field, Tag

from corsproxy.config.quantities import Age
from corsproxy.config.sections import OneOrMany, Section, Text, described, text_or

__all__ = [
    "CookieKeys",
    "Defaults",
    "Denied",
    "PolicyTest",
    "RegexOrigin",
    "RequestKeys",
    "ResponseFields",
    "RuleKeys",
]


class RegexOrigin(Section):
    """An origin given as a regular expression."""

    regex: Text = described(
        "A regular expression (RE2 syntax, linear time) that must match the whole origin. Use single quotes in YAML.",
        [r"https://pr-[0-9]+\.example\.com"],
    )


Origin = Annotated[
    Annotated[Text, Tag("text")] | Annotated[RegexOrigin, Tag("mapping")],
    text_or("mapping", dict),
]


class CookieKeys(Section):
    """How Set-Cookie lines of the backend are rewritten, so that browsers send the cookies cross-site."""

    same_site: Literal["none", "lax", "strict"] | None = described(
        "The SameSite attribute to set; none needs secure: true.", default=None
    )
    secure: bool | None = described("Whether the cookie carries Secure.", default=None)
    partitioned: bool | None = described(
        "Whether the cookie carries Partitioned (CHIPS): one jar for each top-level site; needs secure: true.",
        default=None,
    )
    names: list[Text] = described("Only these cookies; without it, every cookie.", [["session"]], default=[])


class ResponseFields(Section):
    """Response fields other than CORS that the proxy sets or removes."""

    set: dict[Text, str] = described(
        "Fields to set on every response, replacing the backend's.",
        [{"Cross-Origin-Resource-Policy": "cross-origin"}],
        default={},
    )
    remove: list[Text] = described("Fields of the backend to remove.", [["X-Powered-By"]], default=[])


class Defaults(Section):
    """Rule keys that hold for every rule which does not write them itself."""

    path: OneOrMany | None = described(
        "Paths the rule is for: * within a segment, ** across segments. Compared with the percent-decoded path.",
        ["/api/**", ["/api/**", "/v2/**"]],
        default=None,
    )
    host: Text | None = described(
        "Only requests for this host, without a port, in lower case.", ["api.example.com"], default=None
    )
    allow_origins: list[Origin] | None = described(
        "Who may read: exact origins (scheme, host, port), https://*.example.com for any sub-domain, "
        'https://app-*-team.vercel.app within a label, http://localhost:* for any port, {regex: …}, or "*" alone for anyone.',
        [["https://app.example.com", "https://*.example.com"], ["*"]],
        default=None,
    )
    allow_methods: list[Text] = described(
        "Methods a page may use. GET, HEAD and POST always may, as in the Fetch standard.",
        [["GET", "POST", "PUT", "DELETE"]],
        default=[],
    )
    allow_headers: list[Text] = described(
        'Request headers a page may send, beyond the safelisted. "*" does not include Authorization: name it.',
        [["Authorization", "Content-Type"]],
        default=[],
    )
    expose_headers: list[Text] = described(
        "Response headers that scripts may read, beyond the safelisted.", [["X-Total-Count"]], default=[]
    )
    allow_credentials: bool = described(
        'Whether the page may send cookies and read the answer made with them. Never together with "*" as origin.',
        [True],
        default=False,
    )
    max_age: Age | None = described(
        "How long a browser may keep a preflight's answer; 0 and -1 are sent as they are; at most 24h.",
        ["10m", 0],
        default=None,
    )
    allow_private_network: bool = described(
        "Answer the legacy Access-Control-Request-Private-Network field of preflights.", default=False
    )
    preflight_status: Literal[200, 204] = described(
        "Status of a preflight's answer; 200 for old clients.", default=204
    )
    mode: Literal["enforce", "report"] = described(
        "report changes nothing and logs what enforce would have done.", default="enforce"
    )
    on_disallowed: Literal["strip", "block"] = described(
        "What becomes of a request from an origin that is not allowed: forwarded without CORS fields (strip), or answered "
        "with 403 before the backend is asked (block).",
        default="strip",
    )
    websocket: bool = described(
        "Check the Origin of WebSocket handshakes, for which browsers make no CORS check.", default=True
    )
    cookies: CookieKeys | None = described(
        "Rewrite the backend's cookies so that they work cross-site.",
        [{"same_site": "none", "secure": True}],
        default=None,
    )
    response_headers: ResponseFields | None = described(
        "Other response fields, such as Cross-Origin-Resource-Policy.",
        [{"remove": ["X-Powered-By"]}],
        default=None,
    )
    dangerously_allow_null_origin: bool = described(
        'Permit "null" in allow_origins. Any page can get the origin "null" with a sandboxed frame, so this is nearly "*". '
        "Logged as a warning at every start.",
        default=False,
    )
    dangerously_allow_insecure_origins: bool = described(
        "Permit http:// origins together with allow_credentials: true. Whoever is on the visitor's network can then act as "
        "that page and read with the visitor's cookies. Logged as a warning at every start.",
        default=False,
    )
    dangerously_allow_public_suffix: bool = described(
        "Permit a wildcard directly below a public suffix such as github.io, under which anyone can register a name. "
        "Logged as a warning at every start.",
        default=False,
    )


class RuleKeys(Defaults):
    """One rule. Rules are tried in order; the first whose path and host match decides."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = described(
        "Shown in logs, metrics and explanations; rule-1, rule-2 … where it is not given.",
        ["api"],
        default=None,
    )


class RequestKeys(Section):
    """A request as a page would make it."""

    origin: Text | None = described(
        "The page's origin; without it, the request is not CORS.", ["https://app.example.com"], default=None
    )
    method: Text = described("The method as the page spells it.", ["PUT"], default="GET")
    path: Text = described("The path that is asked for.", ["/api/users/1"], default="/")
    host: Text | None = described(
        "The host that is asked; without it, that of the first rule with this path.",
        ["api.example.com"],
        default=None,
    )
    headers: list[Text] = described(
        "Names of request headers that the page sets.", [["Authorization"]], default=[]
    )
    credentials: bool = described("Whether the page asks with credentials: 'include'.", default=False)
    websocket: bool = described("Whether the page opens a WebSocket instead.", default=False)


DeniedReason = Literal[
    "origin_not_allowed",
    "origin_null",
    "origin_malformed",
    "no_rule_for_path",
    "method_not_allowed",
    "method_case",
    "header_not_allowed",
    "authorization_not_listed",
    "client_sends_response_header",
    "credentials_not_allowed",
    "websocket_origin_not_allowed",
    "ambiguous_path",
]


class Denied(Section):
    """The page may not read the answer, and why."""

    denied: DeniedReason = described("The reason code of the refusal.", ["origin_not_allowed"])


class PolicyTest(Section):
    """A unit test of the policy: run by `corsproxy check` and before every load."""

    name: Text | None = described(
        "What the test is about, in words.", ["the app may send a token"], default=None
    )
    request: RequestKeys = described(
        "The request to judge.", [{"origin": "https://app.example.com", "path": "/api/users"}]
    )
    expect: Annotated[
        Annotated[Literal["allowed"], Tag("text")] | Annotated[Denied, Tag("mapping")],
        text_or("mapping", dict),
    ] = described("allowed, or {denied: reason}.", ["allowed", {"denied": "origin_not_allowed"}])
