"""The paths of a rule: what other tools take for a path, and what to write here instead.

Laws: what would match next to nothing is refused, never taken letter by letter: expressions, variables of
routes, whole addresses. A segment such as `:id` is only warned of: an address may have it, and there would be
no other way to write it. The pattern to write is a guess, for the hint only.
"""

import re

from corsproxy.cors.path import path_faults

__all__ = ["faults_of", "meant_by", "variable_in"]

# Flask-CORS takes expressions; Flask's own routes have <int:id>, OpenAPI {id}. Who writes $${id} means these very characters.
_EXPRESSION = re.compile(r"\.[*+]|^\^|\$$")
_VARIABLE = re.compile(r"<[^<>/]*>|(?<!\$)\{[^{}/]*\}")
_REST = re.compile(r"/<path:[^<>/]*>$")
_COLON = re.compile(r"(?<=/):[A-Za-z_][A-Za-z0-9_]*(?![^/])")  # of Express, Rails, Sinatra and Gin
_RAW = re.compile(r"r(['\"])(.*)\1")
_ADDRESS = re.compile(r"https?://([^/]+)(/.*)?", re.IGNORECASE)


def faults_of(path: str) -> tuple[str, ...]:
    """Name what is wrong with a path as it is written; phrases that follow the words "a path"."""
    if _ADDRESS.fullmatch(path):
        return ("is no whole address",)
    if _VARIABLE.search(path):
        return ("has no variables: * stands for one segment, ** for any number",)
    faults = path_faults(path)
    if not faults and _EXPRESSION.search(path):
        return ("is no regular expression: * and ** stand for what is open",)
    return faults


def variable_in(path: str) -> str:
    """Return the first segment that is a variable in the routes of others, and letters here; "" without one."""
    found = _COLON.search(path)
    return found[0] if found else ""


def meant_by(path: str) -> str:
    """Guess what was meant, as what follows the word "write"."""
    address = _ADDRESS.fullmatch(path)
    if address is None:
        return _pattern(path)
    rest = address[2] or "/**"
    return f"{_pattern(rest) if faults_of(rest) else rest}, and host: {address[1].partition(':')[0].lower()}"


def _pattern(path: str) -> str:
    """Guess the pattern that was meant."""
    raw = _RAW.fullmatch(path)
    meant = re.sub(r"[?#].*$", "", (raw[2] if raw else path).strip())
    meant = re.sub(r"/\*$", "/**", meant) if raw else meant  # an expression takes whatever begins so
    if meant.startswith("^") and meant.endswith("/"):
        meant += "**"
    meant = re.sub(r"^\^|\$$", "", meant)
    meant = _COLON.sub("*", _VARIABLE.sub("*", _REST.sub("/**", meant)))
    meant = re.sub(r"/?\.\*(?=$|/)", "/**", meant)
    meant = re.sub(r"(?<=[^/])\*\*", "*/**", meant) if re.search(r"[^/]\*\*", meant) else meant
    meant = "/**" if meant == "*" else meant
    meant = meant if meant.startswith("/") else f"/{meant}"
    return meant if not faults_of(meant) and meant != path else "it as in /api/** or /api/*/logo"
