"""What was seen and what was typed, as questions; and the address at which each is answered."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from corsproxy.admin.page.questions import link, of_form, of_group, of_recent
from corsproxy.admin.page.seen import Group, Recent
from corsproxy.bridges.asked import BadQuestion
from corsproxy.cors.browser import BrowserRequest
from tests.admin.page.ledgers import SCRIPT, group

CONSOLE = (
    "Access to fetch at 'https://api.example.com/api/users' from origin 'https://new.example' has been blocked by CORS"
    " policy: Request header field x-trace is not allowed by Access-Control-Allow-Headers in preflight response."
)
CURL = "curl 'https://api.example.com/api/users' -X PUT -H 'Origin: https://new.example' -b removed"


@pytest.mark.parametrize(
    ("form", "request_"),
    [
        ({"origin": " https://a.example "}, BrowserRequest(origin="https://a.example")),
        (
            {
                "origin": "https://a.example",
                "method": "PUT",
                "path": "https://api.example.com:8443/x?y=1",
                "headers": "Authorization, ,Content-Type: application/json, Accept: a",
                "credentials": "on",
            },
            BrowserRequest(
                origin="https://a.example",
                method="PUT",
                path="/x?y=1",
                host="api.example.com:8443",
                headers=("Authorization", "Content-Type"),
                credentials=True,
            ),
        ),
        (
            {"origin": "https://a.example", "path": "wss://h.example/live"},
            BrowserRequest(origin="https://a.example", path="/live", host="h.example", websocket=True),
        ),
        (
            {"paste": CONSOLE, "method": "PUT"},
            BrowserRequest(
                origin="https://new.example",
                method="PUT",
                path="/api/users",
                host="api.example.com",
                headers=("x-trace",),
            ),
        ),
        (
            {"paste": CURL},
            BrowserRequest(
                origin="https://new.example",
                method="PUT",
                path="/api/users",
                host="api.example.com",
                credentials=True,
            ),
        ),
        (
            {"paste": "curl https://h.example/x"},
            BrowserRequest(origin=None, path="/x", host="h.example"),
        ),
    ],
)
def test_what_the_form_asks(form: dict[str, str], request_: BrowserRequest) -> None:
    assert of_form(form)[0] == request_


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"path": "/x"}, "Name the page's origin, such as https://app.example.com."),
        ({"origin": "https://a.example", "path": "x"}, "A path is one such as /x, or a whole address."),
        (
            {"origin": "https://a.example", "path": "/\x00"},
            "No request can hold these characters: https://a.example GET /\ufffd ",
        ),
        ({"paste": "it does not work"}, "This is not a line about CORS as Chrome's or Firefox's console"),
        ({"paste": "curl"}, "The command names no address."),
    ],
)
def test_what_cannot_be_asked(form: dict[str, str], said: str) -> None:
    with pytest.raises(BadQuestion) as raised:
        of_form(form)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("seen", "request_"),
    [
        (
            group("https://a.example", "origin_not_allowed", methods={"PUT": 2, "PATCH": 7}, headers={"b": 1, "a": 1}),
            BrowserRequest(
                origin="https://a.example", method="PATCH", path="/api/users", host="h", headers=("a", "b")
            ),
        ),
        (
            group("https://a.example", "websocket_origin_not_allowed", kind="websocket", paths=[]),
            BrowserRequest(origin="https://a.example", path="/", host="h", websocket=True),
        ),
        (group("", "no_rule_for_path"), BrowserRequest(origin=None, path="/api/users", host="h")),
    ],
)  # fmt: skip
def test_what_a_group_asks(seen: dict[str, object], request_: BrowserRequest) -> None:
    assert of_group(Group.of(seen), "h") == request_


@pytest.mark.parametrize(
    "request_",
    [
        BrowserRequest(origin="https://a.example", method="PUT", path="/a b?c=d&e=ü", headers=("A", "b")),
        BrowserRequest(origin=SCRIPT, method=SCRIPT, path="/" + SCRIPT, headers=(SCRIPT,), credentials=True),
        BrowserRequest(origin="https://a.example", path="/x", host="h:1", websocket=True),
    ],
)
def test_a_link_asks_the_same(request_: BrowserRequest) -> None:
    address = urlsplit(link(request_))
    assert (address.scheme, address.netloc, address.path, address.fragment) == ("", "", "", "answer")
    assert not set(address.query) & set("<>\"' ")
    assert of_form(dict(parse_qsl(address.query)))[0] == request_


def test_a_recent_preflight_asks_for_what_it_named() -> None:
    seen = Recent.of(
        {"origin": "https://a.example", "method": "OPTIONS", "requested_method": "PUT", "requested_headers": ["x"]}
    )  # fmt: skip
    assert of_recent(seen) == BrowserRequest(origin="https://a.example", method="PUT", headers=("x",))
