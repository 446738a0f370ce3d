"""Both shapes of a line, byte for byte."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.observe.lines import bounded, json_line, shape, text_line
from tests.observe.conftest import unhurried

AT = 1767323045.6789  # 2026-01-02T03:04:05.679Z


@pytest.mark.parametrize(
    ("fields", "as_json", "as_text"),
    [
        ({}, "", ""),
        (
            {"n": 1, "f": 0.25, "yes": True, "none": None},
            ',"n":1,"f":0.25,"yes":true,"none":null',
            " n=1 f=0.25 yes=true none=null",
        ),
        ({"rule": "api"}, ',"rule":"api"', " rule=api"),
        ({"rule": "a b"}, ',"rule":"a b"', ' rule="a b"'),
        ({"rule": ""}, ',"rule":""', ' rule=""'),
        ({"rule": "x=1"}, ',"rule":"x=1"', ' rule="x=1"'),
        ({"rule": 'x" status=200 y="'}, ',"rule":"x\\" status=200 y=\\""', ' rule="x\\" status=200 y=\\""'),
        ({"rule": "größe"}, ',"rule":"gr\\u00f6\\u00dfe"', " rule=gr\\xf6\\xdfe"),
        ({"notes": ["a", "b"]}, ',"notes":["a","b"]', ' notes=["a","b"]'),
        (
            {"method": "PUT", "path": "/a b", "status": 403},
            ',"method":"PUT","path":"/a b","status":403',
            ' PUT "/a b" 403',
        ),
        ({"pid": 7, "status": "killed"}, ',"pid":7,"status":"killed"', " pid=7 status=killed"),
    ],
)
def test_shapes(fields: Mapping[str, object], as_json: str, as_text: str) -> None:
    assert json_line(AT, "info", "hello you", fields).decode() == (
        '{"time":"2026-01-02T03:04:05.679Z","level":"info","message":"hello you"' + as_json + "}\n"
    )
    assert text_line(AT, "info", "hello you", fields).decode() == (
        "2026-01-02T03:04:05.679Z INFO    hello you" + as_text + "\n"
    )


def test_colour_is_only_in_the_frame() -> None:
    line = shape("text", colour=True)(AT, "warning", "refused", {"method": "PUT", "rule": "api"})
    assert line == (
        b"\x1b[2m2026-01-02T03:04:05.679Z\x1b[0m \x1b[33mWARNING\x1b[0m refused PUT \x1b[2mrule=\x1b[0mapi\n"
    )


def test_json_has_no_colour() -> None:
    assert shape("json", colour=True) is json_line


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1.9996, "1970-01-01T00:00:02.000Z"),
        (1.0005, "1970-01-01T00:00:01.000Z"),
    ],
)
def test_times_round_to_milliseconds_and_carry(at: float, expected: str) -> None:
    assert json.loads(json_line(at, "info", "m", {}))["time"] == expected


class Odd:
    def __str__(self) -> str:
        return "odd\nthing"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"\x1b[2J", r"\x1b[2J"),
        ("a\nb", r"a\x0ab"),
        (Odd(), r"odd\x0athing"),
        (("a", 1), ["a", 1]),
        ({"k\n": {"n": 1}}, {r"k\x0a": {"n": 1}}),
        (["x"] * 25, ["x"] * 20 + ["... 5 more"]),
        ([[[["deep"]]]], [[["['deep']"]]]),
        ("y" * 2000, "y" * 997 + "..."),
    ],
)
def test_bounded(value: object, expected: object) -> None:
    assert bounded(value) == expected


@unhurried
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.text() | st.binary() | st.floats() | st.lists(st.text()),
        max_size=4,
    )
)
def test_a_line_is_one_line_of_printable_ascii(details: dict[str, object]) -> None:
    fields = bounded(details)
    assert isinstance(fields, dict)
    for make in (json_line, text_line):
        line = make(AT, "info", "m", fields)
        assert line.endswith(b"\n")
        assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    assert json.loads(json_line(AT, "info", "m", fields))["message"] == "m"
