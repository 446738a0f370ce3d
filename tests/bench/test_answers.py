"""What the bench takes for a right answer, and what it says of a wrong one."""

from dataclasses import replace

import pytest

from bench import policy
from bench.answers import Answer, actual_faults, foreign_faults, preflight_faults

_DIRECT = Answer(200, (("Content-Length", "120"),), 120, "abc", keeps=True)
_GOOD = replace(
    _DIRECT, fields=(*_DIRECT.fields, *policy.ACTUAL_FIELDS, ("Vary", "Accept-Encoding"), ("vary", "origin"))
)
_PREFLIGHT = Answer(204, policy.PREFLIGHT_FIELDS, 0, "", keeps=True)


def _with(answer: Answer, name: str, *values: str) -> Answer:
    others = tuple(field for field in answer.fields if field[0].lower() != name.lower())
    return replace(answer, fields=(*others, *((name, value) for value in values)))


def test_right_answers_have_no_fault() -> None:
    assert actual_faults(_GOOD, _DIRECT) == []
    assert preflight_faults(_PREFLIGHT) == []
    assert preflight_faults(replace(_with(_PREFLIGHT, "Vary"), status=200)) == []
    assert foreign_faults(_DIRECT) == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (replace(_GOOD, status=502), "status 502, the backend's is 200"),
        (
            replace(_GOOD, digest="def", length=7),
            "the body differs from the backend's (7 bytes instead of 120)",
        ),
        (_with(_GOOD, "Content-Length"), "Content-Length [], not ['120']"),
        (
            _with(_GOOD, "Access-Control-Allow-Origin", "https://wrong.example", policy.ORIGIN),
            "Access-Control-Allow-Origin is ['https://wrong.example', 'https://app.example.com'], not ['https://app.example.com']",
        ),
        (
            _with(_GOOD, "Access-Control-Allow-Credentials"),
            "Access-Control-Allow-Credentials is [], not ['true']",
        ),
        (
            _with(_GOOD, "Access-Control-Expose-Headers", "X-Wrong"),
            "Access-Control-Expose-Headers is ['X-Wrong'], not ['X-Total-Count']",
        ),
        (_with(_GOOD, "Vary", "Accept-Encoding"), "Vary is ['Accept-Encoding'], without Origin"),
        (replace(_GOOD, keeps=False), "it does not keep the connection"),
    ],
)
def test_a_wrong_answer_is_told(answer: Answer, fault: str) -> None:
    assert actual_faults(answer, _DIRECT) == [fault]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (replace(_PREFLIGHT, status=418), "a preflight is answered 418, by the backend"),
        (replace(_PREFLIGHT, status=403), "a preflight is answered 403"),
        (
            _with(_PREFLIGHT, "Access-Control-Allow-Origin", "*"),
            "a preflight's Access-Control-Allow-Origin is ['*'], not ['https://app.example.com']",
        ),
        (
            _with(_PREFLIGHT, "Access-Control-Allow-Methods", "GET, POST"),
            "a preflight's Access-Control-Allow-Methods lacks put",
        ),
        (
            _with(_PREFLIGHT, "Access-Control-Allow-Headers", "x-requested-with"),
            "a preflight's Access-Control-Allow-Headers lacks authorization, content-type",
        ),
        (_with(_PREFLIGHT, "Access-Control-Max-Age", "5"), "a preflight's Access-Control-Max-Age lacks 600"),
        (replace(_PREFLIGHT, keeps=False), "it does not keep the connection after a preflight"),
    ],
)
def test_a_wrong_preflight_is_told(answer: Answer, fault: str) -> None:
    assert preflight_faults(answer) == [fault]


def test_a_disallowed_origin_gets_nothing() -> None:
    leaky = _with(_DIRECT, "access-control-allow-origin", "https://wrong.example")
    assert foreign_faults(leaky) == [
        "a disallowed origin gets Access-Control-Allow-Origin: ['https://wrong.example']"
    ]
