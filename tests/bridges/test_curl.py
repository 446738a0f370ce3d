"""Commands for curl as browsers copy them, and as people write them."""

import pytest

from corsproxy.bridges.curl import read_command, read_curl, words_of
from corsproxy.bridges.recorded import BadPaste, Question
from corsproxy.cors.browser import BrowserRequest

APP = "https://app.example.com"
NO_COOKIE = "No cookie was recorded; if the page asks with credentials, add --credentials."

CHROME = r"""curl 'https://api.example.com/api/users/1?x=a%20b' \
  -X 'PUT' \
  -H 'accept: */*' \
  -H 'accept-language: en-US,en;q=0.9' \
  -H 'authorization: Bearer it'\''s' \
  -H 'cache-control: no-cache' \
  -H 'content-type: application/json' \
  -b 'session=1; other=2' \
  -H 'origin: https://app.example.com' \
  -H 'priority: u=1, i' \
  -H 'referer: https://app.example.com/' \
  -H 'sec-ch-ua: "Chromium";v="130"' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0' \
  --data-raw $'{"name":"O\u2019Neil\'s \\n"}'"""
FIREFOX = """curl 'https://api.example.com/api/users' --compressed -X POST -H 'User-Agent: Mozilla/5.0' \
-H 'Accept: */*' -H 'Accept-Encoding: gzip, deflate, br' -H 'Content-Type: text/plain;charset=UTF-8' \
-H 'Origin: https://app.example.com' -H 'Connection: keep-alive' -H 'X-Trace: 1' --data-raw 'hi'"""
CMD = """curl ^"https://api.example.com/a?x=1^&y=2^" ^\r
  -H ^"origin: https://app.example.com^" ^\r
  -H ^"x-note: say ^\\^"hi^\\^"^" ^\r
  --data-raw ^"^{^\\^"a^\\^":1^}^" --insecure"""
PREFLIGHT = """curl -XOPTIONS -H 'Origin: https://app.example.com' -H 'Access-Control-Request-Method: DELETE' \
-H 'Access-Control-Request-Headers: authorization, x-foo' http://localhost:8080"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CHROME,
            Question(
                BrowserRequest(
                    origin=APP,
                    method="PUT",
                    path="/api/users/1?x=a%20b",
                    host="api.example.com",
                    headers=("authorization", "content-type"),
                    credentials=True,
                ),
                "https://api.example.com/api/users/1?x=a%20b",
            ),
        ),
        (
            FIREFOX,
            Question(
                BrowserRequest(
                    origin=APP,
                    method="POST",
                    path="/api/users",
                    host="api.example.com",
                    headers=("X-Trace",),
                ),
                "https://api.example.com/api/users",
                (NO_COOKIE,),
            ),
        ),
        (
            CMD,
            Question(
                BrowserRequest(
                    origin=APP,
                    method="POST",
                    path="/a?x=1&y=2",
                    host="api.example.com",
                    headers=("x-note",),
                ),
                "https://api.example.com/a?x=1&y=2",
                (NO_COOKIE,),
            ),
        ),
        (
            PREFLIGHT,
            Question(
                BrowserRequest(
                    origin=APP,
                    method="DELETE",
                    scheme="http",
                    host="localhost:8080",
                    headers=("authorization", "x-foo"),
                ),
                "http://localhost:8080",
                ("This is a preflight: it is explained as the DELETE that it asks for.", NO_COOKIE),
            ),
        ),
        (
            "/usr/bin/curl --url localhost/a -I -e https://app.example.com/page -A me -o /dev/null",
            Question(
                BrowserRequest(
                    origin=APP,
                    method="HEAD",
                    path="/a",
                    scheme="http",
                    host="localhost",
                ),
                "http://localhost/a",
                (f"No Origin was recorded; {APP} is taken from the Referer.", NO_COOKIE),
            ),
        ),
        (
            "$ curl -G -d a=1 https://h/ -u me:secret",
            Question(
                BrowserRequest(origin=None, host="h", path="/?a=1", headers=("Authorization",)),
                "https://h/?a=1",
            ),
        ),
        (
            "curl https://h/ --json '{}' --max-time 3",
            Question(
                BrowserRequest(origin=None, method="POST", host="h", headers=("Content-Type",)), "https://h/"
            ),
        ),
        (
            "curl 'wss://h/live' -H 'Origin: https://app.example.com' -H 'Upgrade: websocket'",
            Question(
                BrowserRequest(origin=APP, path="/live", host="h", websocket=True),
                "wss://h/live",
            ),
        ),
    ],
)
def test_a_command_is_read(text: str, expected: Question) -> None:
    assert read_curl(text) == expected


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("-G -d a=1", "--get --data a=1"),
        ("-I", "--head"),
        ("-XPUT", "--request PUT"),
        ("-b a=1", "--cookie a=1"),
        ("-u me:it", "--user me:it"),
        ("-H 'X-A: 1'", "--header 'X-A: 1'"),
        ("-A me", "--user-agent=me"),
        ("-e https://a.example/x", "--referer https://a.example/x"),
        ("-d x", "--data-ascii x"),
        ("-d x", "--data-raw=x"),
        ("-d x", "--data-binary x"),
    ],
)
def test_short_and_long_options_are_the_same(short: str, long: str) -> None:
    bare, one, other = (read_command(f"curl https://h/ {options}") for options in ("", short, long))
    assert one == other != bare


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"""a 'b c'"d \"e\" $f"g\ h""", ["a", 'b cd "e" $fg h']),
        (r"$'\x41\102\u20AC\U0001F600\t\q'", ["AB€😀\tq"]),
        ("a \\\n b", ["a", "b"]),
        ("a \\\r\n b", ["a", "b"]),
        ("a '' \"\"", ["a", "", ""]),
        ('"a\\\nb"', ["ab"]),
    ],
)
def test_quoting(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "This is not a command for curl"),
        ("wget https://h/", "This is not a command for curl"),
        ("curl -H 'a: b", "A quote is opened and never closed: 'a: b"),
        ("curl https://h/ -H", "The command ends after -H: paste all of it."),
        ("curl -s", "The command names no address."),
        ("curl ftp://h/", "ftp://h/ is not an address such as"),
        ("curl 'http://[::1'", "http://[::1 is not an address such as"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, said: str) -> None:
    with pytest.raises(BadPaste) as caught:
        read_curl(text)
    assert str(caught.value).startswith(said)
