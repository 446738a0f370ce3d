"""Entries of a HAR file: the one that is asked for, or the first that failed."""

import json
from typing import Any

import pytest

from corsproxy.bridges.har import read_every, read_har
from corsproxy.bridges.recorded import BadPaste
from corsproxy.cors.browser import BrowserRequest

APP = "https://app.example.com"


def entry(
    url: str, status: int = 200, *, method: str = "GET", allow: str | None = None, **more: Any
) -> dict[str, Any]:
    fields = [{"name": "Origin", "value": APP}] if more.pop("origin", True) else []
    answer = [{"name": "access-control-allow-origin", "value": allow}] if allow is not None else []
    return {
        "request": {"method": method, "url": url, "headers": fields, "cookies": more.pop("cookies", [])},
        "response": {"status": status, "headers": answer},
        **more,
    }


URL = "https://api.example.com/"
ENTRIES = [
    entry(f"{APP}/page", origin=False),
    entry(f"{APP}/own"),
    entry("https://api.example.com/fine", allow=APP),
    entry("https://api.example.com/any", allow="*"),
    entry("https://api.example.com/failed", 0, method="PUT", cookies=[{"name": "a", "value": "b"}]),
    entry("https://api.example.com/other", allow="https://b.example"),
    entry("wss://api.example.com/live", 403, _resourceType="websocket"),
]


def har(entries: list[dict[str, Any]]) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def test_the_first_failure() -> None:
    question = read_har("\ufeff" + har(ENTRIES))
    assert question.request == BrowserRequest(
        origin=APP,
        method="PUT",
        path="/failed",
        host="api.example.com",
        credentials=True,
    )
    assert question.notes == ("This is entry 5 of 7, the first that failed for its page.",)


@pytest.mark.parametrize(
    ("failed", "is_failure"),
    [
        (entry(f"{URL}a", 0, allow=APP), True),
        (entry(f"{URL}a", 200), True),
        (entry(f"{URL}a", 500, allow=APP), False),
        (entry("wss://api.example.com/a", 101, _resourceType="websocket"), False),
        (entry("wss://api.example.com/a", 200, _resourceType="websocket", allow=APP), True),
    ],
)
def test_what_is_a_failure(failed: dict[str, Any], is_failure: bool) -> None:
    failed["response"]["headers"].append({"name": "X-Other", "value": "https://b.example"})
    last = entry(f"{URL}last", 0)
    assert read_har(har([failed, last])).request.path == ("/a" if is_failure else "/last")


@pytest.mark.parametrize(("at", "path"), [(5, "/other"), (6, "/live")])
def test_other_ways_to_fail(at: int, path: str) -> None:
    assert read_har(har([*ENTRIES[:4], ENTRIES[at]])).request.path == path


def test_the_entry_that_is_asked_for() -> None:
    question = read_har(har(ENTRIES), 7)
    assert question.request == BrowserRequest(
        origin=APP, path="/live", host="api.example.com", websocket=True
    )
    assert question.notes == ()


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        (har(ENTRIES), 0, "There is no entry 0: the file has 7, counted from 1."),
        (har(ENTRIES), 8, "There is no entry 8: the file has 7, counted from 1."),
        (har(ENTRIES[:4]), None, "None of the 4 entries failed for CORS; choose one with --entry N."),
        ("{", None, "This is not a HAR file: it is no JSON from line 1, column 2 on. Save one in"),
        ("[]", None, "This is not a HAR file: it has no requests under log.entries. Save one in"),
        ('{"log": {"entries": [{}]}}', None, "This is not a HAR file: it has no requests"),
        ('{"log": {"entries": 3}}', None, "This is not a HAR file: it has no requests"),
        (har([{"request": {"url": [], "method": []}}]), 1, "This is not a HAR file: it has no requests"),
        (har([{"request": {"url": URL, "method": "GET", "headers": [{"name": 1, "value": 1}]}}]), 1, "This is not a HAR file: it has no requests"),
        (har([entry("data:,x")]), 1, "data:,x is not an address"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(text: str, number: int | None, said: str) -> None:
    with pytest.raises(BadPaste) as caught:
        read_har(text, number)
    assert str(caught.value).startswith(said)


def test_what_is_not_asked_of_a_server_is_passed_over() -> None:
    assert read_har(har([entry("data:,x"), *ENTRIES])).notes[0].startswith("This is entry 6 of 8")
    assert len(read_every(har([entry("blob:https://app.example.com/1"), *ENTRIES]))) == 5


def test_half_of_a_surrogate_pair_is_no_character() -> None:
    broken = entry("https://api.example.com/\ud800", 0, method="P\ud800T")
    broken["request"]["headers"].append({"name": "x-\ud800", "value": "\ud800"})
    request = read_har(har([broken])).request
    assert (request.path, request.method, request.headers) == ("/\ufffd", "P\ufffdT", ("x-\ufffd",))
