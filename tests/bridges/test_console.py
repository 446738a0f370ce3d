"""Lines of consoles: whatever is predicted is read back, and lines as people paste them."""

import pytest

from corsproxy.bridges.console import ELSEWHERE, read_console
from corsproxy.bridges.recorded import BadPaste, Question
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.consoles import CAUSES, CHROME, FIREFOX, PREFLIGHT, Cause

APP = "https://app.example.com"
URL = "https://api.example.com/api/users?x=1"
VALUES = {Cause.METHOD: "PATCH", Cause.HEADER: "x-foo", Cause.ORIGIN_DIFFERS: "https://b.example"}


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("begin", ["", PREFLIGHT])
def test_every_text_of_chrome_is_read_back(cause: Cause, begin: str) -> None:
    text = begin + CAUSES[cause].chrome.format(value=VALUES.get(cause, ""))
    line = "index.html:1 " + CHROME.format(initiator="XMLHttpRequest", url=URL, led="", origin=APP) + text
    question, read = read_console(line + "\n")
    assert read is cause
    assert question.request == BrowserRequest(
        origin=APP,
        path="/api/users?x=1",
        host="api.example.com",
        method="PATCH" if cause is Cause.METHOD else "GET",
        headers=("x-foo",) if cause is Cause.HEADER else (),
        credentials=cause in {Cause.WILDCARD_WITH_CREDENTIALS, Cause.CREDENTIALS_MISSING},
    )


@pytest.mark.parametrize("cause", [cause for cause in Cause if CAUSES[cause].firefox])
@pytest.mark.parametrize("end", ["", " Status code: 403."])
def test_every_text_of_firefox_is_read_back(cause: Cause, end: str) -> None:
    reason = CAUSES[cause].firefox.format(value=VALUES.get(cause, ""))
    question, read = read_console(FIREFOX.format(url=URL, reason=reason) + end)
    # Firefox does not say whether a value could be an origin at all.
    assert read is (Cause.ORIGIN_DIFFERS if cause is Cause.ORIGIN_INVALID else cause)
    assert (question.request.origin, question.url) == (None, URL)
    assert question.request.headers == (("x-foo",) if cause is Cause.HEADER else ())


@pytest.mark.parametrize(
    "line",
    [
        "WebSocket connection to 'wss://api.example.com/live' failed: Error during WebSocket handshake: …",
        "Firefox can’t establish a connection to the server at wss://api.example.com/live.",
    ],
)
def test_websockets(line: str) -> None:
    request = BrowserRequest(origin=None, path="/live", host="api.example.com", websocket=True)
    assert read_console(line) == (Question(request, "wss://api.example.com/live"), None)


def test_a_refused_handshake_has_causes_beside_the_rules() -> None:
    line = "WebSocket connection to 'wss://api.example.com/live' failed: Error during WebSocket handshake: Unexpected response code:"
    assert "public_origins" in read_console(f"{line} 403")[0].notes[0]
    assert read_console(f"{line} 502")[0].notes == ()


@pytest.mark.parametrize("first", ["https://api.example.com/x", "http://API.example.com:80/api/users"])
def test_a_redirect_on_the_same_server_is_said(first: str) -> None:
    text = CHROME.format(initiator="fetch", url=URL, led=f" (redirected from '{first}')", origin=APP)
    question, cause = read_console(text + CAUSES[Cause.CREDENTIALS_MISSING].chrome)
    assert (question.url, cause) == (URL, Cause.CREDENTIALS_MISSING)
    assert [note.startswith(f"A redirect led here from {first},") for note in question.notes] == [True]


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("Access to fetch at '{to}' (redirected from '{url}') from origin '{app}' has been {blocked}", APP),
        ("Access to fetch at '{to}' (redirected from '{url}') from origin 'null' has been {blocked}", None),
        (
            "Redirect from '{url}' to '{to}' has been {blocked} Origin '{app}' is therefore not allowed access.",
            APP,
        ),
        ("Redirect from '{url}' to '{to}' has been {blocked}", None),
    ],
)
@pytest.mark.parametrize(
    "why",
    [
        CAUSES[Cause.ORIGIN_MISSING].chrome,
        PREFLIGHT + CAUSES[Cause.PREFLIGHT_STATUS].chrome,
        "Request requires preflight, which is disallowed to follow cross-origin redirect.",
    ],
)
@pytest.mark.parametrize(
    "to",
    ["https://login.example.org/start?next=/", "http://api.example.com:5000/x", "https://api.example.com:x"],
)
def test_after_a_redirect_to_another_server_the_rules_are_asked_of_what_the_page_called(
    line: str, origin: str | None, why: str, to: str
) -> None:
    text = line.format(to=to, url=URL, app=APP, blocked=f"blocked by CORS policy: {why}")
    question, cause = read_console(text)
    assert (question.url, question.request.path, question.request.origin) == (URL, "/api/users?x=1", origin)
    assert cause is None  # of the other server's answer, about which no rule here says anything
    (note,) = question.notes
    assert note.startswith(f"This was redirected to {to}, which is another server")


def test_a_redirect_to_the_local_network_is_not_about_cors() -> None:
    why = "Permission was denied for this request to access the `loopback` address space."
    with pytest.raises(BadPaste, match="This is Local Network Access"):
        read_console(f"Redirect from '{URL}' to 'http://localhost/' has been blocked by CORS policy: {why}")


def test_what_the_browser_writes_after_a_line_takes_nothing_from_it() -> None:
    text = CHROME.format(initiator="fetch", url=URL, led="", origin=APP) + CAUSES[Cause.ORIGIN_MISSING].chrome
    assert read_console(f"{text}\nGET {URL} net::ERR_FAILED 200 (OK)")[1] is Cause.ORIGIN_MISSING


def test_a_line_that_a_terminal_has_wrapped_is_one() -> None:
    text = CHROME.format(initiator="fetch", url=URL, led="", origin=APP) + CAUSES[Cause.ORIGIN_MISSING].chrome
    wrapped = text.replace(" has been ", "\n   has been ").replace(" requested", "\n\trequested")
    assert read_console(f"  {wrapped}\n") == read_console(text)


@pytest.mark.parametrize("first", ["http://api.example.com/x", "http://api.example.com:443/x"])
def test_the_usual_ports_are_one_servers(first: str) -> None:
    text = CHROME.format(initiator="fetch", url=URL, led=f" (redirected from '{first}')", origin=APP)
    assert read_console(text + CAUSES[Cause.ORIGIN_MISSING].chrome)[1] is Cause.ORIGIN_MISSING


def test_what_a_line_leaves_open_is_said() -> None:
    line = (
        CHROME.format(initiator="fetch", url=URL, led="", origin=APP)
        + PREFLIGHT
        + CAUSES[Cause.ORIGIN_MISSING].chrome
    )
    question, _ = read_console(line)
    assert question.notes[-1] == (
        "A preflight failed, and the line does not say what it asked for: add --method and --header."
    )


def test_every_cause_has_a_word_for_when_it_is_not_the_rules() -> None:
    assert set(ELSEWHERE) == set(Cause)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "This is not a line about CORS"),
        ("Failed to load resource: net::ERR_FAILED", "This line only says that there was no answer"),
        ("GET https://api.example.com/ net::ERR_CERT_DATE_INVALID", "This is not CORS: no answer came"),
        (FIREFOX.format(url=URL, reason="CORS request did not succeed"), "This is not CORS, though Firefox"),
        (
            CHROME.format(initiator="fetch", url=URL, led="", origin=APP)
            + "Permission was denied for this request to access the `loopback` address space.",
            "This is Local Network Access",
        ),
        (
            'Fetch API cannot load localhost:8080/api. URL scheme "localhost" is not supported.',
            "No rule is the cause: the page was opened as a file, or it calls an address without http://",
        ),
        (
            FIREFOX.format(url="file:///api", reason="CORS request not HTTP"),
            "No rule is the cause: the page was opened as a file",
        ),
        (
            f"Mixed Content: The page at '{APP}/' was loaded over HTTPS, but requested an insecure resource 'http://h/'.",
            "This is not CORS: a page on https may not call http",
        ),
        (
            CHROME.format(initiator="fetch", url=URL, led="", origin=APP) + "Because.",
            "This line is about CORS, but",
        ),
        (
            CHROME.format(initiator="fetch", url="x", led="", origin=APP) + CAUSES[Cause.METHOD].chrome,
            "x is not an address",
        ),
    ],
)
def test_what_cannot_be_read_says_why(line: str, said: str) -> None:
    with pytest.raises(BadPaste) as caught:
        read_console(line)
    assert str(caught.value).startswith(said)
