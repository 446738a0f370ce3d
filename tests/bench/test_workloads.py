"""The messages that the bench sends are whole and are what a browser sends."""

import h11
import pytest

from bench import policy, workloads
from bench.workloads import Workload


def _read(message: bytes) -> tuple[h11.Request, bytes]:
    server = h11.Connection(h11.SERVER)
    server.receive_data(message)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert server.trailing_data == (b"", False)
    return request, body


@pytest.mark.parametrize("workload", workloads.ALL, ids=lambda workload: workload.name)
def test_a_message_is_one_whole_request_of_a_browser(workload: Workload) -> None:
    request, body = _read(workload.message)
    fields = dict(request.headers)
    assert len(request.headers) >= 13
    assert fields[b"host"] == policy.HOST.encode()
    assert fields[b"origin"] == policy.ORIGIN.encode()
    assert fields[b"sec-fetch-mode"] == b"cors"
    assert (b"access-control-request-method" in fields) is workload.is_preflight
    assert (request.method == b"OPTIONS") is workload.is_preflight
    assert len(body) == (10_240 if request.method == b"POST" else 0)


def test_the_small_answer_has_120_bytes() -> None:
    assert len(workloads.SMALL_JSON) == workloads.GET.length == 120


def test_another_origin_changes_that_field_only() -> None:
    ours, theirs = (
        _read(workloads.request("GET", "/x", origin=origin))[0]
        for origin in ("https://a.example", "https://b.example")
    )
    different = [pair for pair in zip(ours.headers, theirs.headers, strict=True) if pair[0] != pair[1]]
    assert different == [((b"origin", b"https://a.example"), (b"origin", b"https://b.example"))]
