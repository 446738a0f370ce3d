"""Values that are rewritten on their way: Vary and Set-Cookie, each against a slow twin."""

from corsproxy.cors.cookies import CookieRewrite
from corsproxy.cors.rule import Cookies
from corsproxy.cors.vary import merge_vary

__all__ = ["set_cookie", "vary"]

_RULES = tuple(
    Cookies(same_site=same_site, secure=secure, partitioned=partitioned, names=names)
    for same_site in (None, "None", "Lax")
    for secure in (None, True, False)
    for partitioned in (None, True)
    for names in ((), ("session", "a"))
)


def vary(data: bytes) -> None:
    """Merge the lines of `data` and hold the outcome against what a cache would make of them."""
    values = data.split(b"\n")
    merged = merge_vary(values)
    before = _names(values)
    if merged is None:
        assert set(before) == {b"*"} or before.count(b"origin") == 1
        return
    after = _names([merged])
    assert set(before) != {b"*"}
    assert sorted(after) == sorted({*before, b"origin"})
    assert merge_vary([merged]) is None
    spellings = {part.strip(b" \t") for value in values for part in value.split(b",")} | {b"Origin"}
    assert set(merged.split(b", ")) <= spellings


def _names(values: list[bytes]) -> list[bytes]:
    parts = (part.strip(b" \t").lower() for value in values for part in value.split(b","))
    return [part for part in parts if part]


def set_cookie(data: bytes) -> None:
    """Rewrite all of `data` but its first byte, which names a rule, as a browser would read it before and after."""
    if not data:
        return
    rule, value = _RULES[data[0] % len(_RULES)], data[1:]
    rewrite = CookieRewrite(rule)
    rewritten = rewrite.rewrite(value)
    pair, attributes = _read(value)
    pair_after, after = _read(rewritten)
    assert pair_after == pair
    name, equals, _ = pair.partition(b"=")
    if rule.names and (name.strip(b" \t") if equals else b"").decode("latin-1") not in rule.names:
        assert rewritten == value
        return
    wanted: dict[bytes, bytes | None] = {}
    if rule.same_site is not None:
        wanted[b"samesite"] = rule.same_site.encode().lower()
    for flag, is_set in ((b"secure", rule.secure), (b"partitioned", rule.partitioned)):
        if is_set is not None:
            wanted[flag] = b"" if is_set else None
    others = [attribute for attribute in attributes if attribute[0] not in wanted]
    assert [attribute for attribute in after if attribute[0] not in wanted] == others
    for attribute, spelling in wanted.items():
        said = [text.lower() for key, text in after if key == attribute]
        assert said == ([] if spelling is None else [spelling]), (attribute, said)
    assert rewrite.rewrite(rewritten) == rewritten


def _read(value: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return the pair, and the attributes by lower-case name (RFC 6265bis §5.6)."""
    pair, *rest = value.split(b";")
    attributes = []
    for attribute in rest:
        name, _, text = attribute.partition(b"=")
        attributes.append((name.strip(b" \t").lower(), text.strip(b" \t")))
    return pair, attributes
