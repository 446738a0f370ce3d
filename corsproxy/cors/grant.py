"""The bytes that hand a response to a page, ready before any request comes.

Laws: Access-Control-Allow-Origin is `*` only where the rule says so, and then always; otherwise it is
the request's own bytes. With credentials there is no `*` in any field, as it would be a literal there.
https://fetch.spec.whatwg.org/#http-responses
"""

from dataclasses import dataclass

from corsproxy.cors.rule import Rule

__all__ = [
    "ALLOW_ORIGIN",
    "VARY_ORIGIN",
    "VARY_PREFLIGHT",
    "Grant",
    "credentials_line",
    "grant_to",
    "no_grant",
]

ALLOW_ORIGIN = b"Access-Control-Allow-Origin: "
VARY_ORIGIN = b"Vary: Origin\r\n"
VARY_PREFLIGHT = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
_EXPLANATION = (
    "Proxy-Status"  # says in our own errors what went wrong: https://www.rfc-editor.org/rfc/rfc9209
)


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """What one kind of answer carries: `forwarded` on the backend's responses, `own` on our errors.

    With `names_origin` these follow the request's origin; else they are whole lines.
    """

    names_origin: bool
    forwarded: bytes
    own: bytes

    def lines(self, origin: bytes | None) -> bytes:
        """Return the lines for a response of the backend, without Vary."""
        if self.names_origin and origin is not None:
            return ALLOW_ORIGIN + origin + self.forwarded
        return b"" if self.names_origin else self.forwarded

    def error_lines(self, origin: bytes | None) -> bytes:
        """Return the lines for a response that we make ourselves, Vary included."""
        if self.names_origin and origin is not None:
            return ALLOW_ORIGIN + origin + self.own
        return b"" if self.names_origin else self.own


def grant_to(rule: Rule, vary: bytes) -> Grant:
    """Compile what an allowed origin gets; `vary` is the line for our own answers."""
    tail = credentials_line(rule)
    exposed = [name for name in rule.expose_headers if name != "*" or not rule.allow_credentials]
    is_explained = any(name.lower() in {"*", _EXPLANATION.lower()} for name in exposed)
    explained = exposed if is_explained else [*exposed, _EXPLANATION]
    if rule.origins.any:
        head = ALLOW_ORIGIN + b"*\r\n"
        return Grant(False, head + tail + _expose(exposed), head + tail + _expose(explained))
    return Grant(True, b"\r\n" + tail + _expose(exposed), b"\r\n" + tail + _expose(explained) + vary)


def no_grant(vary: bytes) -> Grant:
    """Compile what an origin gets that is due nothing: no field but Vary."""
    return Grant(False, b"", vary)


def credentials_line(rule: Rule) -> bytes:
    """Return the Access-Control-Allow-Credentials line: exactly `true`, or none."""
    return b"Access-Control-Allow-Credentials: true\r\n" if rule.allow_credentials else b""


def _expose(names: list[str]) -> bytes:
    return f"Access-Control-Expose-Headers: {', '.join(names)}\r\n".encode("ascii") if names else b""
