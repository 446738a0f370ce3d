"""From text to Settings: what every key comes to, where problems point, what is warned about."""

import dataclasses
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from corsproxy.config import rulekeys
from corsproxy.config.filekeys import FileKeys
from corsproxy.config.load import Loaded, load, read_settings, settings_from_flags
from corsproxy.config.problem import COMMAND_LINE, Code, ConfigError, Problem, spell
from corsproxy.config.settings import (
    Admin,
    Endpoint,
    Limits,
    Log,
    Settings,
    Source,
    Timeouts,
    Upstream,
)
from corsproxy.cors.rule import Cookies, Origins, Rule

Write = Callable[[str], Path]

SMALLEST = """\
upstream: http://127.0.0.1:5000
rules:
  - path: /**
    allow_origins: [https://app.example.com]
    allow_credentials: true
"""

EVERYTHING = r"""
version: 1
listen: [127.0.0.1:8080, "[::1]:8080", unix:/run/corsproxy.sock]
workers: 4
upstream:
  url: http://127.0.0.1:5000
  host: upstream
  max_connections: 50
  max_queue: 500
  idle_timeout: 1s
admin: {listen: 127.0.0.1:9000, hosts: [Metrics.internal]}
trusted_proxies: [10.0.0.0/8, 192.168.1.7]
public_origins: [https://api.example.com]
timeouts: {client_header: 1s, client_body: 2s, client_idle: 3s, connect: 250ms, upstream_response: 4s,
           upstream_idle_body: 5s, tunnel_idle: 2h, drain: 0}
limits: {header_bytes: 16KiB, header_count: 64, body_bytes: 10MiB, connections: 0}
log: {level: debug, format: text, access: off}
defaults: {max_age: 10m, allow_headers: [X-Default]}
rules:
  - name: api
    path: [/api/**, /v2/**]
    host: api.example.com
    allow_origins:
      - https://app.example.com
      - https://*.example.com
      - https://app-*-team.vercel.app
      - http://localhost:*
      - regex: 'https://pr-[0-9]+\.example\.com'
    allow_methods: [GET, POST, PUT, DELETE]
    allow_headers: [Authorization, Content-Type]
    expose_headers: [X-Total-Count]
    allow_credentials: true
    max_age: -1
    allow_private_network: true
    preflight_status: 200
    mode: report
    on_disallowed: block
    websocket: true
    cookies: {same_site: none, secure: true, partitioned: false, names: [session]}
    response_headers: {set: {Cross-Origin-Resource-Policy: cross-origin}, remove: [X-Powered-By]}
  - path: /**
    allow_origins: ["*"]
silence: [origin_local_any_port, private_network_unused]
tests:
  - name: the app may send a token
    request: {origin: https://app.example.com, method: PUT, path: /api/users/1,
              headers: [Authorization], credentials: true}
    expect: allowed
  - request: {origin: https://evil.example, path: /api/users}
    expect: {denied: origin_not_allowed}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "c.yaml"
        file.write_text(text)
        return file

    return write


def without_source(settings: Settings) -> Settings:
    rules = tuple(dataclasses.replace(rule, place=rule.place.rpartition(":")[2]) for rule in settings.rules)
    return dataclasses.replace(settings, source=Source("", ""), rules=rules)


def test_the_smallest(write: Write) -> None:
    file = write(SMALLEST)
    settings = load(file, {})
    assert re.fullmatch("[0-9a-f]{64}", settings.source.sha256)
    assert settings == Settings(
        source=Source(str(file), settings.source.sha256),
        upstream=Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000"),
        rules=(
            Rule(
                name="rule-1",
                place=f"{file}:3",
                paths=("/**",),
                origins=Origins(exact=("https://app.example.com",)),
                allow_credentials=True,
            ),
        ),
    )


def test_everything(write: Write) -> None:
    assert without_source(load(write(EVERYTHING), {})) == Settings(
        source=Source("", ""),
        listen=(Endpoint("127.0.0.1", 8080), Endpoint("::1", 8080), Endpoint(path="/run/corsproxy.sock")),
        workers=4,
        upstream=Upstream(
            endpoint=Endpoint("127.0.0.1", 5000),
            authority="127.0.0.1:5000",
            host="upstream",
            max_connections=50,
            max_queue=500,
            idle_timeout=1.0,
        ),
        admin=Admin(endpoint=Endpoint("127.0.0.1", 9000), hosts=("metrics.internal",)),
        trusted_proxies=("10.0.0.0/8", "192.168.1.7/32"),
        public_origins=("https://api.example.com",),
        timeouts=Timeouts(
            client_header=1.0,
            client_body=2.0,
            client_idle=3.0,
            connect=0.25,
            upstream_response=4.0,
            upstream_idle_body=5.0,
            tunnel_idle=7200.0,
            drain=0.0,
        ),
        limits=Limits(header_bytes=16384, header_count=64, body_bytes=10 * 1024**2, connections=0),
        log=Log(level="debug", format="text", access="off"),
        rules=(
            Rule(
                name="api",
                place="20",
                paths=("/api/**", "/v2/**"),
                host="api.example.com",
                origins=Origins(
                    exact=("https://app.example.com",),
                    wildcards=(
                        "https://*.example.com",
                        "https://app-*-team.vercel.app",
                        "http://localhost:*",
                    ),
                    regexes=(r"https://pr-[0-9]+\.example\.com",),
                ),
                allow_methods=("GET", "POST", "PUT", "DELETE"),
                allow_headers=("Authorization", "Content-Type"),
                expose_headers=("X-Total-Count",),
                allow_credentials=True,
                max_age=-1,
                allow_private_network=True,
                preflight_status=200,
                report=True,
                block=True,
                websocket=True,
                cookies=Cookies(same_site="None", secure=True, partitioned=False, names=("session",)),
                set_fields=(("Cross-Origin-Resource-Policy", "cross-origin"),),
                remove_fields=("X-Powered-By",),
            ),
            Rule(
                name="rule-2",
                place="41",
                paths=("/**",),
                origins=Origins(any=True),
                allow_headers=("X-Default",),
                max_age=600,
            ),
        ),
    )


def test_what_is_loaded_can_be_pickled(write: Write) -> None:
    settings = load(write(EVERYTHING), {})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_refusal_can_be_pickled(write: Write) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write("rules: []\n"), {})
    again = pickle.loads(pickle.dumps(refused.value))
    assert again.problems == refused.value.problems


def test_the_models_have_the_defaults_of_the_settings() -> None:
    keys = FileKeys.model_validate({"upstream": "http://x", "rules": [{"path": "/**"}]})
    assert Timeouts(**keys.timeouts.model_dump()) == Timeouts()
    assert Limits(**keys.limits.model_dump()) == Limits()
    assert Log(**keys.log.model_dump()) == Log()


def test_every_rule_key_stands_in_defaults_too() -> None:
    assert set(rulekeys.RuleKeys.model_fields) - set(rulekeys.Defaults.model_fields) == {"name"}


def test_admin_can_be_off(write: Write) -> None:
    assert load(write("admin: {listen: off}\n" + SMALLEST), {}).admin is None


def test_workers_auto_is_at_least_one(write: Write) -> None:
    assert load(write("workers: auto\n" + SMALLEST), {}).workers >= 1


@pytest.mark.parametrize(
    ("url", "endpoint", "is_tls", "authority"),
    [
        ("http://127.0.0.1", Endpoint("127.0.0.1", 80), False, "127.0.0.1"),
        ("http://App:5000/", Endpoint("app", 5000), False, "app:5000"),
        ("http://[::1]:5000", Endpoint("::1", 5000), False, "[::1]:5000"),
        ("https://api.internal", Endpoint("api.internal", 443), True, "api.internal"),
        ("https://api.internal:443", Endpoint("api.internal", 443), True, "api.internal"),
        ("unix:/run/gunicorn.sock", Endpoint(path="/run/gunicorn.sock"), False, "localhost"),
        ("unix:///run/gunicorn.sock", Endpoint(path="/run/gunicorn.sock"), False, "localhost"),
    ],
)
def test_upstream_urls(url: str, endpoint: Endpoint, is_tls: bool, authority: str, write: Write) -> None:
    upstream = load(write(SMALLEST.replace("http://127.0.0.1:5000", f'"{url}"')), {}).upstream
    assert (upstream.endpoint, upstream.tls is not None, upstream.authority) == (endpoint, is_tls, authority)


def test_environment_has_types_where_it_is_not_quoted(write: Write) -> None:
    text = "workers: ${WORKERS}\nlisten: ${LISTEN:-127.0.0.1:8080}\n" + SMALLEST.replace("true", "${YES}")
    settings = load(write(text), {"WORKERS": "3", "YES": "true"})
    assert (settings.workers, settings.listen) == (3, (Endpoint("127.0.0.1", 8080),))
    assert settings.rules[0].allow_credentials


def test_defaults_are_overridden_whole(write: Write) -> None:
    text = """\
upstream: http://127.0.0.1:5000
defaults:
  allow_origins: [https://app.example.com]
  cookies: {same_site: lax, names: [session]}
  mode: report
rules:
  - {path: /a/**, cookies: {secure: true}}
  - {path: /b/**, mode: enforce, allow_origins: []}
"""
    first, second = load(write(text), {}).rules
    assert first.origins == Origins(exact=("https://app.example.com",))
    assert (first.cookies, first.report) == (Cookies(secure=True), True)
    assert second.origins == Origins()
    assert (second.cookies, second.report) == (Cookies(same_site="Lax", names=("session",)), False)


def test_problems_of_defaults_point_there(write: Write) -> None:
    file = write(
        """\
upstream: http://127.0.0.1:5000
defaults:
  allow_origins: [http://app.example.com]
rules:
  - {path: /a/**, allow_credentials: true}
  - {path: /b/**, allow_credentials: true}
  - {path: /c/**}
"""
    )
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    (problem,) = refused.value.problems
    assert (problem.line, problem.column, problem.path) == (3, 19, "defaults.allow_origins[0]")


def test_paths_still_fit_where_items_could_not_be_read(write: Write) -> None:
    """Items that are left out of a list do not move the ones behind them."""
    file = write(
        """\
upstream: http://127.0.0.1:5000
rules:
  - 5
  - {path: /a/**, allow_origins: [7, ~, "https://x.example/"]}
  - {path: /b/**, allow_origins: [NO, https://x.example, "https://y.example/"]}
"""
    )
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert [problem.path for problem in refused.value.problems] == [
        "rules[0]",
        "rules[1].allow_origins[0]",
        "rules[1].allow_origins[1]",
        "rules[1].allow_origins[2]",
        "rules[2].allow_origins[0]",
        "rules[2].allow_origins[2]",
    ]


DANGEROUS = """\
upstream: {url: "https://127.0.0.1:5001", tls: {verify: false}}
trusted_proxies: [0.0.0.0/0]
rules:
  - path: /null
    allow_origins: ["null"]
    dangerously_allow_null_origin: true
  - path: /http
    allow_origins: [http://app.example.com]
    allow_credentials: true
    dangerously_allow_insecure_origins: true
  - path: /suffix
    allow_origins: [https://*.github.io]
    dangerously_allow_public_suffix: true
  - path: /begins-alike
    allow_origins: [https://app-*.vercel.app]
    websocket: false
  - path: /headers
    allow_origins: [https://app.example.com]
    allow_headers: ["*", Cookie, Access-Control-Allow-Origin]
    cookies: {same_site: none, secure: true}
"""


def test_dangerous_keys_let_through_and_warn(write: Write) -> None:
    loaded = read_settings(write(DANGEROUS), {})
    assert [rule.origins for rule in loaded.settings.rules[:3]] == [
        Origins(null=True),
        Origins(exact=("http://app.example.com",)),
        Origins(wildcards=("https://*.github.io",)),
    ]
    assert [(problem.line, problem.path, problem.what) for problem in loaded.warnings] == [
        (1, "upstream.tls.verify", "The backend's certificate is not checked."),
        (2, "trusted_proxies[0]", "0.0.0.0/0 trusts everybody."),
        (6, "rules[0].dangerously_allow_null_origin", "dangerously_allow_null_origin is on."),
        (10, "rules[1].dangerously_allow_insecure_origins", "dangerously_allow_insecure_origins is on."),
        (13, "rules[2].dangerously_allow_public_suffix", "dangerously_allow_public_suffix is on."),
        (
            15,
            "rules[3].allow_origins[0]",
            "https://app-*.vercel.app lets in whoever registers a name on vercel.app that begins alike.",
        ),
        (16, "rules[3].websocket", "WebSocket handshakes are not checked."),
        (19, "rules[4].allow_headers[0]", '"*" does not include Authorization, as in the Fetch standard.'),
        (19, "rules[4].allow_headers[1]", "Cookie cannot be set by a page, so none ever asks for it."),
        (
            19,
            "rules[4].allow_headers[2]",
            "Access-Control-Allow-Origin is a field of answers; no request should carry it.",
        ),
        (
            20,
            "rules[4].cookies",
            "Pages on other origins cannot send these cookies: the rule does not allow credentials.",
        ),
    ]


@pytest.mark.parametrize(
    ("listen", "upstream", "is_ourselves"),
    [
        ("0.0.0.0:8080", "http://127.0.0.1:8080", True),
        ("10.0.0.5:8080", "http://10.0.0.5:8080", True),
        ('"[::]:8080"', "http://[::1]:8080", True),
        ("0.0.0.0:443", "https://localhost", True),
        ("0.0.0.0:8080", "http://app:8080", False),
        ("0.0.0.0:8080", "http://10.0.0.5:8080", False),
        ("10.0.0.5:8080", "http://127.0.0.1:8080", False),
        ('"[::1]:8080"', "http://127.0.0.1:8080", False),
    ],
)
def test_a_backend_that_is_the_proxy_itself(
    write: Write, listen: str, upstream: str, is_ourselves: bool
) -> None:
    file = write(SMALLEST.replace("http://127.0.0.1:5000", f'"{upstream}"') + f"listen: {listen}\n")
    if not is_ourselves:
        load(file, {})
        return
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert [problem.code for problem in refused.value.problems] == [Code.CONFLICT]


def test_warnings_of_settings_are_one_line_each(write: Write) -> None:
    file = write("trusted_proxies: [0.0.0.0/0]\n" + SMALLEST)
    (warning,) = load(file, {}).warnings
    assert warning == (
        f"{file}:1:19  trusted_proxies[0] 0.0.0.0/0 trusts everybody. "
        "Why: any client can then claim another address, scheme and host. "
        "Fix: name the networks your proxies are in (trusts_everybody)"
    )


def test_policy_tests_are_counted(write: Write) -> None:
    assert read_settings(write(EVERYTHING), {}).tests == 2


def test_a_test_means_the_host_of_the_rule_it_is_about(write: Write) -> None:
    text = """\
upstream: http://127.0.0.1:5000
rules:
  - {name: a, path: /a/**, host: a.example, allow_origins: [https://x.example]}
  - {name: rest, path: /**, allow_origins: []}
tests:
  - {request: {origin: https://x.example, path: /a/b}, expect: allowed}
  - {request: {origin: https://x.example, path: /a/b, host: b.example}, expect: {denied: origin_not_allowed}}
  - {request: {origin: https://x.example, path: /c}, expect: {denied: origin_not_allowed}}
"""
    assert read_settings(write(text), {}).tests == 3


def test_tests_can_open_websockets(write: Write) -> None:
    text = SMALLEST + (
        "tests:\n"
        "  - {request: {origin: https://app.example.com, path: /ws, websocket: true}, expect: allowed}\n"
        "  - request: {origin: https://evil.example, path: /ws, websocket: true}\n"
        "    expect: {denied: websocket_origin_not_allowed}\n"
    )
    assert read_settings(write(text), {}).tests == 2


def test_another_backend_in_the_files_place(write: Write) -> None:
    text = (
        'upstream: {url: "https://api.internal", max_queue: 7, tls: {verify: true}}\n'
        + SMALLEST.partition("\n")[2]
    )
    upstream = load(write(text), {}, upstream="http://127.0.0.1:6000").upstream
    assert upstream == Upstream(endpoint=Endpoint("127.0.0.1", 6000), authority="127.0.0.1:6000", max_queue=7)


def test_a_bad_backend_in_the_files_place(write: Write) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write(SMALLEST), {}, upstream="127.0.0.1:6000")
    assert refused.value.problems == (
        Problem(
            COMMAND_LINE,
            0,
            0,
            "--upstream",
            '"127.0.0.1:6000" does not begin with http://, https:// or unix:.',
            fix="write http://127.0.0.1:6000",
            code=Code.URL,
        ),
    )


@pytest.mark.parametrize("written", ["http://127.0.0.1:5000", '{url: "http://127.0.0.1:5000"}'])
def test_what_is_wrong_with_another_backend_is_not_blamed_on_the_file(write: Write, written: str) -> None:
    text = f"upstream: {written}\n{SMALLEST.partition(chr(10))[2]}"
    with pytest.raises(ConfigError) as refused:
        load(write(text), {}, upstream="http://localhost:8080")
    assert refused.value.problems == (
        Problem(
            COMMAND_LINE,
            0,
            0,
            "--upstream",
            "http://localhost:8080 is where clients are served: each request would come back here.",
            fix="write the backend's own address, or have one of the two listen elsewhere",
            code=Code.CONFLICT,
        ),
    )


def test_flags_come_to_the_same_settings() -> None:
    settings = settings_from_flags(
        "http://127.0.0.1:5000",
        ["https://app.example.com", "https://*.example.org"],
        allow_credentials=True,
        allow_headers=["Authorization"],
        allow_methods=["PUT"],
        listen=["127.0.0.1:8080"],
    )
    assert settings == Settings(
        source=Source(COMMAND_LINE, settings.source.sha256),
        upstream=Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000"),
        listen=(Endpoint("127.0.0.1", 8080),),
        rules=(
            Rule(
                name="flags",
                place=COMMAND_LINE,
                paths=("/**",),
                origins=Origins(exact=("https://app.example.com",), wildcards=("https://*.example.org",)),
                allow_methods=("PUT",),
                allow_headers=("Authorization",),
                allow_credentials=True,
            ),
        ),
    )


def test_problems_of_flags_name_the_flag() -> None:
    with pytest.raises(ConfigError) as refused:
        settings_from_flags(
            "x", ["*"], allow_credentials=True, allow_headers=["a b"], allow_methods=["get"], listen=["x"]
        )
    assert {(problem.place, problem.path) for problem in refused.value.problems} == {
        (COMMAND_LINE, flag)
        for flag in ("--upstream", "--allow-credentials", "--allow-header", "--allow-method", "--listen")
    }


def test_loaded_is_frozen(write: Write) -> None:
    loaded = read_settings(write(SMALLEST), {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.tests = 5  # type: ignore[misc]
    assert isinstance(loaded, Loaded)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("rules", 0, "allow_origins", 12), "rules[0].allow_origins[12]"),
        (("rules", 0, "response_headers", "set", "X-A"), 'rules[0].response_headers.set["X-A"]'),
        (("a b",), '["a b"]'),
    ],
)
def test_key_paths_are_spelled_as_people_do(path: tuple[str | int, ...], text: str) -> None:
    assert spell(path) == text
