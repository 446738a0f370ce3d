"""How an origin has to be written in a configuration, and what to write instead.

Laws: nothing is repaired silently. Each fault is a phrase that follows the words "an origin", such as
"has no trailing slash"; the value that a browser would send is offered where it can be told. Origins
with a `*` obey the same spelling; where a `*` may stand is judged in `pattern`.
https://url.spec.whatwg.org/#host-serializing
"""

import ipaddress
import re

__all__ = ["canonical_origin", "origin_faults"]

_WRITTEN = re.compile(
    r"(?:(?P<scheme>[^:/?#@]*):)?//"
    r"(?:(?P<user>[^/?#]*)@)?"
    r"(?P<host>\[[^\]/?#]*\]|[^:/?#]*)"
    r"(?::(?P<port>[^/?#]*))?"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_BEGINNING = re.compile(r"[^:/?#@]+://")
_SLASHES = re.compile(r"\A(https?):/?(?=[^/0-9])", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_LABEL = re.compile(r"[a-z0-9_-]+")
_GLOB_LABEL = re.compile(r"[a-z0-9_*-]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ZEROS = re.compile(r"\b0(?::0)+\b")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SOCKET_SCHEMES = {"ws": "http", "wss": "https"}
_OPAQUE_SCHEMES = frozenset({"about", "blob", "data", "file", "javascript"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_REST = {"/": "has no path", "?": "has no query", "#": "has no fragment"}


def origin_faults(text: str, *, wildcards: bool = False) -> tuple[str, ...]:
    """Name what is wrong with an origin as written; nothing is: browsers send exactly this."""
    return tuple(_Reading(text, wildcards).faults)


def canonical_origin(text: str, *, wildcards: bool = False) -> str | None:
    """Return the origin that was meant, as browsers serialise it; None where that cannot be told."""
    return _Reading(text, wildcards).meant


class _Reading:
    """One origin read part by part; what was meant is put together from the mended parts."""

    def __init__(self, text: str, wildcards: bool) -> None:
        self.faults: list[str] = []
        self.meant: str | None = None
        self._is_lost = False
        self._wildcards = wildcards
        self._read(text)

    def _read(self, text: str) -> None:
        bare = text.strip()
        self._demand("has no blanks around it", bare == text)
        written = _WRITTEN.fullmatch(_SLASHES.sub(r"\1://", bare))
        self._demand("begins with a scheme such as https://", _BEGINNING.match(bare) is not None)
        if written is None:
            written = _WRITTEN.fullmatch(f"//{bare}")
        if written is None:  # no text gets here: what follows "//" may be anything
            return
        host = self._host(written["host"])
        scheme = self._scheme(written["scheme"], host)
        self._demand("carries no user name or password", written["user"] is None)
        port = self._port(written["port"], scheme)
        rest: str = written["rest"]
        if rest and rest[0] not in _REST:
            self._give_up("has only a port after the ] of its address")
        elif rest:
            self._demand("has no trailing slash" if rest == "/" else _REST[rest[0]], False)
        if not self._is_lost:
            self.meant = f"{scheme}://{host}{port}"

    def _demand(self, law: str, is_kept: bool) -> None:
        if not is_kept and law not in self.faults:
            self.faults.append(law)

    def _give_up(self, law: str) -> None:
        self._demand(law, False)
        self._is_lost = True

    def _scheme(self, scheme: str | None, host: str) -> str:
        if scheme is None:
            return "http" if host in _LOOPBACK else "https"
        lower = scheme.lower()
        self._demand("is in lower case", lower == scheme)
        if not _SCHEME.fullmatch(lower):
            self._give_up("begins with a scheme such as https://")
        elif lower in _OPAQUE_SCHEMES:
            self._give_up(f"cannot be a {lower}: address; browsers send null for those pages")
        elif lower in _SOCKET_SCHEMES:
            lower = _SOCKET_SCHEMES[lower]
            self._demand(f"is that of the page, {lower}://, for WebSockets too", False)
        return lower

    def _port(self, port: str | None, scheme: str) -> str:
        if port is None or (port == "*" and self._wildcards):
            return "" if port is None else ":*"
        if not port:
            self._demand("has no colon without a port", False)
            return ""
        if not (port.isascii() and port.isdigit() and len(port) < 10 and 0 < int(port) <= 65535):
            self._give_up("has a port between 1 and 65535, or none")
            return ""
        number = str(int(port))
        self._demand("has no leading zeros in its port", number == port)
        is_default = _DEFAULT_PORTS.get(scheme) == number
        self._demand(f"leaves out the default port {number}, as browsers do", not is_default)
        return "" if is_default else f":{number}"

    def _host(self, host: str) -> str:
        if host.startswith("["):
            return self._address(host)
        lower = self._punycode(host).lower()
        self._demand("is in lower case", lower == host or not host.isascii())
        plain = lower.removesuffix(".")
        self._demand("has no dot behind its host", plain == lower)
        if not plain:
            self._give_up("names a host")
        elif _NUMBER.fullmatch(plain.rpartition(".")[2]):
            self._check_ipv4(plain)
        else:
            self._check_labels(plain.split("."), len(plain))
        return plain

    def _punycode(self, host: str) -> str:
        if host.isascii():
            return host
        import idna  # noqa: PLC0415 -- large, and needed only to mend a spelling

        self._demand("is in punycode, as browsers send it", False)
        try:
            labels = idna.uts46_remap(host, std3_rules=False, transitional=False).split(".")
            return ".".join(
                label if label.isascii() else idna.alabel(label).decode("ascii") for label in labels
            )
        except idna.IDNAError:
            self._is_lost = True
            return host

    def _check_labels(self, labels: list[str], size: int) -> None:
        form = _GLOB_LABEL if self._wildcards else _LABEL
        if not all(labels):
            self._give_up("has no empty part in its host")
        elif size > 253 or max(map(len, labels)) > 63:
            self._give_up("has a host of at most 253 characters, 63 between two dots")
        elif not all(form.fullmatch(label) or not label.isascii() for label in labels):
            self._give_up("has a host of letters, digits, hyphens, underscores and dots")

    def _check_ipv4(self, host: str) -> None:
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            self._give_up("has a full IPv4 address such as 127.0.0.1 where its host ends in a number")

    def _address(self, host: str) -> str:
        try:
            address = ipaddress.IPv6Address(host[1:-1].partition("%")[0])
        except ValueError:
            self._give_up("has an IPv6 address in its brackets")
            return host
        short = f"[{_compress(address)}]"
        self._demand("has its IPv6 address in lower case, shortened and without a zone", short == host)
        return short


def _compress(address: ipaddress.IPv6Address) -> str:
    """Serialise as the URL standard does; Python's own form may end in a dotted quad, browsers' never does."""
    packed = address.packed
    full = ":".join(f"{packed[at] << 8 | packed[at + 1]:x}" for at in range(0, 16, 2))
    run = max(_ZEROS.finditer(full), key=lambda zeros: len(zeros.group()), default=None)
    if run is None:
        return full
    return full[: run.start()].rstrip(":") + "::" + full[run.end() :].lstrip(":")
