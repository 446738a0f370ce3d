"""The browser's own judgement of an answer, word for word from the Fetch standard."""

from collections.abc import Mapping

from tests.cors.oracle import SAFE_METHODS

__all__ = ["cors_check", "preflight_check"]


def cors_check(origin: str, fields: Mapping[str, str], *, include: bool) -> bool:
    """Judge a response as a browser does (https://fetch.spec.whatwg.org/#concept-cors-check)."""
    allowed = fields.get("access-control-allow-origin")
    if allowed is None:
        return False
    if not include and allowed == "*":
        return True
    if allowed != origin:
        return False
    return not include or fields.get("access-control-allow-credentials") == "true"


def preflight_check(
    origin: str,
    method: str,
    unsafe_headers: frozenset[str],
    status: int,
    fields: Mapping[str, str],
    *,
    include: bool,
) -> bool:
    """Judge a preflight's answer (https://fetch.spec.whatwg.org/#cors-preflight-fetch)."""
    if not cors_check(origin, fields, include=include) or not 200 <= status <= 299:
        return False
    methods = listed(fields.get("access-control-allow-methods", ""))
    headers = {name.lower() for name in listed(fields.get("access-control-allow-headers", ""))}
    if method not in methods | SAFE_METHODS and (include or "*" not in methods):
        return False
    if "authorization" in unsafe_headers - headers:
        return False
    return unsafe_headers <= headers or (not include and "*" in headers)


def listed(value: str) -> set[str]:
    return {member.strip() for member in value.split(",") if member.strip()}
