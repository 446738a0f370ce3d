"""A rule as its owner wrote it: plain, checked values, before it is compiled.

Laws: frozen and picklable (the loader hands rules to workers); no defaults are decided elsewhere.
How rules become decisions is in `policy`; how YAML becomes rules is the floor above.
"""

from dataclasses import dataclass

__all__ = ["Cookies", "Origins", "Rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Which origins a rule allows; each entry as written in the file and already checked.

    `any` is the lone `*`. `exact` are serialised origins. `wildcards` are origins with a `*`: a whole
    first label (any sub-domain), inside a label, or as the port. `regexes` match whole origins.
    """

    any: bool = False
    null: bool = False
    exact: tuple[str, ...] = ()
    wildcards: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """How `Set-Cookie` is rewritten; None leaves that attribute alone. No names: every cookie."""

    same_site: str | None = None  # "None", "Lax" or "Strict", as sent
    secure: bool | None = None
    partitioned: bool | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of `rules:`. `place` is `file:line` of its first key; `max_age` is in seconds."""

    name: str
    place: str
    paths: tuple[str, ...]
    host: str | None = None
    origins: Origins = Origins()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None
    allow_private_network: bool = False
    preflight_status: int = 204
    report: bool = False
    block: bool = False
    websocket: bool = True
    cookies: Cookies | None = None
    set_fields: tuple[tuple[str, str], ...] = ()
    remove_fields: tuple[str, ...] = ()
