"""Which paths an app serves, by which view, below which blueprints: blueprints registered, prefixes put together.

Laws: as Flask registers: a prefix given at the registration wins over the blueprint's own, and those of nested blueprints add up.
A blueprint whose registration was not found is taken as registered with its own prefix, and reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from corsproxy.bridges.flask.asking import is_refused_path
from corsproxy.bridges.flask.findings import Code, Findings
from corsproxy.bridges.flask.objects import App, Blueprint, Route, Router
from corsproxy.bridges.flask.paths import Url, join, urls_of
from corsproxy.cors.path import path_faults

__all__ = ["Served", "prefixes", "serve"]

_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Served:
    """A route at one of its URLs. `below` are the blueprints around it, the innermost first."""

    url: Url
    route: Route
    below: tuple[Blueprint, ...]


def serve(app: App, blueprints: list[Blueprint], findings: Findings) -> list[Served]:
    """Return all that an app serves."""
    found = list(_walk(app, None, (), 0))
    mounted = {blueprint for each in found for blueprint in each.below} | {
        mount.blueprint for mount in app.mounts
    }
    for blueprint in blueprints:
        is_of_interest = blueprint.applied or any(
            route.decorations or route.by_method for route in blueprint.routes
        )
        if blueprint not in mounted and is_of_interest and blueprint.routes:
            what = f"The blueprint {blueprint.name} is not registered in what was read."
            instead = f"taken as registered at {blueprint.prefix or '/'}."
            findings.add(
                Code.UNREGISTERED,
                blueprint.place,
                f"{what} It is {instead}",
                fix="mend the paths in the YAML",
            )
            found += _walk(blueprint, blueprint.prefix, (blueprint,), 0)
    found = [each for each in found if _is_writable(each, findings)]
    unique = {(each.url.rule, each.route.methods, each.route.place): each for each in found}
    return list(unique.values())


def _is_writable(served: Served, findings: Findings) -> bool:
    """Tell whether a path pattern can say where the route is; report it where it has CORS of its own."""
    if not path_faults(served.url.glob) and not is_refused_path(served.url.glob):
        return True
    if served.route.decorations or served.route.by_method or any(each.applied for each in served.below):
        what = f"The route {served.url.rule} cannot be written as a path pattern, and is left out."
        fix = "look which rule takes its path now"
        findings.add(Code.PATH, served.route.place, what, fix=fix)
    return False


def _walk(router: Router, prefix: str | None, below: tuple[Blueprint, ...], depth: int) -> Iterator[Served]:
    for route in router.routes:
        for url in urls_of(join(prefix or "", route.rule)):
            yield Served(url, route, below)
    for mount in router.mounts if depth < _DEEPEST else ():
        own = mount.blueprint.prefix if mount.prefix is None else mount.prefix
        together = (
            own if prefix is None else prefix if own is None else f"{prefix.rstrip('/')}/{own.lstrip('/')}"
        )
        yield from _walk(mount.blueprint, together, (mount.blueprint, *below), depth + 1)


def prefixes(router: Router, blueprint: Blueprint, prefix: str | None = None, depth: int = 0) -> set[str]:
    """Return the prefixes below which a blueprint is served."""
    found: set[str] = set()
    for mount in router.mounts if depth < _DEEPEST else ():
        own = mount.blueprint.prefix if mount.prefix is None else mount.prefix
        together = (
            own if prefix is None else prefix if own is None else f"{prefix.rstrip('/')}/{own.lstrip('/')}"
        )
        if mount.blueprint is blueprint:
            found.add(together or "")
        found |= prefixes(mount.blueprint, blueprint, together, depth + 1)
    return found
