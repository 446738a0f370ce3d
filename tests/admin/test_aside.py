"""What is done beside the event loop: in small pieces, in short turns, and with the same outcome."""

import asyncio
import json
import sys
import threading
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.admin.app import build
from corsproxy.admin.aside import TURN, aside, encoded
from corsproxy.observe.ledger_rows import LedgerSnapshot
from tests.admin.conftest import ADMIN, FakeFleet, KeptEvents
from tests.admin.test_decisions import REFUSED, marks, row
from tests.observe.conftest import unhurried

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(PLAIN, lambda some: st.lists(some) | st.dictionaries(st.text(), some))


@unhurried
@given(VALUES)
def test_it_is_the_same_text(value: object) -> None:
    assert encoded(value) == json.dumps(value)


async def test_turns_are_short_while_work_is_done_and_then_as_before() -> None:
    before = sys.getswitchinterval()
    ended = threading.Event()
    long = asyncio.create_task(aside(ended.wait))
    assert await aside(sys.getswitchinterval) == pytest.approx(TURN)
    assert sys.getswitchinterval() == pytest.approx(TURN)
    ended.set()
    await long
    assert sys.getswitchinterval() == before


async def test_after_work_that_fails_too() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ValueError, match="invalid literal"):
        await aside(int, "x")
    assert sys.getswitchinterval() == before


@pytest.mark.parametrize(
    "changes",
    [lambda n: {"origin": b"https://x%d.example" % n}, lambda n: {"request_headers": b"x-%d" % n}],
    ids=["many origins", "one origin that asks for much"],
)
async def test_no_single_call_writes_much_of_a_full_ledger(
    aiohttp_client: Any,
    fleet: FakeFleet,
    observer: KeptEvents,
    monkeypatch: pytest.MonkeyPatch,
    changes: Any,
) -> None:
    whole, sizes = json.dumps, []

    def dumps(value: object, *args: Any, **keywords: Any) -> str:
        text = whole(value, *args, **keywords)
        sizes.append(len(text))
        return text

    fleet.told = [
        LedgerSnapshot(generation=1, rows={marks(REFUSED, **changes(n)): row() for n in range(999)})
    ]
    client: TestClient[web.Request, web.Application] = await aiohttp_client(build(fleet, ADMIN, observer))
    monkeypatch.setattr(json, "dumps", dumps)
    response = await client.get("/decisions")
    told = await response.json()
    assert sum(len(entry["requests"]) for entry in told["refusals"]) == 999
    assert max(sizes) < 2000
