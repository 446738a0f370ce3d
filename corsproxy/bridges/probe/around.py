"""Whether a configuration that lies at hand knows the called server, and not as its proxy: the page goes around it.

Laws: pure, and only ever advice; nothing of the verdict depends on whose machine a probe runs on. Names of this
machine are one.
"""

from urllib.parse import urlsplit

from corsproxy.bridges.probe.address import Space, space_of
from corsproxy.config.settings import Endpoint, Settings

__all__ = ["around"]

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 -- what a file may say
_PORTS = {"http": 80, "https": 443}


def around(url: str, settings: Settings) -> str:
    """Say what to call instead of the backend or the admin address; "" where the called server is neither."""
    file, upstream, admin = settings.source.path, settings.upstream, settings.admin
    if url.startswith("https:" if upstream.tls else "http:") and _is_at(url, upstream.endpoint):
        return (
            f"{file} has this server as its upstream: it is the backend, and the page goes around the proxy. "
            f"{_call(url, settings, urlsplit(url).path)}"
        )
    if admin is not None and _is_at(url, admin.endpoint):
        return f"{file} has this address as its admin.listen, which no page may read. {_call(url, settings, '/')}"
    return ""


def _is_at(url: str, endpoint: Endpoint) -> bool:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    return port == endpoint.port and (host == endpoint.host or (_is_here(host) and _is_here(endpoint.host)))


def _is_here(host: str) -> bool:
    return host in _EVERYWHERE or space_of(host) is Space.LOOPBACK


def _call(url: str, settings: Settings, path: str) -> str:
    """Name the proxy's own address, by the called name where that leads to it."""
    listen = settings.listen[0]
    if listen.path:
        return f"Call the proxy, which listens on {listen}."
    called = urlsplit(url).hostname or ""
    is_same = listen.host in _EVERYWHERE or (_is_here(listen.host) and _is_here(called))
    place = Endpoint(called if is_same else listen.host, listen.port)
    return f"Call the proxy: {'https' if settings.tls else 'http'}://{place}{path}"
