"""`app.config`: what is put into it, by all the ways that Flask has.

Laws: what was set last holds. Settings that cannot be read may hold anything that the project speaks of: those names are then
unknown, and others are as they were.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from corsproxy.bridges.flask.environment import Environment
from corsproxy.bridges.flask.findings import Place
from corsproxy.bridges.flask.objects import Config, Option
from corsproxy.bridges.flask.sources import LARGEST, beginning
from corsproxy.bridges.flask.values import Class, Instance, Located, Module, Unknown

__all__ = [
    "from_file",
    "from_mapping",
    "from_object",
    "from_prefixed_environment",
    "look_up",
    "put",
    "written",
]


def written(value: object, otherwise: Place) -> Place:
    """Return where a value was written: its own place, or that of its first element."""
    if isinstance(value, (Located, Unknown)):
        return value.place
    if isinstance(value, (list, tuple)) and value:
        return written(value[0], otherwise)
    return otherwise


def put(config: Config, key: object, value: object, place: Place) -> None:
    """Set one key."""
    if isinstance(key, str):
        config.entries[str(key)] = Option(value, written(value, place), str(key))


def from_mapping(config: Config, mapping: object, place: Place) -> None:
    """Set the keys of a dictionary."""
    if isinstance(mapping, Mapping):
        for key, value in mapping.items():
            put(config, key, value, place)
        return
    config.beyond = (
        mapping if isinstance(mapping, Unknown) else Unknown("settings that are not a dictionary", place)
    )


def from_object(config: Config, holder: object, place: Place) -> None:
    """Set what a class, an object or a module has in capitals."""
    if isinstance(holder, Module):
        names, places = holder.scope.names, holder.scope.places
    elif isinstance(holder, Class):
        names, places = holder.all_names(), holder.all_places()
    elif isinstance(holder, Instance):
        names, places = {**holder.kind.all_names(), **holder.names}, holder.kind.all_places()
    else:
        config.beyond = holder if isinstance(holder, Unknown) else Unknown("settings from elsewhere", place)
        return
    for name, value in names.items():
        if name.isupper():
            put(config, name, value, places.get(name, place))


def from_prefixed_environment(config: Config, environment: Environment, prefix: str) -> None:
    """Set what the environment has under a prefix; values are JSON where they can be, as in Flask."""
    for name, text in environment.prefixed(f"{prefix}_").items():
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        if isinstance(value, str):
            value = Located(value, text.place)
        elif isinstance(value, list):
            value = [Located(item, text.place) if isinstance(item, str) else item for item in value]
        if "__" not in name:
            put(config, name, value, text.place)


def from_file(config: Config, path: Path | None, shown: str, place: Place) -> None:
    """Set the keys of a JSON or TOML file."""
    try:
        text = beginning(path, LARGEST).decode() if path else ""
        found = tomllib.loads(text) if path and path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError):
        config.beyond = Unknown(f"the file {shown}, which cannot be read", place)
        return
    from_mapping(config, found, Place(shown))


def look_up(config: Config, key: object, default: object, place: Place) -> object:
    """Return the value of a key."""
    if isinstance(key, str) and key in config.entries:
        return config.entries[key].value
    if config.beyond is not None or not isinstance(key, str):
        return Unknown(f"`config[{str(key)!r}]`", place)
    return default
