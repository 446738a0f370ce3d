"""Commands for curl as browsers copy them, and as people write them."""

from dataclasses import replace

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
        ("-T a.txt", "--upload-file a.txt"),
        ("-F a=1", "--form a=1"),
        ("-F a=1", "--form-string a=1"),
        ("-H 'Authorization: Bearer it'", "--oauth2-bearer it"),
    ],
)
def test_short_and_long_options_are_the_same(short: str, long: str) -> None:
    bare, one, other = (read_command(f"curl https://h/ {options}") for options in ("", short, long))
    unread = replace(other, unread=other.unread.replace(long.partition(" ")[0], short[:2]))
    assert one == unread != bare


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


@pytest.mark.parametrize(
    ("bundled", "apart"),
    [
        ("-sX PUT", "-s -X PUT"),
        ("-sXPUT", "-s -X PUT"),
        ("-sSLX DELETE -k", "-s -S -L -X DELETE -k"),
        ("-sI", "-I"),
        ("-isH 'X-A: 1'", "-H 'X-A: 1'"),
        ("-Gsd a=1", "-G -d a=1"),
        ("-so /dev/null", "-s -o /dev/null"),
    ],
)
def test_letters_may_stand_together(bundled: str, apart: str) -> None:
    assert read_command(f"curl {bundled} https://h/") == read_command(f"curl {apart} https://h/")
    assert read_command(f"curl {bundled} https://h/").question.url.startswith("https://h/")


# Of curl(1), what people use beside what a browser writes.
SAY_NOTHING = (  # noqa: SIM905 -- a line a name would be longer than what it tests
    "-C -D -E -K -U -Y -c -m -o -r -w -x -y -z --aws-sigv4 --cacert --capath --cert --cert-type --ciphers --config "
    "--connect-timeout --connect-to --continue-at --cookie-jar --dns-servers --doh-url --dump-header --etag-save --hsts "
    "--interface --keepalive-time --key --limit-rate --local-port --max-filesize --max-redirs --max-time --netrc-file "
    "--noproxy --output --output-dir --pass --pinnedpubkey --proto --proxy --proxy-header --proxy-user --range --rate "
    "--request-target --resolve --retry --retry-delay --retry-max-time --socks5 --socks5-hostname --speed-limit --speed-time "
    "--stderr --time-cond --tls-max --tls13-ciphers --trace --trace-ascii --unix-socket --url-query --write-out"
).split()


@pytest.mark.parametrize("option", SAY_NOTHING)
def test_the_value_of_an_option_is_no_address(option: str) -> None:
    assert read_command(f"curl {option} value https://h/") == read_command("curl https://h/")


@pytest.mark.parametrize(
    "option", ["-k", "-L", "-v", "--compressed", "--insecure", "--http1.1", "-#", "--no-such"]
)
def test_a_flag_takes_no_value(option: str) -> None:
    assert read_command(f"curl {option} https://h/") == read_command("curl https://h/")


FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("options", "method", "fields", "body"),
    [
        ("-d a=1 -d b=2", "POST", (FORM,), b"a=1&b=2"),
        ("-d ''", "POST", (FORM,), b""),
        ("--data-raw @x", "POST", (FORM,), b"@x"),
        ("--data-urlencode 'a b'", "POST", (FORM,), b"a+b"),
        ("--data-urlencode '=a b'", "POST", (FORM,), b"a+b"),
        ("--data-urlencode 'n=a b@c'", "POST", (FORM,), b"n=a+b%40c"),
        ("-d a -H 'content-type: text/plain'", "POST", (("content-type", "text/plain"),), b"a"),
        ("-X PATCH -d a", "PATCH", (FORM,), b"a"),
        (
            "--json '{}'",
            "POST",
            (("Content-Type", "application/json"), ("Accept", "application/json")),
            b"{}",
        ),
        ("-H 'X-Empty;' -H 'X-None:' -H 'X-A:1'", "GET", (("X-None", ""), ("X-A", "1")), None),
    ],
)
def test_what_would_be_sent(
    options: str, method: str, fields: tuple[tuple[str, str], ...], body: bytes | None
) -> None:
    command = read_command(f"curl https://h/ {options}")
    sent = (command.question.request.method, command.fields, command.body, command.cookie, command.unread)
    assert sent == (method, fields, body, None, "")


@pytest.mark.parametrize(
    ("options", "method", "unread"),
    [
        ("-d @a.json", "POST", "-d @a.json is a file, which is not read here"),
        ("--data-urlencode n@a.txt", "POST", "--data-urlencode n@a.txt is a file, which is not read here"),
        ("-d a=1 -d @a.json", "POST", "-d @a.json is a file, which is not read here"),
        ("-F a=1", "POST", "-F is a form, which is not put together here"),
        ("-T a.txt", "PUT", "-T a.txt is a file, which is not read here"),
        ("-X POST -T a.txt", "POST", "-T a.txt is a file, which is not read here"),
    ],
)
def test_what_is_not_read_is_said(options: str, method: str, unread: str) -> None:
    command = read_command(f"curl https://h/ {options}")
    assert (command.question.request.method, command.body, command.unread) == (method, None, unread)


@pytest.mark.parametrize(
    ("options", "cookie", "credentials"),
    [
        ("-b a=1", "a=1", True),
        ("-b jar.txt", None, True),
        ("-H 'Cookie: a=1; b=2'", "a=1; b=2", True),
        ("-H 'Cookie:'", None, False),
        ("", None, False),
    ],
)
def test_cookies(options: str, cookie: str | None, credentials: bool) -> None:
    command = read_command(f"curl https://h/ -H 'Origin: {APP}' {options}")
    assert (command.cookie, command.question.request.credentials) == (cookie, credentials)
