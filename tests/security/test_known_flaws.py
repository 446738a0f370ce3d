"""The flaws that others who speak CORS have had, each asked for here from the file to the answer.

docs/security.md lists them with their numbers; what is proved elsewhere is named there and not repeated.
"""

from pathlib import Path

import pytest

from corsproxy.config.load import load
from corsproxy.config.problem import ConfigError
from corsproxy.cors.policy import Policy
from corsproxy.cors.vocabulary import Reason
from tests.cors.asking import Head, Outcome, outcome_of
from tests.proxy.wire import OK, ORIGIN, RULE, Stage, get

APP = b"https://app.example.com"
EVIL = b"https://evil.example"


@pytest.fixture
def policy(request: pytest.FixtureRequest, tmp_path: Path) -> Policy:
    """Compile the rules that a test is parametrized with."""
    file = tmp_path / "corsproxy.yaml"
    file.write_text(f"upstream: http://127.0.0.1:5000\nrules:\n{request.param}")
    settings = load(file, {})
    return Policy.compile(settings.rules, settings.public_origins)


def ask(policy: Policy, head: Head) -> Outcome:
    return outcome_of(policy.decide(head, b"https", b"own.example"), head)


def preflight(path: bytes = b"/", *, names: bytes | None = None, private_network: bool = False) -> Head:
    return Head(
        method=b"OPTIONS",
        path=path,
        origin=APP,
        request_method=b"PUT",
        request_headers=names,
        request_private_network=private_network,
    )


# A small part is for one page, the rest is for everybody.
PRIVATE = """\
  - {{path: {path}, allow_origins: [https://app.example.com], allow_credentials: true}}
  - {{path: /**, allow_origins: ["*"]}}
"""
PLAIN = "  - {path: /**, allow_origins: [https://app.example.com]}\n"


@pytest.mark.parametrize("policy", [PRIVATE.format(path="/private/**")], indirect=True)
@pytest.mark.parametrize(
    "path",
    [
        b"/public/../private/x",
        b"/public/%2e%2e/private/x",
        b"/public/..%2fprivate/x",
        b"/public/..%5cprivate/x",
    ],
)
def test_dot_segments_lead_to_no_grant(policy: Policy, path: bytes) -> None:
    asked = ask(policy, Head(path=path, origin=EVIL))
    assert (asked.reason, b"Access-Control" in asked.lines) == (Reason.AMBIGUOUS_PATH, False)


@pytest.mark.parametrize("policy", [PRIVATE.format(path="/a+b/**")], indirect=True)
def test_a_plus_is_no_space(policy: Policy) -> None:
    assert ask(policy, Head(path=b"/a+b/x", origin=EVIL)).reason is Reason.ORIGIN_NOT_ALLOWED
    assert ask(policy, Head(path=b"/a%2Bb/x", origin=EVIL)).reason is Reason.ORIGIN_NOT_ALLOWED
    assert ask(policy, Head(path=b"/a%20b/x", origin=EVIL)).reason is Reason.ORIGIN_ALLOWED


@pytest.mark.parametrize("policy", [PRIVATE.format(path="/private/**")], indirect=True)
def test_letters_of_a_path_have_their_case(policy: Policy) -> None:
    assert ask(policy, Head(path=b"/private/x", origin=EVIL)).reason is Reason.ORIGIN_NOT_ALLOWED
    assert ask(policy, Head(path=b"/PRIVATE/x", origin=EVIL)).lines == b"Access-Control-Allow-Origin: *\r\n"


LATER_IS_LONGER = """\
  - {path: /api/**, allow_origins: [https://app.example.com]}
  - {path: /**, host: own.example, allow_origins: [https://evil.example]}
"""


@pytest.mark.parametrize("policy", [LATER_IS_LONGER], indirect=True)
def test_a_longer_rule_does_not_come_first(policy: Policy) -> None:
    assert ask(policy, Head(path=b"/api/a/b/c", origin=EVIL)).reason is Reason.ORIGIN_NOT_ALLOWED


@pytest.mark.parametrize("policy", [PLAIN], indirect=True)
def test_private_networks_are_closed_unless_opened(policy: Policy) -> None:
    assert b"Private-Network" not in ask(policy, preflight(private_network=True)).lines


NEIGHBOURS = "  - {path: /**, allow_origins: [https://foo.com, https://bar.com, https://*.baz.com]}\n"


@pytest.mark.parametrize("policy", [NEIGHBOURS], indirect=True)
@pytest.mark.parametrize(
    "origin",
    [
        b"https://barfoo.com", b"https://foobar.com", b"https://foo.combar.com", b"https://foo.com.evil.example",
        b"https://evilfoo.com", b"https://evil-baz.com", b"https://baz.com", b"https://a.baz.com.evil.example",
        b"https://foo.com:8443", b"http://foo.com", b"https://FOO.com", b"https://foo.com/", b"https://foo.com.",
        b"https://foo.co", b"https://oo.com", b"https://a.baz.com\\.evil.example", b"https://a_.baz.com@evil.example",
    ],
)  # fmt: skip
def test_origins_that_share_letters_with_allowed_ones(policy: Policy, origin: bytes) -> None:
    assert b"Access-Control" not in ask(policy, Head(origin=origin)).lines


ANCHORED = "  - {path: /**, allow_origins: [{regex: 'https://app\\.example\\.com'}]}\n"


@pytest.mark.parametrize("policy", [ANCHORED], indirect=True)
@pytest.mark.parametrize(
    "origin",
    [
        b"https://app.example.com.evil.example",
        b"https://evil.example/https://app.example.com",
        b"https://appxexample.com",
    ],
)
def test_expressions_are_held_against_the_whole_origin(policy: Policy, origin: bytes) -> None:
    assert b"Access-Control" not in ask(policy, Head(origin=origin)).lines
    assert b"Access-Control-Allow-Origin: https://app.example.com\r\n" in ask(policy, Head(origin=APP)).lines


@pytest.mark.parametrize(
    "origins",
    [
        '["*"], allow_credentials: true',  # reflecting anybody, with cookies
        '["https://*"]', '["https://*:*"]', '["*://app.example.com"]',
        "[https://example.com*]", "[https://example.com/*]", "[https://*example.com]", "[https://*.com]",
        "[{regex: '.*'}]", "[{regex: 'https://.*'}]", "[{regex: 'https://.*example.com'}]", '["null"]',
    ],
)  # fmt: skip
def test_rules_that_let_in_strangers_are_never_loaded(origins: str, tmp_path: Path) -> None:
    file = tmp_path / "corsproxy.yaml"
    file.write_text(f"upstream: http://127.0.0.1:5000\nrules:\n  - {{path: /**, allow_origins: {origins}}}\n")
    with pytest.raises(ConfigError):
        load(file, {})


@pytest.mark.parametrize("policy", ['  - {path: /**, allow_origins: ["*"]}\n'], indirect=True)
def test_any_origin_is_never_reflected(policy: Policy) -> None:
    assert ask(policy, Head(origin=EVIL)).lines == b"Access-Control-Allow-Origin: *\r\n"


@pytest.mark.parametrize(
    "policy", [PLAIN.replace("]}", "], allow_methods: [PUT], allow_headers: [X-A]}")], indirect=True
)
@pytest.mark.parametrize(
    "names", [b"," * 30000, b"a," * 15000, b", " * 15000, b"x-a," * 8000, b"," * 4000, b"a," * 257]
)
def test_thousands_of_commas_are_answered_as_none(policy: Policy, names: bytes) -> None:
    asked = ask(policy, preflight(names=names))
    assert asked.reason is Reason.HEADER_NOT_ALLOWED
    assert asked.lines == ask(policy, preflight()).lines


async def test_a_request_does_not_write_the_vary_of_its_answer() -> None:
    """Nor any other field of it: what a client sends under a response's names goes no further than the backend."""
    stage = Stage(rules=(RULE,))
    await stage.open()
    try:
        fields = (
            b"Vary: X-Poison\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
        )
        answer = await stage.exchange(get(b"/", b"Origin: https://evil.example\r\n" + fields), OK)
        assert answer.head == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVary: Origin\r\n\r\n"
        assert ORIGIN not in answer.head
    finally:
        await stage.close()
