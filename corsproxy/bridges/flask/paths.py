"""Paths of Flask and of Flask-CORS as path patterns of rules: URL rules of routes, and the regular expressions of resources.

Laws: a resource is matched by Flask-CORS from the beginning on, as `re.match` does, so `/api/*` is everything that begins with
/api; the pattern says just that, or something narrower that takes the same routes of the project. Never anything wider.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corsproxy.bridges.flask.asking import is_refused_path
from corsproxy.bridges.flask.options import is_regex
from corsproxy.bridges.flask.patterns import Open, Pieces, Untranslatable, read
from corsproxy.bridges.flask.values import Unknown
from corsproxy.cors.path import path_faults, segments_of
from corsproxy.cors.trie import NEVER, SegmentTrie

__all__ = ["Resource", "Url", "glob_of_rule", "join", "resource", "takes", "urls_of"]

# As in werkzeug: <converter(arguments):name>
_CONVERTER = re.compile(r"<(?:(?P<kind>[a-zA-Z_]\w*)(?:\((?P<arguments>[^>]*)\))?:)?[a-zA-Z_]\w*>")
_SAMPLES = {
    "int": ("7", "42", "1234"),
    "float": ("1.5", "0.25", "10.0"),
    "uuid": ("0a0b0c0d-0000-4000-8000-000000000000",) * 3,
    "path": ("x", "x/y", "1/2/3"),
}
_TEXTS = ("x", "7", "a-b_c")


@dataclass(frozen=True, slots=True)
class Url:
    """A route's rule, the pattern that stands for it, and paths that lead to it."""

    rule: str
    glob: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: the `test` that Flask-CORS makes of a path, and the patterns that say the same; none: they cannot.

    `is_rewritten`: the patterns take the same routes, and other paths that no route has.
    """

    shown: str
    globs: tuple[str, ...]
    expression: re.Pattern[str] | None
    is_rewritten: bool = False
    fault: str = ""

    def test(self, path: str) -> bool:
        """Tell whether Flask-CORS takes the path for one of this resource."""
        return path == self.shown if self.expression is None else self.expression.match(path) is not None


def join(prefix: str, rule: str) -> str:
    """Put a rule below a blueprint's prefix, as Flask does."""
    if not prefix:
        return rule
    return "/".join((prefix.rstrip("/"), rule.lstrip("/"))) if rule else prefix


def urls_of(rule: str) -> list[Url]:
    """Return what a URL rule stands for; one for each choice of an `any(…)` converter."""
    found = [rule]
    for match in _CONVERTER.finditer(rule):
        if match["kind"] == "any":
            choices = [choice.strip().strip("'\"") for choice in (match["arguments"] or "").split(",")]
            found = [text.replace(match[0], choice) for text in found for choice in choices if choice]
    return [Url(text, glob_of_rule(text), _samples(text)) for text in found]


def glob_of_rule(rule: str) -> str:
    """Write a URL rule as a pattern: `<int:id>` is a `*`, `<path:rest>` a `**`."""
    segments: list[str] = []
    for segment in rule.lstrip("/").split("/"):
        text = _CONVERTER.sub(lambda match: "**" if match["kind"] == "path" else "*", segment)
        if "**" in text and text != "**":
            segments += [re.sub(r"\*\*.*", "*", text), "**"]
        else:
            segments.append(text)
    return _writable("/" + "/".join(segments))


def _writable(glob: str) -> str:
    """Widen what looks like a regular expression to the loader: /report.* is /report*."""
    if is_refused_path(glob):
        return "/".join(segment if segment == "**" else _without_dots(segment) for segment in glob.split("/"))
    return glob


def _without_dots(segment: str) -> str:
    bare = re.sub(r"\$$", "*", re.sub(r"[.+^$]+(?=\*)", "", segment))
    return re.sub(r"\*+", "*", bare)


def _samples(rule: str) -> tuple[str, ...]:
    found = {_CONVERTER.sub(functools.partial(_filled, number), rule): None for number in range(3)}
    return tuple(path if path.startswith("/") else f"/{path}" for path in found)


def _filled(number: int, match: re.Match[str]) -> str:
    return _SAMPLES.get(match["kind"] or "", _TEXTS)[number]


def takes(globs: Iterable[str], path: str) -> bool:
    """Tell whether one of the patterns takes a path, as the proxy will."""
    trie = SegmentTrie(least=0)
    for glob in globs:
        trie.insert(segments_of(glob), 0)
    return trie.first(path.encode().split(b"/")[1:]) != NEVER


def resource(pattern: object, routes: Sequence[Url]) -> Resource:
    """Read one resource; `routes` are all that the project has."""
    shown = str(getattr(pattern, "pattern", pattern))
    if not isinstance(pattern, (str, re.Pattern)) or not isinstance(getattr(pattern, "pattern", ""), str):
        why = (
            f"it is {pattern.why}"
            if isinstance(pattern, Unknown)
            else "it is neither a text nor an expression"
        )
        return Resource("?", (), None, fault=why)
    if isinstance(pattern, str) and not is_regex(pattern):
        faults = path_faults(pattern)
        fault = f"no request has that path: a path {faults[0]}" if faults else ""
        if not faults and is_refused_path(pattern):
            return Resource(shown, (), None, fault="it looks like a regular expression to the loader")
        return Resource(shown, () if faults else (str(pattern),), None, fault=fault)
    try:
        expression = pattern if isinstance(pattern, re.Pattern) else re.compile(str(pattern))
        reading = read(expression.pattern, expression.flags & (re.IGNORECASE | re.VERBOSE), dots=False)
    except Untranslatable as fault:
        known = re.compile(shown)
        return _listed(shown, known, routes, f"it has {fault}")
    except (re.error, OverflowError, TypeError) as fault:
        return Resource(shown, (), None, fault=f"it is no regular expression ({fault})")
    if reading.is_slow:
        return Resource(shown, (), None, fault="it may take exponential time, and is not tried here")
    if expression.flags & re.IGNORECASE:
        return _listed(shown, expression, routes, "it ignores case")
    return _translated(shown, expression, reading.alternatives, reading.is_anchored, routes)


def _translated(
    shown: str,
    expression: re.Pattern[str],
    alternatives: Sequence[Pieces] | None,
    is_anchored: bool,
    routes: Sequence[Url],
) -> Resource:
    globs: list[str] = []
    is_exact = alternatives is not None
    for pieces in alternatives or ():
        found = _globs(pieces, is_anchored=is_anchored)
        is_exact = is_exact and found is not None and all(exact for _, exact in found)
        globs += [glob for glob, _ in found or ()]
    globs = list(dict.fromkeys(globs))
    if not globs or any(path_faults(glob) or is_refused_path(glob) for glob in globs):
        return _listed(shown, expression, routes, "no path pattern says the same")
    nice = _nice(globs)
    known = [url for url in routes if any(map(expression.match, url.samples))]
    if nice != globs and known and _agrees(nice, expression, routes):
        return Resource(shown, tuple(nice), expression, is_rewritten=True)
    if is_exact or (known and _agrees(globs, expression, routes)):
        return Resource(shown, tuple(globs), expression, is_rewritten=not is_exact)
    return _listed(shown, expression, routes, "no path pattern says the same")


def _agrees(globs: Sequence[str], expression: re.Pattern[str], routes: Sequence[Url]) -> bool:
    return all(takes(globs, path) == bool(expression.match(path)) for url in routes for path in url.samples)


def _listed(shown: str, expression: re.Pattern[str], routes: Sequence[Url], fault: str) -> Resource:
    """Name the routes that an expression takes, where it cannot be written as a pattern."""
    found = [url.glob for url in routes if all(map(expression.match, url.samples))]
    if not shown.lstrip("^(\\A").startswith(("/", ".", "[", "?")):
        fault = "no path begins so: paths begin with a slash"
    return Resource(shown, tuple(dict.fromkeys(found)), expression, fault=fault)


_ANYTHING, _IN_SEGMENT = "\ue000", "\ue001"


def _globs(pieces: Pieces, *, is_anchored: bool) -> list[tuple[str, bool]] | None:
    """Write one alternative as patterns, and tell of each whether it takes just that; None where it cannot be written."""
    text, is_exact = "", True
    for piece in pieces if is_anchored else (*pieces, Open("any", 0)):
        if isinstance(piece, str):
            if "*" in piece:
                return None
            text += piece
        elif piece.kind == "any":
            is_exact = is_exact and piece.least == 0
            text += "" if text.endswith(_ANYTHING) else _ANYTHING
        else:
            is_exact = False if piece.kind == "other" or piece.least else is_exact
            text += _IN_SEGMENT
    if text == _ANYTHING:
        return [("/**", is_exact)]
    is_open = text.startswith(f"{_ANYTHING}/")  # then what comes before is nothing, or whole segments
    if text.startswith(_ANYTHING):
        text = f"/{text}"  # every path begins with a slash
    if not text.startswith("/"):
        return None if text.startswith(_IN_SEGMENT) else []
    text = text.replace(_IN_SEGMENT + _ANYTHING, _ANYTHING)
    ways = [_segments(segment) for segment in text[1:].split("/")]
    if is_open:
        ways[0] = [["**"]]
    if any(not way for way in ways):
        return None
    found = [
        "/" + "/".join(itertools.chain(*pick)) for pick in itertools.islice(itertools.product(*ways), 16)
    ]
    found = [re.sub(r"\*\*(?:/\*\*)+", "**", glob) for glob in found]
    return [("/**" if glob == "/*/**" else glob, is_exact) for glob in found]


def _segments(segment: str) -> list[list[str]]:
    """Write one segment as the segments that it can be: anything in it may reach across several."""
    plain = segment.replace(_IN_SEGMENT, "*")
    if plain.count(_ANYTHING) > 1:
        return []
    if _ANYTHING not in plain:
        return [[re.sub(r"\*+", "*", plain)]]
    before, after = (re.sub(r"\*+", "*", part) for part in plain.split(_ANYTHING))
    if not after:
        return [[re.sub(r"\*+", "*", f"{before}*"), "**"]]
    if not before:
        return [["**", re.sub(r"\*+", "*", f"*{after}")]]
    return [[f"{before}*{after}"], [f"{before}*", "**", f"*{after}"]]


def _nice(globs: Sequence[str]) -> list[str]:
    """Write patterns as people mean them: /api/** for /api*/** and for /api/*/**."""
    found = []
    for glob in globs:
        head, star, rest = glob.rpartition("*/**")
        is_open = bool(star) and not rest and head not in {"", "/"} and "*" not in head
        found.append(f"{head.rstrip('/')}/**" if is_open else glob)
    return list(dict.fromkeys(found))
