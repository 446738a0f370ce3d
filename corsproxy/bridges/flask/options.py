"""Flask-CORS's options: its defaults, and which of the places where they can be set wins.

Laws: those of Flask-CORS 6, read from its sources: a resource's own options, then those of the call, then `CORS_*` of the app's
configuration (not for blueprints), then the defaults. What it does not know it ignores, and so do we, saying so.
"""

from collections.abc import Mapping
from types import MappingProxyType

from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.objects import Option
from corsproxy.bridges.flask.values import Unknown

__all__ = ["ALL_METHODS", "DEFAULT", "DEFAULTS", "effective", "is_regex", "report_unheard", "resources_of"]

DEFAULT = "default of Flask-CORS"
ALL_METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "origins": "*",
        "methods": list(ALL_METHODS),
        "allow_headers": "*",
        "expose_headers": None,
        "supports_credentials": False,
        "max_age": None,
        "send_wildcard": False,
        "automatic_options": True,
        "vary_header": True,
        "resources": r"/*",
        "intercept_exceptions": True,
        "always_send": True,
        "allow_private_network": False,
    }
)
# What earlier versions called it, or people take it for.
_MEANT = MappingProxyType(
    {
        "headers": "allow_headers",
        "origin": "origins",
        "allow_origins": "origins",
        "allowed_origins": "origins",
        "allow_credentials": "supports_credentials",
        "credentials": "supports_credentials",
        "support_credentials": "supports_credentials",
        "method": "methods",
        "allow_methods": "methods",
        "expose": "expose_headers",
        "resource": "resources",
        "allowed_headers": "allow_headers",
    }
)
_HINTS = frozenset("*\\]?$^[]()")


def is_regex(text: str) -> bool:
    """Tell whether Flask-CORS takes a text for a regular expression: by the characters in it."""
    return not _HINTS.isdisjoint(text)


def effective(
    options: Mapping[str, Option],
    config: Mapping[str, Option],
    mentioned: frozenset[str],
    own: Mapping[str, Option] | None = None,
) -> dict[str, Option]:
    """Return every option as it holds; `own` are those of one resource, `mentioned` the settings the project names."""
    layers = (own or {}, options)
    found = {key: Option(value, Place(""), DEFAULT) for key, value in DEFAULTS.items()}
    beyond = config.get("beyond")
    for key in DEFAULTS:
        name = f"CORS_{key.upper()}"
        if beyond is not None and name in mentioned:
            found[key] = beyond
        if name in config and config[name].value is not None:
            found[key] = config[name]
        for layer in reversed(layers):
            if "**" in layer:
                found[key] = layer["**"]
            if key in layer:
                found[key] = layer[key]
    return found


def report_unheard(options: Mapping[str, Option], config: Mapping[str, Option], findings: Findings) -> None:
    """Report what Flask-CORS ignores."""
    for key, option in options.items():
        if key not in DEFAULTS and key != "**":
            meant = f" (it is called {_MEANT[key]})" if key in _MEANT else ""
            what = f"{option.said}: Flask-CORS has no option {key}{meant}, and ignores it."
            findings.add(Code.NO_EFFECT, option.place, what, why="the default holds instead.")
    known = {f"CORS_{key.upper()}" for key in DEFAULTS}
    for key, option in config.items():
        if key.startswith("CORS_") and key not in known and not isinstance(option.value, Unknown):
            what = f"Flask-CORS has no setting {key}, and ignores it."
            findings.add(
                Code.NO_EFFECT,
                option.place,
                what,
                why="CORS_HEADERS is one of its version 1." if key == "CORS_HEADERS" else "",
            )


def resources_of(option: Option, *, by_length: bool = False) -> list[tuple[object, dict[str, Option]]] | None:
    """Return the resources and their own options, in the order in which Flask-CORS tries them; None: not known.

    `by_length`: as it did before version 6.
    """
    value = option.value
    if isinstance(value, dict):
        pairs: list[tuple[object, dict[str, Option]]] = []
        for key, own in value.items():
            shown = f"resources[{key!r}]"
            if isinstance(own, dict):
                kept = {
                    str(name): Option(item, getattr(item, "place", option.place), f"{shown} {name}")
                    for name, item in own.items()
                }
            else:
                why = own.why if isinstance(own, Unknown) else "not a dictionary"
                kept = {"**": Option(Unknown(why, option.place), option.place, shown)}
            pairs.append((_fixed(key), kept))
        return sorted(pairs, key=lambda pair: _length(pair[0]) if by_length else _rank(pair[0]))
    if isinstance(value, (list, tuple)):
        return [(_fixed(item), {}) for item in value]
    return None if isinstance(value, Unknown) or value is None else [(_fixed(value), {})]


def _fixed(pattern: object) -> object:
    return ".*" if pattern == "*" else pattern


def _length(pattern: object) -> tuple[int, ...]:
    """The longest first."""
    return (-len(str(getattr(pattern, "pattern", pattern))),)


def _rank(pattern: object) -> tuple[int, ...]:
    """Literal paths first, then compiled expressions, then others; more slashes first, then longer."""
    text = getattr(pattern, "pattern", pattern)
    if not isinstance(text, str):
        return (2, 0, 0, 0)
    is_compiled = text is not pattern
    kind = (1, 0) if is_compiled else (1, 1) if is_regex(text) else (0, 0)
    return (*kind, -text.count("/"), -len(text))
