"""What is loaded when, what is adopted of it, and what is remembered and said."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from corsproxy.admin.fleet import Facts, ReloadOutcome
from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.settings import Admin, Endpoint, Limits, ServerTls, Settings, Source, Upstream
from corsproxy.proxy.record import Record
from corsproxy.service.reload import AdoptError, Reload, adoptable

PATH = "config/corsproxy.yaml"
PROBLEM = Problem(
    PATH, 3, 5, "rules[0].path", "It is no path.", "Nobody asks for it.", "write /**", Code.PATH
)


def settings(sha256: str = "first", **changes: object) -> Settings:
    upstream = Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000")
    return replace(Settings(source=Source(PATH, sha256), upstream=upstream, rules=()), **changes)  # type: ignore[arg-type]


class Log:
    """An Observer that keeps events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []

    def event(self, level: str, message: str, **details: object) -> None:
        self.events.append((level, message, details))

    def finished(self, record: Record) -> None:
        raise AssertionError(record)

    def connection_opened(self) -> None:
        raise AssertionError


class Stage:
    """A Reload whose loads the test answers, one after the other."""

    def __init__(self) -> None:
        self.log = Log()
        self.adopted: list[Settings] = []
        self.refusal = ""
        self.asked: asyncio.Queue[asyncio.Future[Settings]] = asyncio.Queue()
        self.loading = 0
        self.reload = Reload(settings(), self._load, self._adopt, self.log)

    async def _load(self) -> Settings:
        assert self.loading == 0, "loads overlap"
        self.loading += 1
        answer: asyncio.Future[Settings] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait(answer)
        try:
            return await answer
        finally:
            self.loading -= 1

    async def _adopt(self, adopted: Settings) -> None:
        if self.refusal:
            raise AdoptError(self.refusal)
        self.adopted.append(adopted)

    async def load(self, outcome: Settings | Exception) -> None:
        """Wait for the next load, answer it, and let its consequences happen."""
        answer = await self.asked.get()
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
        await settle()

    def outcome(self) -> ReloadOutcome:
        assert self.reload.facts.last_reload is not None
        return self.reload.facts.last_reload

    async def is_idle(self) -> bool:
        await settle()
        return self.asked.empty() and self.loading == 0


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    running = asyncio.create_task(stage.reload.run())
    yield stage
    assert not running.done()
    running.cancel()


class TestAdoptable:
    def test_everything_where_nothing_is_bound_to_a_socket(self) -> None:
        loaded = settings("second", limits=Limits(connections=5))
        assert adoptable(settings(), loaded) == (loaded, ())

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("listen", (Endpoint("127.0.0.1", 1),)),
            ("workers", 4),
            ("admin", None),
            ("admin", Admin(hosts=("ops.example.com",))),
            ("tls", ServerTls("a.pem", "b.pem")),
        ],
    )
    def test_what_needs_a_restart_stays_and_is_named(self, name: str, value: object) -> None:
        loaded = settings("second", limits=Limits(connections=5), **{name: value})
        assert adoptable(settings(), loaded) == (settings("second", limits=Limits(connections=5)), (name,))


class TestGood:
    async def test_is_adopted_and_counted(self, stage: Stage) -> None:
        stage.reload.notice("second")
        await stage.load(settings("second"))
        assert stage.adopted == [settings("second", generation=2)]
        assert stage.reload.settings == settings("second", generation=2)
        facts = stage.reload.facts
        assert facts == Facts(
            started_at=facts.started_at,
            loaded_at=facts.loaded_at,
            generation=2,
            reloads_succeeded=1,
            last_reload=ReloadOutcome(at=facts.loaded_at),
        )
        assert facts.loaded_at > facts.started_at
        assert stage.log.events == [
            (
                "info",
                "configuration reloaded",
                {"file": PATH, "generation": 2, "rules": 0, "sha256": "second"},
            )
        ]

    async def test_being_asked_counts_even_where_nothing_changed(self, stage: Stage) -> None:
        stage.reload.ask()
        await stage.load(settings())
        assert stage.reload.facts.generation == 2

    async def test_what_needs_a_restart_is_said_and_the_rest_adopted(self, stage: Stage) -> None:
        stage.reload.ask()
        await stage.load(settings("second", workers=4, tls=ServerTls("a", "b"), limits=Limits(connections=5)))
        assert stage.adopted == [settings("second", limits=Limits(connections=5), generation=2)]
        assert stage.log.events[1] == (
            "warning",
            "restart corsproxy to change workers, tls; the rest is adopted",
            {"keys": ["workers", "tls"]},
        )
        assert stage.outcome().waits_for_restart == ("workers", "tls")

    async def test_another_certificate_needs_none(self, stage: Stage) -> None:
        stage.reload.settings = settings(tls=ServerTls("a", "b"))
        stage.reload.ask()
        await stage.load(settings("second", tls=ServerTls("c", "d")))
        assert stage.adopted == [settings("second", tls=ServerTls("c", "d"), generation=2)]
        assert stage.outcome().waits_for_restart == ()

    async def test_its_warnings_are_said_again(self, stage: Stage) -> None:
        stage.reload.ask()
        await stage.load(settings("second", warnings=("dangerous!",)))
        assert stage.log.events[1:] == [("warning", "dangerous!", {})]


class TestBad:
    async def test_changes_nothing_and_is_said_whole(self, stage: Stage) -> None:
        stage.reload.notice("bad")
        await stage.load(ConfigError([PROBLEM]))
        assert stage.adopted == []
        assert stage.reload.settings == settings()
        facts = stage.reload.facts
        assert facts == Facts(
            started_at=facts.started_at,
            loaded_at=facts.started_at,
            generation=1,
            reloads_failed=1,
            last_reload=stage.outcome(),
        )
        assert stage.outcome().problems == (PROBLEM,)
        assert stage.log.events == [
            (
                "error",
                "It is no path.",
                {
                    "place": f"{PATH}:3:5",
                    "key": "rules[0].path",
                    "why": "Nobody asks for it.",
                    "fix": "write /**",
                },
            ),
            (
                "error",
                "configuration refused for 1 problem; the running one stays",
                {"file": PATH, "generation": 1},
            ),
        ]

    async def test_what_the_proxy_cannot_take_over_is_a_problem_too(self, stage: Stage) -> None:
        stage.refusal = "no such certificate"
        stage.reload.ask()
        await stage.load(settings("second"))
        assert stage.reload.settings == settings()
        assert [problem.what for problem in stage.outcome().problems] == ["no such certificate"]

    async def test_a_mistake_of_ours_leaves_what_runs_alone(self, stage: Stage) -> None:
        stage.reload.ask()
        await stage.load(RuntimeError("oops"))
        assert stage.reload.settings == settings()
        assert [problem.what for problem in stage.outcome().problems] == ["RuntimeError: oops"]
        stage.reload.ask()
        await stage.load(settings("second"))
        assert stage.reload.settings == settings("second", generation=2)

    async def test_the_content_that_ran_before_is_good_again(self, stage: Stage) -> None:
        stage.reload.notice("bad")
        await stage.load(ConfigError([PROBLEM]))
        stage.reload.notice("first")
        await stage.load(settings())
        assert stage.reload.facts.generation == 2
        assert stage.outcome().problems == ()


class TestWhen:
    async def test_a_noticed_content_that_runs_already_is_not_loaded(self, stage: Stage) -> None:
        stage.reload.notice("first")
        assert await stage.is_idle()

    async def test_a_noticed_content_that_was_refused_is_not_loaded_again(self, stage: Stage) -> None:
        stage.reload.notice("bad")
        await stage.load(ConfigError([PROBLEM]))
        stage.reload.notice("bad")
        assert await stage.is_idle()

    async def test_a_content_that_was_loaded_before_it_was_noticed_is_not_loaded_again(
        self, stage: Stage
    ) -> None:
        stage.reload.ask()
        await stage.load(settings("second"))
        stage.reload.notice("second")
        assert await stage.is_idle()

    async def test_what_changes_during_a_load_is_loaded_after_it(self, stage: Stage) -> None:
        stage.reload.notice("second")
        await settle()
        stage.reload.notice("third")
        await stage.load(settings("second"))
        await stage.load(settings("third"))
        assert [adopted.source.sha256 for adopted in stage.adopted] == ["second", "third"]
        assert await stage.is_idle()

    async def test_being_asked_twice_during_a_load_causes_one_more(self, stage: Stage) -> None:
        stage.reload.ask()
        await settle()
        stage.reload.ask()
        stage.reload.ask()
        await stage.load(settings("second"))
        await stage.load(settings("second"))
        assert await stage.is_idle()
        assert stage.reload.facts.generation == 3
