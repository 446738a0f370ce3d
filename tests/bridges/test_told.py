"""A question answered: the address that it is about, and what is said beside the story."""

from dataclasses import replace

import pytest

from corsproxy.bridges.asked import NOTHING_PASTED, Typed, asked, url_of
from corsproxy.bridges.console import ELSEWHERE
from corsproxy.bridges.told import Told, told, unfit, where
from corsproxy.config.edit import Edit
from corsproxy.config.mend import Mending
from corsproxy.config.settings import Endpoint, Settings, Source, Upstream
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.consoles import Cause
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Origins, Rule

APP = "https://app.example.com"
RULE = Rule(name="api", place="c.yaml:3", paths=("/**",), origins=Origins(exact=(APP,)))
SETTINGS = Settings(
    source=Source("c.yaml", ""),
    upstream=Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000"),
    rules=(RULE,),
)
MENDING = Mending(page="mended")


def tell(request: BrowserRequest, settings: Settings = SETTINGS, cause: Cause | None = None) -> Told:
    policy = Policy.compile(settings.rules, settings.public_origins)
    return told(request, settings, policy, mend=lambda _: MENDING, cause=cause)


def test_the_host_is_that_of_the_rule_where_none_is_named() -> None:
    here = replace(SETTINGS, rules=(replace(RULE, host="api.example.com"),))
    assert tell(BrowserRequest(origin=APP), here).story.request.host == "api.example.com"
    assert tell(BrowserRequest(origin=APP, host="other.example"), here).story.request.host == "other.example"
    assert tell(BrowserRequest(origin=APP)).story.request.host == ""


@pytest.mark.parametrize("cause", Cause)
def test_where_the_rules_allow_it_a_console_line_has_another_cause(cause: Cause) -> None:
    assert tell(BrowserRequest(origin=APP), cause=cause).notes == (ELSEWHERE[cause],)
    assert tell(BrowserRequest(origin="https://evil.example"), cause=cause).notes == ()


def test_to_the_name_that_probe_asks_by_nothing_is_to_be_allowed() -> None:
    found = tell(BrowserRequest(origin="https://probe.corsproxy.invalid"))
    assert (found.mending.edit, found.mending.page[:45]) == (
        None,
        "corsproxy probe asks by this name, to see wha",
    )
    assert tell(BrowserRequest(origin="https://evil.example")).mending == MENDING


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit(5, (), ("a",), ""), "4  add this after this line"),
        (Edit(5, (), ("a", "b"), ""), "4  add these lines after this line"),
        (Edit(5, ("x",), ("a", "b"), ""), "5  replace this line with"),
        (Edit(5, ("x", "y"), ("a",), ""), "5  replace these 2 lines with"),
    ],
)
def test_where_an_edit_goes(edit: Edit, said: str) -> None:
    assert where(edit) == said


def test_why_none_could_be_tried() -> None:
    assert unfit("it is an alias") == "No edit of the file could be tried: it is an alias."


@pytest.mark.parametrize(
    ("typed", "scheme", "host", "path", "websocket"),
    [
        (Typed(path="/a?b"), "https", "", "/a?b", False),
        (Typed(path="http://API.example.com:81"), "http", "api.example.com:81", "/", False),
        (Typed(path="https://h/a?b#c"), "https", "h", "/a?b", False),
        (Typed(path="wss://h/live"), "https", "h", "/live", True),
        (Typed(path="ws://h/live"), "http", "h", "/live", True),
        (Typed(host="H.example"), "https", "h.example", "/", False),
        (Typed(host="localhost:8080"), "http", "localhost:8080", "/", False),
        (Typed(host="127.0.0.1"), "http", "127.0.0.1", "/", False),
        (Typed(host="[::1]:8080"), "http", "[::1]:8080", "/", False),
    ],
)
def test_what_is_asked_of(typed: Typed, scheme: str, host: str, path: str, websocket: bool) -> None:
    request = asked(NOTHING_PASTED, typed)
    assert (request.scheme, request.host, request.path, request.websocket) == (scheme, host, path, websocket)


@pytest.mark.parametrize(
    ("request_", "public", "listen", "url"),
    [
        (BrowserRequest(origin=APP, host="h:1", path="/a"), (), 8080, "https://h:1/a"),
        (BrowserRequest(origin=APP, host="h", scheme="http", websocket=True), (), 8080, "ws://h/"),
        (BrowserRequest(origin=APP, host="h", websocket=True), (), 8080, "wss://h/"),
        (BrowserRequest(origin=APP, path="/a"), ("https://own.example",), 8080, "https://own.example/a"),
        (BrowserRequest(origin=APP, websocket=True), ("https://own.example",), 8080, "wss://own.example/"),
        (BrowserRequest(origin=APP, path="/a"), (), 9000, "http://localhost:9000/a"),
        (BrowserRequest(origin=APP, websocket=True), (), 9000, "ws://localhost:9000/"),
        (BrowserRequest(origin=APP), (), 0, "http://localhost:8080/"),
    ],
)
def test_the_address_that_a_console_would_name(
    request_: BrowserRequest, public: tuple[str, ...], listen: int, url: str
) -> None:
    endpoint = Endpoint("127.0.0.1", listen) if listen else Endpoint(path="/run/c.sock")
    assert url_of(request_, replace(SETTINGS, public_origins=public, listen=(endpoint,))) == url
