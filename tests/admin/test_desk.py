"""The desk's process: when it is there, when it is not, and what becomes of one that misbehaves."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from corsproxy.admin.desk import Desk, DeskError
from corsproxy.config.settings import Endpoint, Settings, Source, Upstream

SETTINGS = Settings(
    source=Source("c.yaml", "ab" * 32),
    upstream=Upstream(endpoint=Endpoint("127.0.0.1", 1), authority="127.0.0.1"),
    rules=(),
)
# Answers each question with its process id and how often it was told settings.
ECHO = """
import json, os, sys
told = 0
for line in sys.stdin:
    if "settings" in json.loads(line):
        told += 1
    else:
        print(json.dumps({"html": f"{os.getpid()} {told}"}), flush=True)
"""
HANGS = "import sys, signal\nfor line in sys.stdin: signal.pause()"
HANGS_AT_THE_END = ECHO + "\nimport signal\nsignal.pause()"
# Answers one question, and to the next only says that there will be no answer.
SAYS_NO_MORE = """
import os, signal, sys
sys.stdin.readline(), sys.stdin.readline()
print('{"html": "once"}', flush=True)
sys.stdin.readline()
os.close(1)
signal.pause()
"""

MakeDesk = Callable[..., Desk]


@pytest.fixture
async def desk() -> AsyncIterator[MakeDesk]:
    made: list[Desk] = []

    def make(script: str, **settings: float) -> Desk:
        made.append(Desk((sys.executable, "-c", script), **settings))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def started(one: Desk) -> None:
    while one.pid is None:  # noqa: ASYNC110 -- a turn of the loop each, for there is no event to wait for
        await asyncio.sleep(0)


async def test_it_is_started_by_the_first_question_and_shared_by_all(desk: MakeDesk) -> None:
    one = desk(ECHO)
    assert one.pid is None
    said = await asyncio.gather(*(one.ask('{"what": "page"}', SETTINGS) for _ in range(4)))
    assert said == [f"{one.pid} 1"] * 4


async def test_new_settings_are_told(desk: MakeDesk) -> None:
    one = desk(ECHO)
    other = Settings(source=Source("d.yaml", "cd" * 32), upstream=SETTINGS.upstream, rules=())
    said = [await one.ask("{}", settings) for settings in (SETTINGS, SETTINGS, other, other)]
    assert [text.partition(" ")[2] for text in said] == ["1", "1", "2", "2"]


async def test_it_leaves_when_nobody_looks_any_more(desk: MakeDesk) -> None:
    one = desk(ECHO, idle=0.2)
    await one.ask("{}", SETTINGS)
    process = psutil.Process(one.pid)
    while one.pid is not None or process.is_running():  # noqa: ASYNC110 -- as below
        await asyncio.sleep(0)
    assert (await one.ask("{}", SETTINGS)).endswith(" 1"), "the next one was told too"


async def test_closing_ends_it(desk: MakeDesk) -> None:
    one = desk(HANGS_AT_THE_END)
    await one.ask("{}", SETTINGS)
    process = psutil.Process(one.pid)
    await one.close()
    assert (one.pid, process.is_running()) == (None, False)
    await one.close()


async def test_one_that_hangs_is_ended_and_the_next_is_asked(desk: MakeDesk) -> None:
    one = desk(HANGS, patience=0.2)
    with pytest.raises(DeskError, match=r"^it had not answered after 0\.2 s and was ended$"):
        await one.ask("{}", SETTINGS)
    assert one.pid is None
    with pytest.raises(DeskError):
        await one.ask("{}", SETTINGS)


async def test_closing_does_not_wait_for_one_that_hangs(desk: MakeDesk) -> None:
    one = desk(HANGS)
    view = asyncio.create_task(one.ask("{}", SETTINGS))
    await started(one)
    await one.close()
    with pytest.raises(DeskError, match=r"^it ended: exit status -9$"):
        await view
    with pytest.raises(DeskError, match=r"^the service ends$"):
        await one.ask("{}", SETTINGS)


async def test_one_that_somebody_killed_is_started_again(desk: MakeDesk) -> None:
    one = desk(ECHO)
    await one.ask("{}", SETTINGS)
    psutil.Process(one.pid).kill()
    assert await one.ask("{}", SETTINGS) == f"{one.pid} 1"


async def test_one_that_says_no_more_is_ended_before_there_is_another(desk: MakeDesk) -> None:
    one = desk(SAYS_NO_MORE)
    assert await one.ask("{}", SETTINGS) == "once"
    silent = psutil.Process(one.pid)
    assert await one.ask("{}", SETTINGS) == "once"
    assert one.pid != silent.pid
    assert not silent.is_running()


async def test_a_view_that_is_given_up_leaves_no_answer_for_the_next(desk: MakeDesk) -> None:
    one = desk(HANGS)
    view = asyncio.create_task(one.ask("{}", SETTINGS))
    await started(one)
    process = psutil.Process(one.pid)
    view.cancel()
    with pytest.raises(asyncio.CancelledError):
        await view
    assert not process.is_running()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise SystemExit('no templates here')", "it ended: no templates here"),
        (
            "import sys; sys.stdin.readline(); sys.stdin.readline(); print('{', end='')",
            "it ended: exit status 0",
        ),
        (
            "import sys; sys.stdin.readline(); sys.stdin.readline(); print('what?', flush=True); sys.stdin.read()",
            "it made no sense",
        ),
        (
            "import sys; sys.stdin.readline(); sys.stdin.readline(); print('[]', flush=True); sys.stdin.read()",
            "it made no sense",
        ),
        (
            'import sys; sys.stdin.readline(); sys.stdin.readline(); print(\'{"fault": "KeyError: 1"}\', flush=True); sys.stdin.read()',
            "KeyError: 1",
        ),
    ],
)
async def test_what_makes_no_sense_is_said(desk: MakeDesk, script: str, said: str) -> None:
    with pytest.raises(DeskError) as raised:
        await desk(script).ask("{}", SETTINGS)
    assert str(raised.value) == said


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DeskError, match=r"^it did not start: "):
        await Desk(("/nowhere/python",)).ask("{}", SETTINGS)


async def test_only_so_many_views_wait(desk: MakeDesk) -> None:
    one = desk(HANGS)
    views = [asyncio.create_task(one.ask("{}", SETTINGS)) for _ in range(8)]
    await started(one)
    with pytest.raises(DeskError, match="too many views wait already"):
        await one.ask("{}", SETTINGS)
    for view in views:
        view.cancel()
    await asyncio.gather(*views, return_exceptions=True)


async def test_the_real_one_lives_by_its_package_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither reads modules from the working directory nor ends at Ctrl-C, which is meant for the service."""
    monkeypatch.chdir(tmp_path)
    for name in ("jinja2", "yaml", "json"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('from the working directory')")
    status = json.dumps({"what": "live", "decisions": {}, "totals": [], "status": STATUS})
    one = Desk()
    try:
        assert "Nothing has been asked" in await one.ask(status, SETTINGS)
        process = psutil.Process(one.pid)
        process.send_signal(2)
        assert "Nothing has been asked" in await one.ask(status, SETTINGS)
        assert one.pid == process.pid
        # A question that goes wrong is answered so, and the next is asked of the same process.
        with pytest.raises(DeskError, match=r"^KeyError: 'decisions'$"):
            await one.ask('{"what": "live"}', SETTINGS)
        assert one.pid == process.pid
    finally:
        await one.close()
    assert not process.is_running()


STATUS: dict[str, Any] = {
    "state": "serving",
    "uptime_seconds": 1.0,
    "upstream": "127.0.0.1:5000",
    "listen": ["0.0.0.0:8080"],
    "workers": [1],
    "connections": {},
    "config": {
        "source": "c.yaml",
        "sha256": "ab" * 32,
        "generation": 1,
        "loaded_at": "2026-01-02T03:04:05.000Z",
        "rules": 0,
        "warnings": [],
        "last_reload": None,
    },
}
