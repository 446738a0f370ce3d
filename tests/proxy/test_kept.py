"""What is kept of a request's body: all while it waits, and once it is sent what a repetition needs."""

import tracemalloc

import pytest

from corsproxy.proxy.kept import KeptBody

MOST = 64 * 1024


def test_what_waits_is_kept_whole_and_sent_once() -> None:
    kept = KeptBody(is_repeatable=False)
    kept.add(b"a" * MOST, is_sent=False)
    kept.add(b"b", is_sent=False)
    assert kept.send(b"head;") == b"head;" + b"a" * MOST + b"b"
    assert (kept.is_whole, kept.send(b"head;")) == (False, b"head;")


@pytest.mark.parametrize("is_sent", [True, False], ids=["behind its head", "with its head"])
@pytest.mark.parametrize("more", [b"", b"c"], ids=["the most", "more"])
def test_what_may_be_repeated_is_kept_up_to_a_bound(is_sent: bool, more: bytes) -> None:
    kept = KeptBody(is_repeatable=True)
    kept.add(b"a" * (MOST - 1), is_sent=is_sent)
    kept.add(b"b" + more, is_sent=is_sent)
    whole = b"head;" + b"a" * (MOST - 1) + b"b" + more
    if not is_sent:
        assert kept.send(b"head;") == whole
    assert (kept.is_whole, kept.send(b"head;")) == ((False, b"head;") if more else (True, whole))


@pytest.mark.parametrize("is_repeatable", [True, False])
def test_nothing_of_a_body_that_is_not_kept_whole_is_kept(is_repeatable: bool) -> None:
    kept = KeptBody(is_repeatable=is_repeatable)
    for _ in range(3):
        kept.add(b"a" * (MOST + 1), is_sent=True)
    assert (kept.is_whole, kept.send(b"")) == (False, b"")


def test_small_pieces_cost_no_more_than_their_bytes() -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = KeptBody(is_repeatable=True)
    for number in range(MOST // 2):
        kept.add(b"%02x" % (number % 256), is_sent=True)
    assert kept.is_whole
    assert tracemalloc.get_traced_memory()[0] - before < 2 * MOST
    tracemalloc.stop()
