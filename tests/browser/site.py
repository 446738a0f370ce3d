"""One cast for all browser tests: rules, the proxy's configuration, the servers and their addresses.

Laws: the rules exist once, as `Rule`s for the oracle, and are written out as YAML (JSON is YAML) for
the proxy. Every name is under `.localhost`, which browsers resolve to this machine by themselves;
`shop.localhost` is one site, so that its cookies are no third party's.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from corsproxy.cors.rule import Origins, Rule
from tests.browser.application import Application
from tests.processes import Processes, free_port

__all__ = ["RULE_NAMES", "Site", "opened"]

# `none` has no rule: its path is in nobody's list.
RULE_NAMES = ("none", "star", "exact", "wild", "credentials", "block", "report", "null", "unchecked")


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that runs, and where."""

    rules: tuple[Rule, ...]
    backend: Application
    proxy: str  # origins
    dead: str  # a second proxy with the same rules, whose backend nobody listens for
    pages: dict[str, str]


def rules(pages: int) -> tuple[Rule, ...]:
    """Return one rule a path; `pages` is the port that the pages come from."""
    app = Origins(exact=(f"http://app.shop.localhost:{pages}",))
    usual = Rule(
        name="",
        place="",
        paths=(),
        origins=app,
        allow_methods=("GET", "POST", "PUT", "DELETE", "OPTIONS"),
        allow_headers=("X-Good", "Content-Type"),
        expose_headers=("X-Exposed",),
    )
    variants = {
        "star": replace(usual, origins=Origins(any=True), allow_methods=("*",), allow_headers=("*",)),
        "exact": replace(usual, max_age=0),
        "wild": replace(
            usual, origins=Origins(wildcards=("http://*.wild.shop.localhost:*",)), preflight_status=200
        ),
        "credentials": replace(usual, allow_credentials=True, max_age=600),
        "block": replace(usual, block=True, allow_methods=("PUT", "DELETE")),
        "report": replace(usual, report=True),
        "null": replace(usual, origins=Origins(null=True)),
        "unchecked": replace(usual, websocket=False, allow_headers=()),
    }
    return tuple(replace(rule, name=name, paths=(f"/{name}/**",)) for name, rule in variants.items())


def configuration(port: int, upstream: int, rule_set: tuple[Rule, ...]) -> str:
    return json.dumps(
        {
            "listen": f"127.0.0.1:{port}",
            "upstream": f"http://127.0.0.1:{upstream}",
            "admin": {"listen": "off"},
            "log": {"access": "off"},
            "rules": [written(rule) for rule in rule_set],
        },
        indent=2,
    )


def written(rule: Rule) -> dict[str, object]:
    """Write a rule as its owner would."""
    origins = ["*"] * rule.origins.any + ["null"] * rule.origins.null
    keys: dict[str, object] = {
        "name": rule.name,
        "path": list(rule.paths),
        "allow_origins": [*origins, *rule.origins.exact, *rule.origins.wildcards],
        "allow_methods": list(rule.allow_methods),
        "allow_headers": list(rule.allow_headers),
        "expose_headers": list(rule.expose_headers),
        "allow_credentials": rule.allow_credentials,
        "preflight_status": rule.preflight_status,
        "mode": "report" if rule.report else "enforce",
        "on_disallowed": "block" if rule.block else "strip",
        "websocket": rule.websocket,
    }
    if rule.max_age is not None:
        keys["max_age"] = rule.max_age
    if rule.origins.null:
        keys["dangerously_allow_null_origin"] = True
    if rule.allow_credentials:
        keys["dangerously_allow_insecure_origins"] = True
    return keys


@contextmanager
def opened(folder: Path) -> Iterator[Site]:
    """Start the servers and two proxies; end them afterwards."""
    started = Processes(folder)
    with Application() as backend, Application() as pages:
        backend.elsewhere = f"http://other.localhost:{pages.port}"
        rule_set = rules(pages.port)
        port, dead, nobody = free_port(), free_port(), free_port()
        try:
            for listen, upstream in ((port, backend.port), (dead, nobody)):
                file = folder / f"corsproxy-{listen}.yaml"
                file.write_text(configuration(listen, upstream, rule_set))
                started.python("-m", "corsproxy", "run", "-c", file, ports=[listen])
            yield Site(
                rules=rule_set,
                backend=backend,
                proxy=f"http://api.shop.localhost:{port}",
                dead=f"http://api.shop.localhost:{dead}",
                pages={
                    "allowed": f"http://app.shop.localhost:{pages.port}",
                    "disallowed": f"http://evil.localhost:{pages.port}",
                    "wildcard": f"http://a.b.wild.shop.localhost:{pages.port}",
                    "lookalike": f"http://wild.shop.localhost:{pages.port}",
                },
            )
        finally:
            started.end_all()
