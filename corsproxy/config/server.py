"""Everything of Settings that is not a rule: listeners, backend, TLS files, trust, limits.

Laws: files that TLS needs are read now, so that a missing key is told at once and not to the first
client; their paths are relative to the configuration's own folder.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from corsproxy.config.addresses import (
    BadAddress,
    clash,
    name_fault,
    read_endpoint,
    read_network,
    read_url,
)
from corsproxy.config.certificates import authority_end, authority_fault, pair_end, pair_fault, reading_fault
from corsproxy.config.extras import TRACING_NEEDS, missing
from corsproxy.config.filekeys import FileKeys, UpstreamKeys, UpstreamTlsKeys
from corsproxy.config.findings import Findings
from corsproxy.config.names import warn_repeated
from corsproxy.config.problem import Code, KeyPath
from corsproxy.config.processors import usable
from corsproxy.config.settings import (
    Admin,
    Endpoint,
    Limits,
    Log,
    ServerTls,
    Settings,
    Source,
    Timeouts,
    Upstream,
    UpstreamTls,
)
from corsproxy.cors.rule import Rule
from corsproxy.cors.spelling import canonical_origin, origin_faults

__all__ = ["read_server"]

Read = TypeVar("Read")

_AUTHORITY = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII
)
_MAY_BE_ZERO = frozenset({"drain"})
_SMALLEST_HEAD = 1024


def read_server(
    keys: FileKeys, folder: Path, findings: Findings, *, source: Source, rules: tuple[Rule, ...]
) -> Settings:
    """Check everything else and put all together; only to be used where nothing was refused.

    `folder` is what relative paths start from.
    """
    reader = _ServerReader(folder, findings)
    listen = reader.listen(keys.listen)
    admin = reader.admin(keys, listen)
    return Settings(
        source=source,
        rules=rules,
        listen=listen,
        workers=keys.workers if isinstance(keys.workers, int) else usable(),
        tls=reader.tls(keys, listen),
        upstream=reader.upstream(keys.upstream, listen, admin),
        admin=admin,
        trusted_proxies=reader.networks(keys.trusted_proxies),
        public_origins=reader.public_origins(keys.public_origins),
        timeouts=reader.timeouts(keys),
        limits=reader.limits(keys),
        log=Log(level=keys.log.level, format=keys.log.format, access=keys.log.access),
        tracing=reader.tracing(keys.tracing),
    )


def _is_here(backend: Endpoint, listen: Endpoint) -> bool:
    """Tell whether who connects to the backend surely reaches our own listener: on loopback, or by the same text."""
    if backend.path or listen.path:
        return backend.path == listen.path
    host = "127.0.0.1" if backend.host == "localhost" else backend.host
    is_loopback = host == "::1" or host.startswith("127.")
    return (is_loopback or host == listen.host) and clash(Endpoint(host, backend.port), listen)


class _ServerReader:
    def __init__(self, folder: Path, findings: Findings) -> None:
        self._folder = folder
        self._findings = findings

    def listen(self, written: str | Sequence[str]) -> tuple[Endpoint, ...]:
        texts = [written] if isinstance(written, str) else written
        found: list[Endpoint] = []
        for at, text in enumerate(texts):
            path: KeyPath = ("listen",) if isinstance(written, str) else ("listen", at)
            endpoint = self._read(read_endpoint, text, path, Code.ADDRESS)
            other = next((one for one in found if endpoint and clash(one, endpoint)), None)
            if other is not None:
                what = f"{text} cannot be listened on beside {other}."
                self._findings.refuse(path, what, fix="remove one of the two", code=Code.DUPLICATE)
            if endpoint:
                found.append(endpoint)
        return tuple(found)

    def admin(self, keys: FileKeys, listen: Sequence[Endpoint]) -> Admin | None:
        warn_repeated([host.lower() for host in keys.admin.hosts], ("admin", "hosts"), self._findings)
        for at, host in enumerate(keys.admin.hosts):
            if not _AUTHORITY.fullmatch(host) or re.search(r":[0-9]+$", host):
                self._findings.refuse(
                    ("admin", "hosts", at),
                    f'"{host}" is not a host name.',
                    fix="write the name alone, without scheme and port",
                    code=Code.HOST,
                )
        if keys.admin.listen == "off":
            return None
        path: KeyPath = ("admin", "listen")
        endpoint = self._read(read_endpoint, keys.admin.listen, path, Code.ADDRESS)
        if endpoint is None:
            return None
        taken = next((one for one in listen if clash(one, endpoint)), None)
        if taken is not None:
            self._findings.refuse(
                path,
                f"{endpoint} cannot be listened on beside {taken}, where clients are served.",
                why="metrics and status are never on the public port.",
                fix="write another port, or off",
                code=Code.CONFLICT,
            )
        return Admin(endpoint=endpoint, hosts=tuple(host.lower() for host in keys.admin.hosts))

    def upstream(
        self, written: str | UpstreamKeys, listen: Sequence[Endpoint], admin: Admin | None
    ) -> Upstream:
        keys = UpstreamKeys(url=written) if isinstance(written, str) else written
        path: KeyPath = ("upstream",) if isinstance(written, str) else ("upstream", "url")
        url = self._read(read_url, keys.url, path, Code.URL)
        if url is not None and any(_is_here(url.endpoint, one) for one in listen):
            what = f"{keys.url} is where clients are served: each request would come back here."
            fix = "write the backend's own address, or have one of the two listen elsewhere"
            self._findings.refuse(path, what, fix=fix, code=Code.CONFLICT)
        elif url is not None and admin is not None and _is_here(url.endpoint, admin.endpoint):
            what = f"{keys.url} is admin.listen, the proxy's own."
            why = "metrics and status are never on the public port."
            self._findings.refuse(
                path, what, why=why, fix="write the backend's own address", code=Code.CONFLICT
            )
        if keys.host not in {"preserve", "upstream"} and not _AUTHORITY.fullmatch(keys.host):
            what = f'"{keys.host}" is not a host.'
            fix = "write preserve, upstream, or a host as in api.internal:8080"
            self._findings.refuse(("upstream", "host"), what, fix=fix, code=Code.HOST)
        if keys.tls is not None and url is not None and not url.is_tls:
            what = f"{keys.url} is reached without TLS, so this says nothing."
            fix = "write https:// in url, or remove tls"
            self._findings.refuse(("upstream", "tls"), what, fix=fix, code=Code.CONFLICT)
        self._positive(keys.idle_timeout, ("upstream", "idle_timeout"))
        return Upstream(
            endpoint=url.endpoint if url else Endpoint(),
            tls=self._upstream_tls(keys.tls or UpstreamTlsKeys()) if url and url.is_tls else None,
            authority=url.authority if url else "",
            host=keys.host,
            max_connections=keys.max_connections,
            max_queue=keys.max_queue,
            idle_timeout=keys.idle_timeout,
        )

    def _upstream_tls(self, keys: UpstreamTlsKeys) -> UpstreamTls:
        path: KeyPath = ("upstream", "tls")
        if not keys.verify:
            self._findings.warn(
                (*path, "verify"),
                "The backend's certificate is not checked.",
                why="whoever is between the proxy and the backend can read and change everything.",
                fix="give ca: the authority that signed it",
                code=Code.UPSTREAM_UNVERIFIED,
            )
        ca = self._file(keys.ca, (*path, "ca")) if keys.ca else ""
        if ca:
            self._judge_file(
                authority_fault(ca),
                lambda: authority_end(ca),
                (*path, "ca"),
                why="no certificate of the backend will be accepted.",
                fix="give the authority that signs the backend's certificate today",
            )
        self._server_name(keys.server_name, (*path, "server_name"))
        return UpstreamTls(ca=ca, server_name=keys.server_name or "", verify=keys.verify)

    def _server_name(self, name: str | None, path: KeyPath) -> None:
        if name is None:
            return
        fault = "" if _AUTHORITY.fullmatch(name) else "it is not written as a name is"
        if fault := fault or (name_fault(name) if ":" not in name else ""):
            what = f'"{name}" is not a host name: {fault}.'
            self._findings.refuse(path, what, fix="write it as in api.internal", code=Code.HOST)

    def tls(self, keys: FileKeys, listen: Sequence[Endpoint]) -> ServerTls | None:
        if keys.tls is None:
            return None
        if listen and all(endpoint.path for endpoint in listen):
            what = "TLS is for TCP addresses, and listen has none."
            self._findings.refuse(
                ("tls",), what, fix="remove tls, or listen on host:port", code=Code.CONFLICT
            )
        certificate = self._file(keys.tls.certificate, ("tls", "certificate"))
        key = self._file(keys.tls.key, ("tls", "key"))
        if certificate and key:
            self._judge_file(
                pair_fault(certificate, key),
                lambda: pair_end(certificate, key),
                ("tls",),
                why="clients refuse a certificate that is not valid when they connect.",
                fix="renew it; the new files are taken without a restart",
            )
        return ServerTls(certificate=certificate, key=key)

    def _file(self, written: str, path: KeyPath) -> str:
        """Return the absolute path of a file that can be read, "" where it cannot."""
        file = Path(os.path.normpath(self._folder.absolute() / written))
        if reason := reading_fault(file):
            fix = "check the path (it is relative to the configuration's folder) and who may read it"
            self._findings.refuse(path, f"{file} cannot be read: {reason}.", fix=fix, code=Code.TLS_FILE)
            return ""
        return str(file)

    def _judge_file(self, fault: str, end: Callable[[], str], path: KeyPath, *, why: str, fix: str) -> None:
        """Refuse what cannot be used; warn with `why` and `fix` of what has ended, or is about to."""
        if fault:
            pem = "give PEM files: the certificate with its chain, and the key that belongs to it, without a password"
            self._findings.refuse(path, f"OpenSSL does not take this: {fault}.", fix=pem, code=Code.TLS_FILE)
        elif what := end():
            self._findings.warn(path, what, why=why, fix=fix, code=Code.TLS_VALIDITY)

    def networks(self, written: Sequence[str]) -> tuple[str, ...]:
        warn_repeated(written, ("trusted_proxies",), self._findings)
        found = []
        for at, text in enumerate(written):
            network = self._read(read_network, text, ("trusted_proxies", at), Code.ADDRESS)
            if network is None:
                continue
            found.append(network)
            if ipaddress.ip_network(network).prefixlen == 0:
                self._findings.warn(
                    ("trusted_proxies", at),
                    f"{text} trusts everybody.",
                    why="any client can then claim another address, scheme and host.",
                    fix="name the networks your proxies are in",
                    code=Code.TRUSTS_EVERYBODY,
                )
        return tuple(found)

    def public_origins(self, written: Sequence[str]) -> tuple[str, ...]:
        warn_repeated(written, ("public_origins",), self._findings)
        for at, text in enumerate(written):
            faults = list(origin_faults(text))
            if not faults and not text.startswith(("http://", "https://")):
                faults = ["of a server begins with http:// or https://"]
            if text == "null":
                faults = ["of a server is never null, which is what sandboxed pages send"]
            if faults:
                meant = canonical_origin(text) if text != "null" else None
                self._findings.refuse(
                    ("public_origins", at),
                    f'"{text}" can never match: an origin {"; it ".join(faults)}.',
                    fix=f"write {meant}"
                    if meant and meant != text
                    else "write it as in https://api.example.com",
                    code=Code.ORIGIN_FORM,
                )
        return tuple(dict.fromkeys(written))

    def timeouts(self, keys: FileKeys) -> Timeouts:
        values = {name: float(getattr(keys.timeouts, name)) for name in type(keys.timeouts).model_fields}
        for name, seconds in values.items():
            if name not in _MAY_BE_ZERO:
                self._positive(seconds, ("timeouts", name))
        return Timeouts(**values)

    def limits(self, keys: FileKeys) -> Limits:
        if 0 < keys.limits.header_bytes < _SMALLEST_HEAD:
            what = f"{keys.limits.header_bytes} bytes are too few for a browser's request head."
            self._findings.refuse(("limits", "header_bytes"), what, fix="write 1KiB or more")
        return Limits(
            header_bytes=keys.limits.header_bytes,
            header_count=keys.limits.header_count,
            body_bytes=keys.limits.body_bytes,
            connections=keys.limits.connections,
        )

    def tracing(self, written: str) -> str:
        package = missing(TRACING_NEEDS) if written == "otel" else ""
        if package:
            self._findings.refuse(
                ("tracing",),
                f"otel needs OpenTelemetry's SDK, and {package} is not installed.",
                fix="pip install 'corsproxy[otel]', or write off",
                code=Code.EXTRA_MISSING,
            )
        return written

    def _positive(self, seconds: float, path: KeyPath) -> None:
        if seconds <= 0:
            self._findings.refuse(path, "0 would end everything at once.", fix="write 1ms or more, as in 10s")

    def _read(self, read: Callable[[str], Read], text: str, path: KeyPath, code: Code) -> Read | None:
        try:
            return read(text)
        except BadAddress as fault:
            self._findings.refuse(path, fault.what, fix=fault.fix, code=code)
            return None
