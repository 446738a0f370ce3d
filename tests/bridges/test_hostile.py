"""Whatever is pasted: a question comes out, or a sentence that says why not, and never anything else."""

import contextlib
import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from corsproxy.bridges.console import read_console
from corsproxy.bridges.curl import read_curl
from corsproxy.bridges.har import read_har
from corsproxy.bridges.recorded import BadPaste

PIECES = st.sampled_from(
    [
        "curl ",
        "'",
        '"',
        "$'",
        "\\",
        "\\u",
        "^",
        '^"',
        "\n",
        " -H ",
        "-X",
        " --json",
        "https://",
        "[",
        "@",
        "a",
        "\0",
        "é",
    ]
)
LINES = st.sampled_from(
    [
        "Access to fetch at '",
        "http://a/",
        "' from origin '",
        "' has been blocked by CORS policy: ",
        "Method ",
        "(Reason: ",
        ").",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("http://a/"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["request", "response", "url", "method", "headers", "name", "value", "status", "cookies"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def is_told(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(BadPaste):
        assert read(text) is not None


@given(st.lists(PIECES | st.text(max_size=3), max_size=25))
def test_commands(pieces: list[str]) -> None:
    is_told(read_curl, "curl " + "".join(pieces))


@given(st.lists(LINES | st.text(max_size=5), max_size=8))
def test_lines(pieces: list[str]) -> None:
    is_told(read_console, "".join(pieces))


@given(st.lists(JSON, max_size=4))
def test_archives(entries: list[object]) -> None:
    is_told(read_har, json.dumps({"log": {"entries": entries}}))
    is_told(lambda text: read_har(text, 1), json.dumps({"log": {"entries": entries}}))
