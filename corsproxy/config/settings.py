"""Settings: what a good configuration comes to. Frozen, picklable, without a trace of YAML.

Laws: every duration is seconds as float, every size bytes as int, 0 means no limit where the key
allows it; nothing is optional that the rest would have to default again.
"""

from dataclasses import dataclass, field

from corsproxy.config.problem import Problem
from corsproxy.cors.rule import Rule

__all__ = [
    "Admin",
    "Candidate",
    "Endpoint",
    "Limits",
    "Log",
    "ServerTls",
    "Settings",
    "Source",
    "Timeouts",
    "Upstream",
    "UpstreamTls",
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen or connect: `host` and `port`, or the `path` of a unix socket (then host is "")."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM files, as absolute paths, to terminate TLS with on every TCP listener."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How the backend's certificate is judged: `ca` is a PEM file ("" = the system's), `server_name` "" = its host."""

    ca: str = ""
    server_name: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The one backend. `host` is "preserve", "upstream" or the literal Host value to send."""

    endpoint: Endpoint
    tls: UpstreamTls | None = None  # None: plain HTTP
    authority: str  # host[:port] of its URL, "localhost" for a unix socket
    host: str = "preserve"
    max_connections: int = 100
    max_queue: int = 1000
    idle_timeout: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The admin listener and the names, beside localhost and IP addresses, it answers to."""

    endpoint: Endpoint = Endpoint("127.0.0.1", 9901)
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """All in seconds."""

    client_header: float = 10.0
    client_body: float = 60.0
    client_idle: float = 60.0
    connect: float = 5.0
    upstream_response: float = 60.0
    upstream_idle_body: float = 60.0
    tunnel_idle: float = 3600.0
    drain: float = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes and counts; 0 is no limit."""

    header_bytes: int = 32 * 1024
    header_count: int = 128
    body_bytes: int = 0
    connections: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """`level` debug|info|warning|error; `format` json|text; `access` all|refused|off."""

    level: str = "info"
    format: str = "json"
    access: str = "refused"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the settings came from: a path or "command line", and the SHA-256 (hex) of its text."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A second policy, decided beside the one in force and never acted upon.

    `problems` are why it cannot be compared, and then there are no rules; `differs` names the other keys of its
    file that differ from the live file's, and that no request can be compared by.
    """

    source: Source
    rules: tuple[Rule, ...] = ()
    public_origins: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `run` needs. `warnings` are for the log at every start (dangerous keys and the like).

    `generation` counts the configurations that this service ran: 1 at the start, one more with every reload.
    """

    source: Source
    upstream: Upstream
    rules: tuple[Rule, ...]
    listen: tuple[Endpoint, ...] = (Endpoint("0.0.0.0", 8080),)  # noqa: S104 -- a sidecar's port is public
    workers: int = 1
    tls: ServerTls | None = None
    admin: Admin | None = field(default_factory=Admin)
    trusted_proxies: tuple[str, ...] = ()  # networks in CIDR form
    public_origins: tuple[str, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    candidate: Candidate | None = None
    tracing: str = "off"  # off | otel
    warnings: tuple[str, ...] = ()
    generation: int = 1
