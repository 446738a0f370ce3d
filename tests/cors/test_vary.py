"""Vary: one name more, and nothing lost."""

import pytest

from corsproxy.cors.vary import merge_vary


@pytest.mark.parametrize(
    ("values", "merged"),
    [
        ([], b"Origin"),
        ([b""], b"Origin"),
        ([b"Accept-Encoding"], b"Accept-Encoding, Origin"),
        ([b"Accept-Encoding", b"Cookie"], b"Accept-Encoding, Cookie, Origin"),
        ([b"accept-encoding,Accept-Encoding , Cookie"], b"accept-encoding, Cookie, Origin"),
        ([b"Accept-Encoding", b"ACCEPT-ENCODING"], b"Accept-Encoding, Origin"),
        ([b" , Cookie,,"], b"Cookie, Origin"),
        ([b"Original"], b"Original, Origin"),
        ([b"Origin", b"origin"], b"Origin"),
        ([b"origin, Cookie, ORIGIN"], b"origin, Cookie"),
        # nginx's cache takes only a lone `*` for one.
        ([b"Cookie", b"*"], b"Cookie, *, Origin"),
        ([b"*, Cookie"], b"*, Cookie, Origin"),
    ],
)
def test_origin_is_named_once(values: list[bytes], merged: bytes) -> None:
    assert merge_vary(values) == merged


@pytest.mark.parametrize(
    "values",
    [
        [b"Origin"],
        [b"origin"],
        [b"Cookie, ORIGIN"],
        [b"Cookie", b"Origin"],
        [b"*"],
        [b" *,", b"*"],
        [b"Origin, *"],
    ],
)
def test_lines_that_say_it_already_stay_as_they_are(values: list[bytes]) -> None:
    assert merge_vary(values) is None


def test_another_name() -> None:
    assert merge_vary([b"Origin"], b"Accept") == b"Origin, Accept"


def test_blanks_around_names_are_no_part_of_them() -> None:
    assert merge_vary([b"\tAccept \t,\t Origin\t"]) is None
    assert merge_vary([b"\t* \t", b"\t*\t"]) is None
    assert merge_vary([b"\tAccept \t"]) == b"Accept, Origin"
