"""The keys of the file: where to listen, the backend, limits, logs; and the file as a whole.

Laws: as in `rulekeys`. The defaults of values are those of `settings`; where a default is worked out
(`workers: auto`), the models only hold what was written.
"""

from typing import Annotated, Literal

from pydantic import Field, Tag

from corsproxy.config.codes import SILENCEABLE
from corsproxy.config.quantities import Duration, Size
from corsproxy.config.rulekeys import Defaults, PolicyTest, RuleKeys
from corsproxy.config.sections import OneOrMany, Section, Text, described, text_or

__all__ = [
    "AdminKeys",
    "FileKeys",
    "LimitKeys",
    "LogKeys",
    "ServerTlsKeys",
    "TimeoutKeys",
    "UpstreamKeys",
    "UpstreamTlsKeys",
]

# Any text for the reader, so that a check can say what is wrong with it; for editors, a choice.
WarningCode = Annotated[Text, Field(json_schema_extra={"enum": [str(code) for code in SILENCEABLE]})]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class ServerTlsKeys(Section):
    """The certificate to terminate TLS with."""

    certificate: Text = described(
        "PEM file with the certificate and its chain; relative to this file.", ["tls.crt"]
    )
    key: Text = described("PEM file with the private key; relative to this file.", ["tls.key"])


class UpstreamTlsKeys(Section):
    """How the backend's certificate is checked."""

    ca: Text | None = described(
        "PEM file of the authorities to trust instead of the system's.", ["ca.pem"], default=None
    )
    server_name: Text | None = described(
        "The name the certificate must carry, if not the URL's host.", default=None
    )
    verify: bool = described(
        "false accepts any certificate; logged as a warning at every start.", default=True
    )


class UpstreamKeys(Section):
    """The one backend."""

    url: Text = described(
        "Where it is: http://, https:// or unix:/path.", ["http://127.0.0.1:5000", "unix:/run/gunicorn.sock"]
    )
    host: Text = described(
        "The Host the backend sees: preserve (the client's), upstream (the URL's), or a literal value.",
        ["preserve", "upstream", "api.internal"],
        default="preserve",
    )
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = described(
        "Connections for each worker; more requests wait.", default=100
    )
    max_queue: Count = described("Requests that may wait for a connection; the next gets 503.", default=1000)
    idle_timeout: Duration = described(
        "How long an idle connection is kept; below the backend's own keep-alive, to lose the race for it rarely.",
        default=1.5,
    )
    tls: UpstreamTlsKeys | None = described(
        "Only with https://.", [{"ca": "ca.pem", "server_name": "api.internal"}], default=None
    )


class AdminKeys(Section):
    """The listener for health, metrics and status."""

    listen: Text = described(
        "Where it listens, or off. Never the public port.",
        ["127.0.0.1:9901", "off"],
        default="127.0.0.1:9901",
    )
    hosts: list[Text] = described("Names it may be called by, beside localhost and IP addresses.", default=[])


class TimeoutKeys(Section):
    """How long each step may take."""

    client_header: Duration = described("For a whole request head to arrive.", default=10.0)
    client_body: Duration = described("Between two pieces of a request's body.", default=60.0)
    client_idle: Duration = described("For the next request on a kept-alive connection.", default=60.0)
    connect: Duration = described("For a connection to the backend.", default=5.0)
    upstream_response: Duration = described("For the backend's response head.", default=60.0)
    upstream_idle_body: Duration = described("Between two pieces of a response's body.", default=60.0)
    tunnel_idle: Duration = described("Without a byte in either direction of a WebSocket.", default=3600.0)
    drain: Duration = described("For requests in flight when the proxy stops.", default=25.0)


class LimitKeys(Section):
    """How much is accepted; 0 is no limit."""

    header_bytes: Size = described("A whole request head.", default=32 * 1024)
    header_count: Count = described("Header lines of a request.", default=128)
    body_bytes: Size = described("A request's body.", default=0)
    connections: Count = described("Client connections for each worker.", default=10_000)


class LogKeys(Section):
    """What is logged, to standard output."""

    level: Literal["debug", "info", "warning", "error"] = described(
        "The least level that is written.", default="info"
    )
    format: Literal["json", "text"] = described("One JSON object a line, or text for people.", default="json")
    access: Literal["all", "refused", "off"] = described(
        "Which requests get a line: all, those that a browser will not hand to the page, or none.",
        default="refused",
    )


class FileKeys(Section):
    """A corsproxy configuration."""

    version: Literal[1] = described("The version of this format.", default=1)
    listen: OneOrMany = described(
        "Where to serve: host:port, [address]:port or unix:/path; one or a list.",
        ["0.0.0.0:8080", ["0.0.0.0:8080", "[::]:8080"], "unix:/run/corsproxy.sock"],
        default="0.0.0.0:8080",
    )
    workers: Annotated[
        Annotated[Literal["auto"], Tag("text")] | Annotated[int, Field(ge=1, le=256), Tag("number")],
        text_or("number", int),
    ] = described("Processes that share the port; auto is one for each core.", [1, "auto"], default=1)
    tls: ServerTlsKeys | None = described(
        "Terminate TLS on the TCP addresses of listen.",
        [{"certificate": "tls.crt", "key": "tls.key"}],
        default=None,
    )
    upstream: Annotated[
        Annotated[Text, Tag("text")] | Annotated[UpstreamKeys, Tag("mapping")],
        text_or("mapping", dict),
    ] = described("The backend: a URL, or a mapping with more.", ["http://127.0.0.1:5000"])
    admin: AdminKeys = described(
        "Health, metrics and status, on a listener of their own.",
        [{"listen": "127.0.0.1:9901"}],
        default=AdminKeys(),
    )
    trusted_proxies: list[Text] = described(
        "Networks whose X-Forwarded-* and Forwarded fields are believed.", [["10.0.0.0/8"]], default=[]
    )
    public_origins: list[Text] = described(
        "Our own origins, where TLS ends in front of us: requests from them are same-origin.",
        [["https://api.example.com"]],
        default=[],
    )
    timeouts: TimeoutKeys = described(
        "How long each step may take.", [{"client_body": "60s"}], default=TimeoutKeys()
    )
    limits: LimitKeys = described(
        "How much is accepted; 0 is no limit.", [{"body_bytes": "10MiB"}], default=LimitKeys()
    )
    log: LogKeys = described("What is logged.", [{"level": "info"}], default=LogKeys())
    tracing: Literal["off", "otel"] = described(
        "otel makes an OpenTelemetry span for each request; everything else is set by OTEL_* environment variables. "
        "Needs the extra: pip install 'corsproxy[otel]'.",
        default="off",
    )
    defaults: Defaults = described(
        "Rule keys that hold for every rule which does not write them itself.",
        [{"allow_methods": ["GET", "POST"]}],
        default=Defaults(),
    )
    rules: Annotated[list[RuleKeys], Field(min_length=1)] = described(
        "In order; the first whose path and host match decides.",
        [[{"path": "/**", "allow_origins": ["https://app.example.com"]}]],
    )
    candidate: Text | None = described(
        "Another configuration, relative to this file, whose rules are decided beside these and never acted upon: what "
        "it would change is counted and listed.",
        ["next.yaml"],
        default=None,
    )
    silence: list[WarningCode] = described(
        "Codes of warnings to say nothing of, neither in `corsproxy check` nor in the log. What a key that begins with "
        "dangerously_ causes is always said.",
        [["max_age_capped"]],
        default=[],
    )
    tests: list[PolicyTest] = described("The policy's own unit tests, run before every load.", default=[])
