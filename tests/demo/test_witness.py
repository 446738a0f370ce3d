import json
from collections.abc import Callable, Iterable
from typing import Any

from corsproxy.demo.witness import Witness


def silent(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["REQUEST_METHOD"].encode()]


def ask(witness: Witness, method: str, path: str, query: str = "") -> bytes:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    return b"".join(witness(environ, lambda *_: lambda _: None))


def seen(witness: Witness, mark: str) -> Any:
    return json.loads(ask(witness, "GET", "/-/seen", f"ask={mark}"))


def test_it_tells_which_methods_arrived_under_a_mark_in_order() -> None:
    witness = Witness(silent)
    assert ask(witness, "POST", "/api/session", "ask=a") == b"POST"
    assert ask(witness, "GET", "/api/session", "x=1&ask=a") == b"GET"
    assert ask(witness, "PUT", "/api/books/2", "ask=b") == b"PUT"
    assert ask(witness, "DELETE", "/api/books/2") == b"DELETE"
    assert [seen(witness, mark) for mark in ("a", "b", "c", "")] == [["POST", "GET"], ["PUT"], [], []]


def test_asking_leaves_no_mark() -> None:
    witness = Witness(silent)
    assert seen(witness, "a") == []
    assert seen(witness, "a") == []


def test_it_forgets_the_oldest_first() -> None:
    witness = Witness(silent, remembered=2)
    for mark in ("a", "b", "c"):
        ask(witness, "GET", "/", f"ask={mark}")
    assert [seen(witness, mark) for mark in ("a", "b", "c")] == [[], ["GET"], ["GET"]]
