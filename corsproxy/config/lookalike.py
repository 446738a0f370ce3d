"""Whether a pattern lets in an origin that belongs to somebody else.

Laws: what a pattern leaves open is filled as an attacker would fill it, and its own matches are bent
as an attacker would bend them; each candidate is put to the very matcher that will decide. Two origins
that the same alternative lets in and that belong to different owners are one too many. A pattern on a
platform's suffix (`https://app-*-team.vercel.app`) may vary inside a label that it also spells.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from corsproxy.config.regexes import LABEL, Gap, Template, gap, templates, variations
from corsproxy.config.suffixes import owner, public_suffix, registry_owner
from corsproxy.cors.origin import Origin, parse_origin
from corsproxy.cors.pattern import OriginMatcher
from corsproxy.cors.rule import Origins

__all__ = ["LookAlike", "Study", "is_local", "of_regex", "of_wildcard"]


class LookAlike(NamedTuple):
    """Two origins that one pattern lets in; `suffix` is the platform's suffix that is all they share, or ""."""

    meant: str
    shown: str
    suffix: str


class Study(NamedTuple):
    """What trying a pattern came to."""

    look_alike: LookAlike | None
    insecure: str  # an http origin that is let in, or ""
    matches: bool  # whether anything was let in at all


def of_wildcard(text: str) -> Study:
    """Study an origin with `*` in it that is spelled right."""
    scheme, _, rest = text.partition("://")
    host, colon, port = rest.rpartition(":") if rest.endswith(":*") else (rest, "", "")
    atoms: list[str | Gap] = [f"{scheme}://"]
    if host.startswith("*."):
        atoms += [Gap(("a", "evil", "a.evil"))]
        host = host[1:]
    for piece in itertools.chain.from_iterable(zip(host.split("*"), itertools.repeat(None), strict=False)):
        atoms.append(gap(LABEL, 1, None) if piece is None else piece)
    atoms.pop()
    atoms += [Gap((":8080", ""))] if colon and port == "*" else []
    return _study([tuple(atoms)], OriginMatcher(Origins(wildcards=(text,))))


def of_regex(pattern: str) -> Study:
    """Study a regular expression; raises UnsupportedSyntax, and ValueError for what RE2 does not take."""
    matcher = OriginMatcher(Origins(regexes=(pattern,)))
    return _study(templates(pattern), matcher)


def _study(found: Iterable[Template], matcher: OriginMatcher) -> Study:
    insecure, matches = "", False
    for template in found:
        let_in = [origin for text in variations(template) if (origin := _admitted(text, matcher))]
        if not let_in:
            continue
        matches = True
        meant = min(let_in, key=lambda origin: len(_spelled(origin)))
        let_in += [origin for text in _bent(_spelled(meant)) if (origin := _admitted(text, matcher))]
        insecure = insecure or next((_spelled(origin) for origin in let_in if _is_insecure(origin)), "")
        for other in sorted(let_in, key=lambda origin: (b"." not in origin.host, b"evil" not in origin.host)):
            look_alike = _compare(meant, other)
            if look_alike is not None:
                return Study(look_alike, insecure, matches)
    return Study(None, insecure, matches)


def _admitted(text: str, matcher: OriginMatcher) -> Origin | None:
    value = text.encode("utf-8")
    parsed = parse_origin(value) if matcher.allows(value) else None
    # No page comes from a host with an empty label: there is no such name.
    return None if parsed is None or b"" in parsed.host.split(b".") else parsed


def _bent(text: str) -> Iterator[str]:
    """Yield an attacker's variants of an origin that is let in."""
    scheme, _, host = text.partition("://")
    for at, character in enumerate(text):
        if character == ".":
            yield f"{text[:at]}x{text[at + 1 :]}"
            yield f"{text[:at]}{text[at + 1 :]}"
    yield f"{scheme}://evil{host}"
    yield f"{scheme}://evil-{host}"
    yield f"{scheme}://evil.example.{host}"
    yield f"{text}.evil.example"
    yield f"{text}evil.example"
    yield f"{text}-evil.example"
    yield f"{text}:1.evil.example"
    yield f"{text}@evil.example"
    yield f"evil.{text}"
    yield {"https": "http", "http": "https"}.get(scheme, scheme) + "://" + host
    for character in "_`{}!$&'()*+,;=~\"%":
        yield f"{text}{character}.evil.example"
        yield f"{scheme}://evil.example{character}{host}"


def _compare(one: Origin, other: Origin) -> LookAlike | None:
    mine, theirs = one.host.decode("ascii"), other.host.decode("ascii")
    if owner(mine) == owner(theirs):
        return None
    same_registry = registry_owner(mine) == registry_owner(theirs)
    if same_registry and _share_spelling(owner(mine), owner(theirs)):
        return None
    suffix = public_suffix(mine) or ""
    is_platform = same_registry and suffix == public_suffix(theirs)
    return LookAlike(_spelled(one), _spelled(other), suffix if is_platform else "")


def _share_spelling(one: str, other: str) -> bool:
    """Tell whether two labels begin or end alike, by more than hyphens."""
    mine, theirs = one.partition(".")[0], other.partition(".")[0]
    return _begins_alike(mine, theirs) or _begins_alike(mine[::-1], theirs[::-1])


def _begins_alike(one: str, other: str) -> bool:
    shared = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return any(character.isalnum() for character, _ in shared)


def _is_insecure(origin: Origin) -> bool:
    return origin.scheme == b"http" and not is_local(origin.host.decode("ascii"))


def is_local(host: str) -> bool:
    """Tell whether a host is this very machine, for which browsers need no TLS."""
    return host in {"localhost", "127.0.0.1", "[::1]"} or host.endswith(".localhost")


def _spelled(origin: Origin) -> str:
    scheme, host, port = (part.decode("ascii") for part in origin)
    return f"{scheme}://{host}" + (f":{port}" if port else "")
