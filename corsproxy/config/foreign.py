"""Keys that are not ours: what the same thing is called here.

Laws: tables only; a name is looked up without case, hyphens and underscores, so that `allowCredentials`,
`ALLOW_CREDENTIALS` and `allow-credentials` are one. Where nothing stands in the tables, the nearest
of our own names is offered, and where that key belongs.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from corsproxy.config.filekeys import (
    AdminKeys,
    FileKeys,
    LimitKeys,
    LogKeys,
    ServerTlsKeys,
    TimeoutKeys,
    UpstreamKeys,
    UpstreamTlsKeys,
)
from corsproxy.config.problem import KeyPath
from corsproxy.config.rulekeys import (
    CookieKeys,
    Defaults,
    Denied,
    PolicyTest,
    RegexOrigin,
    RequestKeys,
    ResponseFields,
    RuleKeys,
)
from corsproxy.config.sections import Section

__all__ = ["SECTIONS", "hint", "section_of"]

# Where each section stands, list positions left out.
SECTIONS: Mapping[tuple[str, ...], type[Section]] = {
    (): FileKeys,
    ("rules",): RuleKeys,
    ("rules", "allow_origins"): RegexOrigin,
    ("rules", "cookies"): CookieKeys,
    ("rules", "response_headers"): ResponseFields,
    ("defaults",): Defaults,
    ("defaults", "allow_origins"): RegexOrigin,
    ("defaults", "cookies"): CookieKeys,
    ("defaults", "response_headers"): ResponseFields,
    ("upstream",): UpstreamKeys,
    ("upstream", "tls"): UpstreamTlsKeys,
    ("tls",): ServerTlsKeys,
    ("admin",): AdminKeys,
    ("timeouts",): TimeoutKeys,
    ("limits",): LimitKeys,
    ("log",): LogKeys,
    ("tests",): PolicyTest,
    ("tests", "request"): RequestKeys,
    ("tests", "expect"): Denied,
}


@dataclass(frozen=True, slots=True)
class _Foreign:
    tool: str
    fix: str


_ORIGINS = "write allow_origins: [...] in a rule"
_ANY = 'write allow_origins: ["*"] in a rule, without allow_credentials'
_REGEX = "write allow_origins: [{regex: '...'}] in a rule; it must match the whole origin"
_CREDENTIALS = 'write allow_credentials in a rule whose origins are listed, for "*" cannot stand beside it'
_METHODS = "write allow_methods: [...] in a rule"
_HEADERS = "write allow_headers: [...] in a rule"
_EXPOSE = "write expose_headers: [...] in a rule"
_AGE = "write max_age in a rule"
_PRIVATE = "write allow_private_network in a rule"
_STATUS = "write preflight_status: 200 or 204 in a rule"
_RULES = "write one entry of rules: for each, with path: and allow_origins:"
_VARY = "remove it: Vary: Origin is sent wherever the answer depends on the origin"
_PREFLIGHT = "remove it: preflights are answered here, and every other OPTIONS goes to the backend"
_ALWAYS = "remove it: CORS fields are sent on every status, errors too"
_REPORT = "write mode: report in a rule"
_COOKIES = "write cookies: {same_site: none, secure: true} in a rule"

_TRACING = "write tracing: otel; where spans go and how many there are is set by OTEL_* environment variables"

_TABLE: tuple[tuple[str, str, str], ...] = (
    # key here, tool, its names
    (_ORIGINS, "Flask-CORS", "origins CORS_ORIGINS"),
    (_ORIGINS, "Express cors", "origin"),
    (_ORIGINS, "django-cors-headers", "CORS_ALLOWED_ORIGINS CORS_ORIGIN_WHITELIST"),
    (_ORIGINS, "Spring and rs/cors", "allowedOrigins allowedOriginPatterns"),
    (_ORIGINS, "Traefik", "accessControlAllowOriginList"),
    (_ORIGINS, "ingress-nginx", "cors-allow-origin"),
    (_ORIGINS, "the response field", "Access-Control-Allow-Origin"),
    (_ORIGINS, "other tools", "allow_origin allowed_origin whitelist origin_whitelist allow_list"),
    (_ANY, "articles about Flask-CORS", "allow_all_origins"),
    (_ANY, "django-cors-headers", "CORS_ALLOW_ALL_ORIGINS CORS_ORIGIN_ALLOW_ALL"),
    (_REGEX, "django-cors-headers", "CORS_ALLOWED_ORIGIN_REGEXES CORS_ORIGIN_REGEX_WHITELIST"),
    (_REGEX, "Starlette", "allow_origin_regex"),
    (_REGEX, "Envoy", "allow_origin_string_match"),
    (_REGEX, "Traefik", "accessControlAllowOriginListRegex"),
    (_REGEX, "rs/cors", "allowOriginFunc allowOriginRequestFunc allowOriginVaryRequestFunc"),
    (_CREDENTIALS, "Flask-CORS", "supports_credentials CORS_SUPPORTS_CREDENTIALS"),
    (_CREDENTIALS, "django-cors-headers", "CORS_ALLOW_CREDENTIALS"),
    (_CREDENTIALS, "Express cors and Kong", "credentials"),
    (_CREDENTIALS, "Spring, Envoy and rs/cors", "allowCredentials"),
    (_CREDENTIALS, "Traefik and the response field", "accessControlAllowCredentials"),
    (_CREDENTIALS, "ingress-nginx", "cors-allow-credentials"),
    (_CREDENTIALS, "fetch and XMLHttpRequest", "withCredentials"),
    (_METHODS, "Flask-CORS, Express cors and Kong", "methods CORS_METHODS"),
    (_METHODS, "django-cors-headers and ingress-nginx", "CORS_ALLOW_METHODS"),
    (_METHODS, "Spring and rs/cors", "allowedMethods"),
    (_METHODS, "Traefik and the response field", "accessControlAllowMethods"),
    (_HEADERS, "Flask-CORS and Kong", "headers"),
    (_HEADERS, "django-cors-headers and ingress-nginx", "CORS_ALLOW_HEADERS"),
    (_HEADERS, "Express cors, Spring and rs/cors", "allowedHeaders"),
    (_HEADERS, "Traefik and the response field", "accessControlAllowHeaders"),
    (_EXPOSE, "Kong, Express cors and Spring", "exposedHeaders"),
    (_EXPOSE, "Flask-CORS and django-cors-headers", "CORS_EXPOSE_HEADERS"),
    (_EXPOSE, "Traefik and the response field", "accessControlExposeHeaders"),
    (_AGE, "Flask-CORS and ingress-nginx", "CORS_MAX_AGE"),
    (_AGE, "django-cors-headers", "CORS_PREFLIGHT_MAX_AGE"),
    (_AGE, "Express cors, Spring and rs/cors", "maxAge"),
    (_AGE, "Traefik and the response field", "accessControlMaxAge"),
    (_PRIVATE, "Flask-CORS and django-cors-headers", "CORS_ALLOW_PRIVATE_NETWORK"),
    (_PRIVATE, "Spring and rs/cors", "allowPrivateNetwork"),
    (_PRIVATE, "Kong", "private_network"),
    (_STATUS, "Express cors and rs/cors", "optionsSuccessStatus"),
    (_RULES, "Flask-CORS", "resources CORS_RESOURCES resource"),
    (_RULES, "django-cors-headers", "CORS_URLS_REGEX"),
    (_RULES, "Spring", "mapping mappings corsConfigurations"),
    (_ANY + "; otherwise the request's own origin is sent", "Flask-CORS", "send_wildcard CORS_SEND_WILDCARD"),
    (_VARY, "Flask-CORS", "vary_header CORS_VARY_HEADER"),
    (_VARY, "Traefik", "addVaryHeader"),
    (_PREFLIGHT, "Flask-CORS", "automatic_options CORS_AUTOMATIC_OPTIONS"),
    (_PREFLIGHT, "Express cors and Kong", "preflightContinue"),
    (_PREFLIGHT, "rs/cors", "optionsPassthrough"),
    (_PREFLIGHT, "Envoy", "forward_not_matching_preflights"),
    (_ALWAYS, "Flask-CORS", "always_send CORS_ALWAYS_SEND intercept_exceptions CORS_INTERCEPT_EXCEPTIONS"),
    (_ALWAYS, "nginx", "always"),
    ("write silence: [...] at the top level", "linters", "ignore suppress noqa"),
    (_REPORT, "Envoy", "shadow_enabled"),
    (_REPORT, "other tools", "report_only dry_run"),
    (_TRACING, "nginx", "otel_trace otel_exporter"),
    (_TRACING, "other tools", "otel opentelemetry otlp jaeger zipkin"),
    (_COOKIES, "Flask", "SESSION_COOKIE_SAMESITE"),
    (_COOKIES, "other tools", "cookie_same_site"),
    ("write response_headers: {set: {...}} in a rule", "nginx", "add_header"),
    ("write response_headers: {remove: [...]} in a rule", "nginx", "proxy_hide_header more_clear_headers"),
    ("write upstream: http://...", "nginx", "proxy_pass"),
    ("write upstream: http://...", "other tools", "backend target upstreams service proxy_to origin_server"),
    ("write listen: 0.0.0.0:8080", "other tools", "bind port address addr"),
    ("write tls: {certificate: ..., key: ...}", "nginx", "ssl_certificate ssl_certificate_key ssl"),
    ("write trusted_proxies: [10.0.0.0/8]", "nginx and gunicorn", "set_real_ip_from forwarded_allow_ips"),
    ("write limits: {body_bytes: ...}", "nginx", "client_max_body_size"),
    ("write timeouts: {upstream_response: ...}", "nginx", "proxy_read_timeout timeout"),
)


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


_FOREIGN = {_plain(name): _Foreign(tool, fix) for fix, tool, names in _TABLE for name in names.split()}


def section_of(path: KeyPath) -> type[Section] | None:
    """Return the section that stands at a path, None where a value does."""
    return SECTIONS.get(tuple(key for key in path if isinstance(key, str)))


def hint(path: KeyPath, name: str) -> tuple[str, str]:
    """Say of a key that is unknown at `path` what it is, if that is known, and what to do instead."""
    section = section_of(path)
    here = list(section.model_fields) if section else []
    spelled = {_plain(key): key for key in here}.get(_plain(name))
    if spelled:
        return "", f"write {spelled}"
    foreign = _FOREIGN.get(_plain(name))
    if foreign is not None:
        return f"The name comes from {foreign.tool}.", foreign.fix
    if path[:1] != ("tests",) and (elsewhere := _elsewhere(name)) is not None:
        return "", elsewhere
    near = difflib.get_close_matches(name.lower(), here, n=1, cutoff=0.65)
    if near:
        return "", f"write {near[0]}"
    return "", f"remove it, or write one of: {', '.join(here)}"


def _elsewhere(name: str) -> str | None:
    """Say where a key of ours belongs that stands in the wrong place."""
    homes = [where for where, section in SECTIONS.items() if name in section.model_fields]
    if not homes:
        return None
    where = homes[0]
    if where == ():
        return f"move {name} to the top level of the file"
    if where[0] == "rules":
        return f"move {name} into {'.'.join(('a rule', *where[1:]))} (or into defaults)"
    return f"move {name} into {'.'.join(where)}"
