"""Each sample app with Flask-CORS itself, and unmodified behind the proxy with the imported rules: the same grants.

Laws: what differs is what the report says, no more and no less. Where the app let a page in and the rules do not, a loss names
why; the origins that a loss names as let in were let in, and are not any more. The rules let in nobody but for the
losses that say so. Answers of status 400 and above may be readable here where they were not.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from corsproxy.bridges.flask.findings import Code
from corsproxy.bridges.flask.importing import Imported, import_flask
from tests.bridges.flask.grants import Cell, Outcome, Server, cells
from tests.processes import Processes, free_port

HERE = Path(__file__).parent
APPS = HERE / "apps"
NAMES = sorted(folder.name for folder in APPS.iterdir() if folder.is_dir())
# The routes of each app that are asked, with the methods of their views.
ROUTES: dict[str, dict[str, tuple[str, ...]]] = {
    "any_credentials": {"/api/profile": ("GET",), "/auth/login": ("POST",)},
    "blueprints": {
        "/": ("GET",), "/v1/public/news": ("GET",), "/v1/public/news/x": ("GET",), "/admin/stats": ("GET",),
        "/admin/users/": ("GET", "POST"), "/admin/users/7": ("GET", "PUT"),
    },
    "conditional": {"/fixed/x": ("GET",), "/tenants/x": ("GET",)},
    "config_class": {"/api/orders": ("GET", "POST", "PUT"), "/internal": ("GET",)},
    "credentials": {"/login": ("POST",), "/cart": ("GET", "PUT", "DELETE")},
    "decorators": {
        "/": ("GET",), "/open": ("GET",), "/reports/2026": ("GET", "PUT"), "/reports/export": ("GET",),
        "/files/a/b": ("GET",), "/upside-down": ("GET",),
    },
    "defaults": {"/": ("GET",), "/notes/x": ("PUT",), "/nothing": ("GET",)},
    "dotenv_list": {"/me": ("GET", "PUT")},
    "errors": {"/forbidden": ("GET",), "/broken": ("PUT",), "/fine": ("GET",), "/nothing": ("GET",)},
    "factory": {"/api/products": ("GET",), "/api/products/7": ("GET", "PATCH", "PUT"), "/health": ("GET",)},
    "layers": {"/shop/items": ("GET",), "/shop/items/0a0b0c0d-0000-4000-8000-000000000000": ("GET", "PUT"), "/news": ("GET",)},
    "legacy": {"/foo": ("GET", "PUT"), "/bar": ("GET",)},
    "methods": {"/thing": ("GET", "POST", "PUT", "DELETE")},
    "mistakes": {"/": ("GET",)},
    "mixed": {"/account": ("GET", "PUT"), "/widget": ("GET",), "/webhook": ("POST",)},
    "prefixed": {"/data": ("GET",)},
    "regexes": {
        "/api/things": ("GET", "PUT"), "/api/v2/things": ("GET", "PUT"), "/status": ("GET",), "/docs/x": ("GET",),
        "/elsewhere": ("GET",),
    },
    "restful": {"/users/": ("GET", "PUT"), "/health": ("GET",), "/audit": ("GET",)},
    "same_url": {"/api/things": ("GET", "PUT"), "/api/orders": ("GET", "POST")},
    "single": {"/": ("GET",), "/items": ("GET", "POST"), "/items/7": ("GET", "PUT", "DELETE")},
}  # fmt: skip
ORIGINS = (
    "https://app.example.com", "https://www.example.com", "https://a.b.example.com", "http://app.example.com",
    "http://localhost:3000", "https://evil.example", "https://app.example.com.evil.example", "null",
)  # fmt: skip
# Origins that one app is about.
MORE: dict[str, tuple[str, ...]] = {
    "blueprints": ("https://admin.example.com",),
    "conditional": ("https://tenant.example", "http://localhost:5173"),
    "config_class": ("https://too-late.example",),
    "decorators": ("https://partner.example", "https://never.example"),
    "factory": ("https://shop.example.com", "http://localhost:8080", "https://admin.example.com"),
    "layers": ("https://till.example", "https://reader.example"),
    "legacy": ("https://legacy.example:8443", "https://legacy.example"),
    "mistakes": (
        "https://good.example",
        "https://one.example",
        "https://evilexample.net",
        "https://a.example.net",
    ),
    "mixed": ("https://hooks.example",),
    "regexes": (
        "https://www.example.org",
        "https://pr-12.preview.example",
        "http://localhost",
        "https://xexample.org",
    ),
}
NARROWER = {
    Code.ANY_WITH_CREDENTIALS, Code.ORIGIN_UNKNOWN, Code.ORIGIN_NULL, Code.ORIGIN_NEVER_MATCHED, Code.REGEX_TIGHTENED,
    Code.HEADER, Code.FALL_THROUGH, Code.POLICIES_DIFFER,
}  # fmt: skip
WIDER = {Code.SAFELISTED_METHOD}


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, int], Processes]]:
    processes = Processes(tmp_path_factory.mktemp("apps"))
    ports = {name: free_port() for name in NAMES}
    words = [f"{name}={port}" for name, port in ports.items()]
    processes.python(HERE / "hosting.py", APPS, *words, ports=tuple(ports.values()))
    try:
        yield ports, processes
    finally:
        processes.end_all()


def imported(name: str, port: int) -> Imported:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("CORSTEST")}
    return import_flask(APPS / name, environ, upstream=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_grants_but_for_the_losses(
    name: str, apps: tuple[dict[str, int], Processes], tmp_path: Path
) -> None:
    ports, processes = apps
    found = imported(name, ports[name])
    listen = free_port()
    file = tmp_path / "corsproxy.yaml"
    file.write_text(f"{found.text}\nlisten: 127.0.0.1:{listen}\nadmin:\n  listen: 127.0.0.1:{free_port()}\n")
    proxy = processes.python("-m", "corsproxy", "run", "-c", file, ports=(listen,))
    let_in = {origin for finding in found.findings for origin in finding.let_in}
    origins = tuple(dict.fromkeys((*ORIGINS, *MORE.get(name, ()), *sorted(let_in))))
    old, new = Server(ports[name]), Server(listen)
    try:
        outcomes = {
            cell: (old.outcome(cell), new.outcome(cell))
            for cell in cells(origins, list(ROUTES[name].items()))
        }
    finally:
        old.close()
        new.close()
        proxy.stop()
    codes = {finding.code for finding in found.findings if finding.is_loss}
    lost = [cell for cell, (before, after) in outcomes.items() if before.readable and not after.readable]
    gained = [cell for cell, outcome in outcomes.items() if is_gained(*outcome)]
    assert any(before.readable for before, _ in outcomes.values())
    assert bool(lost) == bool(codes & NARROWER - never_matched_only(found)), "\n".join(map(str, lost[:20]))
    assert bool(gained) == bool(codes & WIDER), "\n".join(map(str, gained[:20]))
    assert {cell.origin for cell in lost} >= let_in, (
        "what a loss names as let in was let in, and is not any more"
    )
    assert (HERE / "expected" / f"{name}.txt").read_text() == told(lost, gained)


def is_gained(before: Outcome, after: Outcome) -> bool:
    return after.readable and not before.readable and after.status < 400


def never_matched_only(found: Imported) -> set[Code]:
    """What never matched is lost to nobody, unless it let somebody else in."""
    never = [f for f in found.findings if f.code in {Code.ORIGIN_NEVER_MATCHED, Code.HEADER} and f.let_in]
    return set() if never else {Code.ORIGIN_NEVER_MATCHED}


def told(lost: list[Cell], gained: list[Cell]) -> str:
    """Write the differences, a line for each origin, path and method."""
    lines = {f"no more: {cell.origin} {cell.method} {cell.path}" for cell in lost}
    lines |= {
        f"new: {cell.origin} {cell.method} {cell.path} with {', '.join(cell.headers)}" for cell in gained
    }
    return "".join(f"{line}\n" for line in sorted(lines))
