"""Which event loop serves."""

import asyncio

import pytest
import uvloop

from corsproxy.cli.loop import LoopError, loop_factory


@pytest.mark.parametrize(
    ("environ", "factory"),
    [
        ({}, uvloop.new_event_loop),
        ({"CORSPROXY_LOOP": ""}, uvloop.new_event_loop),
        ({"CORSPROXY_LOOP": "uvloop"}, uvloop.new_event_loop),
        ({"CORSPROXY_LOOP": "asyncio"}, asyncio.new_event_loop),
    ],
)
def test_the_environment_chooses(environ: dict[str, str], factory: object) -> None:
    assert loop_factory(environ) is factory


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(LoopError, match=r"^CORSPROXY_LOOP=uvlop is no event loop\. Fix: "):
        loop_factory({"CORSPROXY_LOOP": "uvlop"})


def test_without_uvloop_asyncio_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert loop_factory({}) is asyncio.new_event_loop
    with pytest.raises(LoopError, match="not installed"):
        loop_factory({"CORSPROXY_LOOP": "uvloop"})
