"""Every warning: what brings it about, all that is said of it, and how it is silenced."""

import datetime as dt
import re
from pathlib import Path

import pytest
import trustme

from corsproxy.config.codes import MEANINGS, SILENCEABLE, WARNINGS, nearest
from corsproxy.config.load import Loaded, read_settings
from corsproxy.config.problem import Code, ConfigError
from corsproxy.config.rulekeys import Defaults

FILE = """\
upstream: {upstream}
rules:
  - path: {path}
    allow_origins: {origins}
{more}"""

# code: what differs from the file above, the place, the key, and what is said.
CASES: dict[Code, tuple[dict[str, str], str]] = {
    Code.DANGEROUS: (
        {"origins": '["null"]', "more": "    dangerously_allow_null_origin: true\n"},
        """\
5:5  rules[0].dangerously_allow_null_origin
  dangerously_allow_null_origin is on.
  Why: the origin "null" names nobody: any site can have it.
  Fix: remove it, and what needs it, as soon as you can""",
    ),
    Code.DANGEROUS_UNNEEDED: (
        {"more": "    dangerously_allow_public_suffix: true\n"},
        """\
5:5  rules[0].dangerously_allow_public_suffix
  dangerously_allow_public_suffix is on, and nothing here needs it.
  Why: it would let through what somebody adds later.
  Fix: remove it""",
    ),
    Code.UPSTREAM_UNVERIFIED: (
        {"upstream": '{url: "https://127.0.0.1:5001", tls: {verify: false}}'},
        """\
1:49  upstream.tls.verify
  The backend's certificate is not checked.
  Why: whoever is between the proxy and the backend can read and change everything.
  Fix: give ca: the authority that signed it""",
    ),
    Code.TLS_VALIDITY: (
        {"upstream": "http://127.0.0.1:5000\ntls: {certificate: old.crt, key: old.key}"},
        """\
2:1  tls
  The certificate is not valid any more: it ended at 2001-01-01 00:00:00 UTC.
  Why: clients refuse a certificate that is not valid when they connect.
  Fix: renew it; the new files are taken without a restart""",
    ),
    Code.TRUSTS_EVERYBODY: (
        {"more": "trusted_proxies: [10.0.0.0/8, '::/0']\n"},
        """\
5:31  trusted_proxies[1]
  ::/0 trusts everybody.
  Why: any client can then claim another address, scheme and host.
  Fix: name the networks your proxies are in""",
    ),
    Code.WEBSOCKET_UNCHECKED: (
        {"more": "    websocket: false\n"},
        """\
5:5  rules[0].websocket
  WebSocket handshakes are not checked.
  Why: browsers make no CORS check for them: any site can open one with the visitor's cookies.
  Fix: remove websocket: false, or see to it that the backend checks Origin""",
    ),
    Code.ORIGIN_SHARED_SUFFIX: (
        {"origins": "[https://app-*.vercel.app]"},
        """\
4:21  rules[0].allow_origins[0]
  https://app-*.vercel.app lets in whoever registers a name on vercel.app that begins alike.
  Fix: end the label in something that is yours, as in https://app-*-team.vercel.app""",
    ),
    Code.ORIGIN_LOCAL_ANY_PORT: (
        {"origins": "['http://127.0.0.1:*']", "more": "    allow_credentials: true\n"},
        """\
4:21  rules[0].allow_origins[0]
  http://127.0.0.1:* may use credentials, whatever the port.
  Why: every program that serves pages on a visitor's machine can then read with the visitor's cookies.
  Fix: name the ports, or leave it out of what is deployed""",
    ),
    Code.ORIGIN_OWN: (
        {"more": "public_origins: [https://app.example.com]\n"},
        """\
4:21  rules[0].allow_origins[0]
  https://app.example.com is one of public_origins: its requests count as same-origin and get no CORS field.
  Fix: remove it here; or there, if its pages are not served through this proxy""",
    ),
    Code.PATH_VARIABLE: (
        {"path": "[/users, /users/:id/posts/:post_id]"},
        """\
3:20  rules[0].path[1]
  :id stands for itself here: only an address with these very letters matches.
  Why: in the routes of Express and others it is a variable; here * is one segment, ** any number.
  Fix: write /users/*/posts/*""",
    ),
    Code.REPEATED: (
        {"more": "    allow_headers: [X-Trace, Accept, x-trace]\n"},
        """\
5:38  rules[0].allow_headers[2]
  x-trace stands in this list already.
  Fix: remove it, or write what was meant""",
    ),
    Code.AUTHORIZATION_NOT_LISTED: (
        {"more": "    allow_headers: ['*']\n"},
        """\
5:21  rules[0].allow_headers[0]
  "*" does not include Authorization, as in the Fetch standard.
  Fix: name it if pages send tokens: ["*", Authorization]""",
    ),
    Code.CLIENT_SENDS_RESPONSE_HEADER: (
        {"more": "    allow_headers: [Access-Control-Allow-Origin]\n"},
        """\
5:21  rules[0].allow_headers[0]
  Access-Control-Allow-Origin is a field of answers; no request should carry it.
  Fix: remove it here, and in the page that sends it""",
    ),
    Code.HEADER_NEVER_SENT: (
        {"more": "    allow_headers: [Cookie]\n"},
        """\
5:21  rules[0].allow_headers[0]
  Cookie cannot be set by a page, so none ever asks for it.
  Fix: for cookies write allow_credentials: true""",
    ),
    Code.HEADER_NOT_FORWARDED: (
        {"more": "    allow_headers: [X_Api_Key]\n"},
        """\
5:21  rules[0].allow_headers[0]
  X_Api_Key is granted, and then not passed on to the backend: it has an underscore.
  Why: WSGI cannot tell X_User from X-User, so one could pass for the other.
  Fix: write X-Api-Key here and in the page; a Flask app reads either by that name""",
    ),
    Code.COOKIES_WITHOUT_CREDENTIALS: (
        {"more": "    cookies: {same_site: none, secure: true}\n"},
        """\
5:5  rules[0].cookies
  Pages on other origins cannot send these cookies: the rule does not allow credentials.
  Fix: write allow_credentials: true, or remove cookies""",
    ),
    Code.MAX_AGE_CAPPED: (
        {"more": "    max_age: 7201\n"},
        """\
5:5  rules[0].max_age
  Most browsers keep a preflight's answer for less than this.
  Why: Chromium keeps it for 2h, Safari for 10m; only Firefox for as long as 24h.
  Fix: write 2h, or silence this: it does no harm""",
    ),
    Code.PRIVATE_NETWORK_UNUSED: (
        {"more": "    allow_private_network: true\n"},
        """\
5:5  rules[0].allow_private_network
  No current browser asks with Access-Control-Request-Private-Network.
  Why: Local Network Access took its place: a permission that the visitor gives, and no field grants.
  Fix: remove it, unless an old client needs it""",
    ),
    Code.CANDIDATE_DIFFERS: (
        {"more": "candidate: next.yaml\n"},
        """\
5:1  candidate
  The candidate also changes listen, limits, and no request is compared by that.
  Why: only its rules and public origins are decided beside the live ones; the rest takes effect when it becomes the live file.
  Fix: write these keys as they are here, or change them here first""",
    ),
    Code.SILENCE_UNUSED: (
        {"more": "silence: [repeated]\n"},
        """\
5:11  silence[0]
  repeated does not come up here, so this silences nothing.
  Fix: remove it""",
    ),
}


NEXT = """\
upstream: http://127.0.0.1:5000
listen: 127.0.0.1:8081
limits: {connections: 5}
rules:
  - {path: /**, allow_origins: [https://app.example.com]}
"""


def _expired() -> dict[str, bytes]:
    year = [dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2000, 2001)]
    issued = trustme.CA().issue_cert("a.example", not_before=year[0], not_after=year[1])
    return {"old.crt": issued.cert_chain_pems[0].bytes(), "old.key": issued.private_key_pem.bytes()}


EXPIRED = _expired()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "next.yaml").write_text(NEXT)
    for name, pem in EXPIRED.items():
        (tmp_path / name).write_bytes(pem)
    return tmp_path


def text(differences: dict[str, str]) -> str:
    defaults = {
        "upstream": "http://127.0.0.1:5000",
        "path": "/**",
        "origins": "[https://app.example.com]",
        "more": "",
    }
    return FILE.format(**{**defaults, **differences})


def loaded(folder: Path, content: str) -> Loaded:
    (folder / "c.yaml").write_text(content)
    return read_settings(folder / "c.yaml", {})


def said(found: Loaded) -> list[str]:
    return [re.sub(r"^.*?c\.yaml:", "", str(warning)) for warning in found.warnings]


@pytest.mark.parametrize("code", CASES)
def test_all_that_is_said(folder: Path, code: Code) -> None:
    differences, expected = CASES[code]
    found = loaded(folder, text(differences))
    assert said(found) == [expected]
    assert [warning.code for warning in found.warnings] == [code]
    (line,) = found.settings.warnings
    assert line.endswith(f" ({code})")
    assert "\n" not in line


# https://fetch.spec.whatwg.org/#forbidden-request-header
NEVER_SENT = (  # noqa: SIM905 -- a line a name would be longer than what it tests
    "Accept-Charset Accept-Encoding Access-Control-Request-Headers Access-Control-Request-Method Connection "
    "Content-Length Cookie Cookie2 Date DNT Expect Host Keep-Alive Origin Referer Set-Cookie TE Trailer "
    "Transfer-Encoding Upgrade Via Proxy-Authorization Proxy-x Sec-Fetch-Site Sec-x"
).split()


def test_every_field_that_no_page_sends_is_named(folder: Path) -> None:
    found = loaded(folder, text({"more": f"    allow_headers: [X-A, {', '.join(NEVER_SENT)}]\n"}))
    assert [(warning.path, warning.code) for warning in found.warnings] == [
        (f"rules[0].allow_headers[{at}]", Code.HEADER_NEVER_SENT) for at in range(1, len(NEVER_SENT) + 1)
    ]


def test_every_warning_has_its_case() -> None:
    assert set(CASES) == set(WARNINGS)


def silenced(content: str, *codes: str) -> str:
    if "silence: [" in content:
        return content.replace("silence: [", f"silence: [{', '.join(codes)}, ")
    return f"{content}silence: [{', '.join(codes)}]\n"


@pytest.mark.parametrize("code", SILENCEABLE)
def test_silenced_by_name(folder: Path, code: Code) -> None:
    found = loaded(folder, silenced(text(CASES[code][0]), code))
    assert (found.warnings, found.settings.warnings) == ((), ())


@pytest.mark.parametrize("code", sorted(set(WARNINGS) - set(SILENCEABLE)))
def test_what_is_always_said(folder: Path, code: Code) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(folder, silenced(text(CASES[code][0]), code))
    (problem,) = refused.value.problems
    assert problem.path == "silence[0]"
    assert problem.what == f"{code} cannot be silenced."


def test_every_dangerous_key_is_always_said(folder: Path) -> None:
    """Needed or not, it is in the log at every start."""
    keys = [key for key in Defaults.model_fields if key.startswith("dangerously_")]
    more = "".join(f"    {key}: true\n" for key in keys)
    found = loaded(folder, text({"more": more}))
    assert len([line for line in found.settings.warnings if "dangerously_" in line]) == len(keys)


DEFAULTS = """\
upstream: http://127.0.0.1:5000
defaults:
  dangerously_allow_null_origin: true
rules:
  - {path: /a/**, allow_origins: [https://app.example.com]}
  - {path: /**, allow_origins: [%s]}
"""


@pytest.mark.parametrize(
    ("origin", "code"),
    [('"null"', Code.DANGEROUS), ("https://x.example", Code.DANGEROUS_UNNEEDED)],
)
def test_a_default_is_needed_where_any_rule_needs_it(folder: Path, origin: str, code: Code) -> None:
    (warning,) = loaded(folder, DEFAULTS % origin).warnings
    assert (warning.line, warning.code) == (3, code)


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("max_age_caped", "There is no warning max_age_caped.", "write max_age_capped"),
        ("Max-Age-Capped", "There is no warning Max-Age-Capped.", "write max_age_capped"),
        ("test_failed", "test_failed is no warning: it is refused.", "remove it, and mend what is refused"),
        ("zzzzzz", "There is no warning zzzzzz.", f"write one of: {', '.join(SILENCEABLE)}"),
        ('""', "This is empty.", "give it a value, or remove the key"),
    ],
)
def test_a_name_that_silences_nothing_is_refused(folder: Path, name: str, what: str, fix: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(folder, silenced(text({}), name))
    assert [(p.line, p.column, p.path, p.what, p.fix) for p in refused.value.problems] == [
        (5, 11, "silence[0]", what, fix)
    ]


def test_silenced_twice(folder: Path) -> None:
    found = loaded(folder, silenced(text({"more": "    max_age: 3h\n"}), "max_age_capped", "max_age_capped"))
    assert said(found) == [
        "6:27  silence[1]\n  max_age_capped stands in this list already.\n  Fix: remove it, or write what was meant"
    ]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("    allow_methods: [PUT, PUT]\n", "rules[0].allow_methods[1]"),
        ("    allow_headers: [X-A, x-a]\n", "rules[0].allow_headers[1]"),
        ("    expose_headers: [X-A, X-a]\n", "rules[0].expose_headers[1]"),
        ("    cookies: {secure: true, names: [a, A, a]}\n", "rules[0].cookies.names[2]"),
        ("trusted_proxies: [10.0.0.0/8, 10.0.0.0/8]\n", "trusted_proxies[1]"),
        ("public_origins: [https://a.example, https://a.example]\n", "public_origins[1]"),
        ("admin: {hosts: [a.internal, A.internal]}\n", "admin.hosts[1]"),
        ("silence: [silence_unused, silence_unused]\n", "silence[1]"),
    ],
)
def test_whatever_stands_twice(folder: Path, more: str, key: str) -> None:
    found = loaded(folder, text({"more": more}))
    assert [(warning.path, warning.code) for warning in found.warnings] == [(key, Code.REPEATED)]


def test_paths_and_origins_that_stand_twice(folder: Path) -> None:
    content = text(
        {"origins": "[https://a.example, {regex: 'https://b\\.example'}, {regex: 'https://b\\.example'}]"}
    )
    found = loaded(folder, content.replace("path: /**", "path: [/a, /a/**, /a]"))
    assert [warning.path for warning in found.warnings] == ["rules[0].path[2]", "rules[0].allow_origins[2]"]


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("/:id", "write /*"),
        ("/users/:id/**", "write /users/*/**"),
        ("/v1/things:batchGet", None),  # of Google's APIs: letters, and meant so
        ("/at/12:30/:30", None),
        ("/users/:id.json", None),
        ("/users/:", None),
    ],
)
def test_a_colon_that_begins_a_name_is_a_variable_elsewhere(folder: Path, path: str, fix: str | None) -> None:
    found = loaded(folder, text({"path": f"'{path}'"}))
    assert [(warning.path, warning.fix) for warning in found.warnings] == (
        [("rules[0].path", fix)] if fix else []
    )
    assert found.settings.rules[0].paths == (path,)


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Code)
    for meaning in MEANINGS.values():
        assert meaning.title[-1] not in ".:"
        assert meaning.help.endswith((".", ":"))


def test_a_name_that_is_like_none() -> None:
    assert nearest("zzzzzz") == f"write one of: {', '.join(WARNINGS)}"
