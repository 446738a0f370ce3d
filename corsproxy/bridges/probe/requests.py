"""The requests that a browser makes of a page's fetch(): which fields it adds to those that the page sets.

Laws: what the page may not set is never sent; Sec-Fetch-* go only where browsers trust the way. The
User-Agent is our own. https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
"""

from dataclasses import dataclass, replace

from corsproxy import __version__
from corsproxy.bridges.probe.address import is_trustworthy, site_relation
from corsproxy.bridges.probe.exchange import Asked, Sent
from corsproxy.cors.browser import is_forbidden, normalise
from corsproxy.cors.safelist import unsafe_names

__all__ = ["USER_AGENT", "Request", "first_request"]

USER_AGENT = f"corsproxy-probe/{__version__}"
_SITES = ("same-origin", "same-site", "cross-site")
# https://fetch.spec.whatwg.org/#request-body-header-name
_OF_BODIES = frozenset({"content-encoding", "content-language", "content-location", "content-type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request on its way through redirects: what the Fetch standard's `request` holds of it.

    `origin` and `url` are those of the current hop, `page` the origin of the page; `is_tainted` says that Origin is
    `null` by now, `is_cors` that some hop left the page's origin.
    """

    page: str
    first_origin: str
    origin: str
    url: str
    method: str
    fields: tuple[tuple[str, str], ...]
    body: bytes | None
    cookie: str | None
    include: bool
    site: str
    is_cors: bool
    is_tainted: bool = False

    @property
    def sent_origin(self) -> str:
        """Return what Origin says."""
        return "null" if self.is_tainted else self.page

    @property
    def unsafe(self) -> tuple[bytes, ...]:
        """Return the names that a preflight has to ask for."""
        return unsafe_names((name.encode(), value.encode()) for name, value in self.fields)

    def preflight(self) -> Sent:
        """Return the question whether this request may be made."""
        asked = [("Access-Control-Request-Method", self.method)]
        if self.unsafe:
            asked.append(("Access-Control-Request-Headers", b",".join(self.unsafe).decode()))
        fields = (("Accept", "*/*"), *asked, ("Origin", self.sent_origin), *self._ambient("cors"))
        return Sent(method="OPTIONS", url=self.url, fields=fields)

    def actual(self) -> Sent:
        """Return the request itself."""
        names_origin = self.is_cors or self.method not in {"GET", "HEAD"}
        origin = (("Origin", self.sent_origin),) if names_origin else ()
        sends_cookie = self.origin == self.first_origin and (self.include or not self.is_cors)
        cookie = (("Cookie", self.cookie),) if self.cookie and sends_cookie else ()
        fields = (*self._own(), *origin, *self._ambient("cors"), *cookie)
        return Sent(method=self.method, url=self.url, fields=fields, body=self.body)

    def without_cors(self) -> Sent:
        """Return the request as it is made where CORS has no part, such as by an <img>."""
        sent = self.actual()
        fields = tuple((name, value) for name, value in sent.fields if name.lower() != "origin")
        mode = ("Sec-Fetch-Mode", "no-cors")
        return replace(
            sent, fields=tuple(mode if name == "Sec-Fetch-Mode" else (name, value) for name, value in fields)
        )

    def _own(self) -> tuple[tuple[str, str], ...]:
        has_accept = any(name.lower() == "accept" for name, _ in self.fields)
        return self.fields if has_accept else (("Accept", "*/*"), *self.fields)

    def _ambient(self, mode: str) -> tuple[tuple[str, str], ...]:
        written = {name.lower() for name, _ in self.fields}
        language = () if "accept-language" in written else (("Accept-Language", "en"),)
        agent = () if "user-agent" in written else (("User-Agent", USER_AGENT),)
        # strict-origin-when-cross-origin: nothing on the way down from https to http.
        is_told = self.page.startswith("http://") or (
            self.page.startswith("https://") and is_trustworthy(self.origin)
        )
        referer = (("Referer", f"{self.page}/"),) if is_told else ()
        context = (("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Site", self.site))
        return (
            *agent,
            *language,
            ("Accept-Encoding", "gzip, deflate, br"),
            *referer,
            *(context if is_trustworthy(self.origin) else ()),
        )

    def redirected(self, status: int, origin: str, url: str) -> "Request":
        """Return the request to where a redirect leads: https://fetch.spec.whatwg.org/#http-redirect-fetch."""
        method, body, fields = self.method, self.body, self.fields
        if (status in {301, 302} and method == "POST") or (status == 303 and method not in {"GET", "HEAD"}):
            method, body = "GET", None
            fields = tuple(field for field in fields if field[0].lower() not in _OF_BODIES)
        crosses = origin != self.origin
        if crosses:
            fields = tuple(field for field in fields if field[0].lower() != "authorization")
        return replace(
            self,
            origin=origin,
            url=url,
            method=method,
            body=body,
            fields=fields,
            site=max(self.site, site_relation(self.page, origin), key=_SITES.index),
            is_cors=self.is_cors or origin != self.page,
            is_tainted=self.is_tainted or (crosses and self.origin != self.page),
        )


def first_request(asked: Asked, origin: str) -> Request:
    """Return the request as the page makes it, to an address with this origin."""
    fields = tuple(field for field in asked.fields if not is_forbidden(field[0].lower().encode()))
    if asked.body is not None and not any(name.lower() == "content-type" for name, _ in fields):
        fields = (*fields, ("Content-Type", "text/plain;charset=UTF-8"))
    return Request(
        page=asked.origin,
        first_origin=origin,
        origin=origin,
        url=asked.url,
        method=normalise(asked.method.encode()).decode(),
        fields=fields,
        body=asked.body,
        cookie=asked.cookie,
        include=asked.include,
        site=site_relation(asked.origin, origin),
        is_cors=asked.origin != origin,
    )
