"""Recorded decisions over another policy; over the same one nothing ever changes."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as unhurried
from hypothesis import strategies as st

from corsproxy.admin.decisions import decisions
from corsproxy.admin.fleet import Facts
from corsproxy.bridges.recordings import BadRecording, read_decisions, read_log
from corsproxy.bridges.replay import Place, Recorded, Recording, replay
from corsproxy.config.settings import Endpoint, Log, Settings, Source, Upstream
from corsproxy.cors.comparison import Change
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.vocabulary import Kind, Reason
from corsproxy.observe.ledger import Ledger
from corsproxy.observe.log import Log as AccessLog
from corsproxy.proxy.record import Record
from tests.cors.drawn import public_origins, requests, rule_sets
from tests.cors.oracle import Request

AT = 1_767_323_045.0
UPSTREAM = Upstream(endpoint=Endpoint("127.0.0.1", 5000), authority="127.0.0.1:5000")
ANY_PACE = unhurried(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

APP, OLD, EVIL = b"https://app.example.com", b"https://old.example.com", b"https://evil.example"
API = Rule(
    name="api",
    place="c.yaml:3",
    paths=("/**",),
    origins=Origins(exact=(APP.decode(), OLD.decode())),
    allow_methods=("PUT",),
    allow_headers=("X-Token",),
    allow_credentials=True,
)


class Witness:
    """A policy that serves, and everything that is told of it."""

    def __init__(self, *rules: Rule, public: tuple[str, ...] = ()) -> None:
        self.settings = Settings(
            source=Source("c.yaml", "00"),
            upstream=UPSTREAM,
            rules=rules,
            public_origins=public,
            log=Log(access="all"),
        )
        self.policy = Policy.compile(rules, public)
        self.ledger = Ledger(self.settings, lambda: AT)
        self.log = AccessLog(self.settings, colour=False)
        self.lines: list[str] = []

    def serve(self, request: Request, times: int = 1) -> None:
        decision = self.policy.decide(request, request.scheme, request.host)
        is_own = (decision.would or decision).kind is Kind.SAME_ORIGIN
        record = Record(
            decision, 200, None, AT, 0.5, 0.4, "192.0.2.1", request.method, request.path, request.host, request.origin,
            0, 0, "", request_method=request.request_method, request_headers=request.request_headers,
            sec_fetch_site=request.sec_fetch_site if is_own else None,
        )  # fmt: skip
        for _ in range(times):
            if request.origin is not None:
                self.ledger.count(record, decision, request.origin)
            self.lines.append(self.log.exchange(record).decode())

    def document(self) -> dict[str, Any]:
        facts = Facts(started_at=AT, loaded_at=AT, generation=1)
        told = decisions([self.ledger.snapshot({})], facts, self.settings, now=AT + 60)
        parsed: dict[str, Any] = json.loads(json.dumps(told))
        return parsed

    def recordings(self) -> tuple[Recording, Recording]:
        """Give what the admin pages and what the log recorded."""
        return read_decisions(self.document()), read_log(self.lines)


def changes(recording: Recording, *rules: Rule, public: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    replayed = replay(Policy.compile(rules, public), recording.requests)
    return [(e.change, e.origin, e.method, e.count, e.is_exact, list(e.paths)) for e in replayed.effects]


@ANY_PACE
@given(rules=rule_sets(), public=public_origins(), asked=st.lists(requests(), max_size=12))
def test_the_same_file_changes_nothing(
    rules: tuple[Rule, ...], public: tuple[str, ...], asked: list[Request]
) -> None:
    witness = Witness(*rules, public=public)
    for request in asked:
        witness.serve(request)
    for recording in witness.recordings() if asked else ():
        replayed = replay(witness.policy, recording.requests)
        assert replayed.effects == ()
        assert replayed.unchanged == replayed.total


def preflight(origin: bytes = APP, method: bytes = b"PUT", names: bytes = b"x-token", **more: Any) -> Request:
    return Request(
        method=b"OPTIONS",
        origin=origin,
        request_method=method,
        request_headers=names,
        **(more or {"path": b"/a"}),
    )


def get(origin: bytes = APP, path: bytes = b"/a", **more: Any) -> Request:
    return Request(method=b"GET", origin=origin, path=path, **more)


def test_newly_refused_and_newly_allowed() -> None:
    witness = Witness(API)
    witness.serve(get(OLD), 3)
    witness.serve(get(OLD, b"/b"), 2)
    witness.serve(get(APP), 4)
    witness.serve(preflight(names=b"x-token,x-new"))
    witness.serve(get(EVIL))
    new = replace(
        API, origins=Origins(exact=(APP.decode(), EVIL.decode())), allow_headers=("X-Token", "X-New")
    )
    for recording in witness.recordings():
        assert changes(recording, new) == [
            (Change.NEWLY_REFUSED, OLD, b"GET", 5, True, [b"/a", b"/b"]),
            (Change.NEWLY_ALLOWED, APP, b"PUT", 1, True, [b"/a"]),
            (Change.NEWLY_ALLOWED, EVIL, b"GET", 1, True, [b"/a"]),
        ]


def test_each_method_is_told_by_itself() -> None:
    witness = Witness(API)
    witness.serve(get(OLD), 3)
    witness.serve(replace(get(OLD), method=b"POST"), 2)
    without = replace(API, origins=Origins(exact=(APP.decode(),)))
    for recording in witness.recordings():
        assert changes(recording, without) == [
            (Change.NEWLY_REFUSED, OLD, b"GET", 3, True, [b"/a"]),
            (Change.NEWLY_REFUSED, OLD, b"POST", 2, True, [b"/a"]),
        ]


def test_a_rule_that_takes_one_of_two_paths() -> None:
    """The admin pages count kinds of requests, the log each address."""
    witness = Witness(API)
    witness.serve(get(path=b"/a"), 3)
    witness.serve(get(path=b"/b"), 2)
    only_a = replace(API, paths=("/a",))
    told, logged = witness.recordings()
    assert changes(told, only_a) == [(Change.NEWLY_REFUSED, APP, b"GET", 5, False, [b"/b"])]
    assert changes(logged, only_a) == [(Change.NEWLY_REFUSED, APP, b"GET", 2, True, [b"/b"])]


def test_credentials_are_known_of_what_was_served() -> None:
    witness = Witness(API)
    witness.serve(get())
    told, logged = witness.recordings()
    without = replace(API, allow_credentials=False)
    assert changes(told, without) == [(Change.OTHER, APP, b"GET", 1, True, [b"/a"])]
    assert changes(logged, without) == []


def test_the_mode() -> None:
    witness = Witness(API)
    witness.serve(get(EVIL))
    witness.serve(get())
    report = replace(API, report=True)
    for recording in witness.recordings():
        assert changes(recording, report) == [
            (Change.OTHER, APP, b"GET", 1, True, [b"/a"]),
            (Change.NEWLY_ALLOWED, EVIL, b"GET", 1, True, [b"/a"]),
        ]


@pytest.mark.parametrize("request_", [get(b"http://h.example"), get(sec_fetch_site=b"same-origin")])
def test_what_was_same_origin_stays_so(request_: Request) -> None:
    witness = Witness(API)
    witness.serve(replace(request_, host=b"h.example", scheme=b"http"))
    for recording in witness.recordings():
        assert changes(recording, replace(API, origins=Origins(exact=(EVIL.decode(),)))) == []


def test_a_public_origin_that_is_not_listed_any_more() -> None:
    public = (EVIL.decode(),)
    witness = Witness(API, public=public)
    witness.serve(get(EVIL))
    for recording in witness.recordings():
        assert changes(recording, API, public=public) == []
        assert changes(recording, API) == [(Change.NEWLY_REFUSED, EVIL, b"GET", 1, True, [b"/a"])]


def test_hosts_and_websockets_are_asked_as_they_were() -> None:
    witness = Witness(API)
    witness.serve(get(OLD, host=b"a.example"))
    witness.serve(get(OLD, host=b"b.example", is_websocket=True))
    only_a = replace(API, host="a.example")
    for recording in witness.recordings():
        (effect,) = replay(Policy.compile((only_a,), ()), recording.requests).effects
        assert (effect.before.kind, effect.after.reason) == (Kind.WEBSOCKET, Reason.NO_RULE_FOR_PATH)


def test_every_byte_is_asked_as_it_was_sent() -> None:
    witness = Witness(API)
    origin = b'https://\xe9\\x41".example'
    witness.serve(get(origin, b"/\\x41\xff%2f"))
    for recording in witness.recordings():
        (recorded,) = recording.requests
        assert recorded.origin == origin
        assert list(recorded.places) == [Place(b"proxy.example", b"/\\x41\xff%2f")]


def test_what_was_cut_is_left_out_and_said() -> None:
    witness = Witness(API)
    witness.serve(get(b"https://" + b"x" * 5000))
    witness.serve(get(path=b"/" + b"x" * 5000))
    witness.serve(get(path=b"/" + b'"' * 900))
    told, logged = witness.recordings()
    assert told.requests == logged.requests == ()
    assert told.notes == ("3 requests were too long to be kept whole; they are left out.",)
    assert logged.notes == ("3 lines left out: something is too long to be there whole.",)


def test_what_former_rules_decided_is_left_out_and_said() -> None:
    witness = Witness(API)
    witness.serve(get(), 2)
    document = witness.document()
    document["generation"] = 2
    document["forgotten"] = 7
    recording = read_decisions(document)
    assert recording == Recording(
        requests=(),
        first=AT,
        last=AT + 60,
        notes=(
            "2 requests were decided by former rules; they are left out.",
            "7 requests have no entry any more, because others came more often; they are left out.",
        ),
    )


EMPTY = {"generation": 1, "since": 1.0, "now": 2.0, "refusals": [], "allowed": []}
ENTRY = {"origin": "x", "kind": "actual", "reason": "origin_allowed", "action": "forward", "count": 1}
REQUEST = {"method": "GET", "requested_method": None, "requested_headers": None, "count": 1}
SOMEWHERE = {"host": "", "path": "/"}


def served(entry: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return EMPTY | {"allowed": [ENTRY | entry | {"requests": [REQUEST | {"at": [SOMEWHERE]} | request]}]}


def test_a_document_by_hand() -> None:
    assert len(read_decisions(served({}, {})).requests) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"generation": 1},
        EMPTY | {"refusals": [1]},
        EMPTY | {"since": 1e300},
        EMPTY | {"now": "nan"},
        EMPTY | {"allowed": [ENTRY]},
        served({"reason": "whim"}, {}),
        served({"origin": "\u212a"}, {}),
        served({}, {"count": "x"}),
        served({}, {"at": [{"host": None, "path": ""}]}),
    ],
)
def test_what_is_no_document(document: dict[str, Any]) -> None:
    with pytest.raises(BadRecording, match=r"^This is no document of /decisions"):
        read_decisions(document)


class TestLog:
    def test_whatever_stands_between_and_in_front(self) -> None:
        witness = Witness(API)
        witness.serve(get())
        noise = [
            "",
            "{",
            "\x00",
            "[1]",
            '{"kind": 5, "status": 1}',
            '{"level":"info","message":"serving"}',
            "{" * 9999,
        ]
        recording = read_log([*noise, f"corsproxy-1  | {witness.lines[0]}"])
        assert [recorded.count for recorded in recording.requests] == [1]
        assert (recording.first, recording.last) == (AT + 0.5, AT + 0.5)
        assert recording.notes == ()

    def test_no_line_of_ours(self) -> None:
        with pytest.raises(BadRecording, match=r"^There is no line about a request here"):
            read_log(["127.0.0.1 - - [01/Jan/2026] GET / 200"])

    def test_refusals_only(self) -> None:
        witness = Witness(API)
        witness.serve(get(EVIL))
        (note,) = read_log(witness.lines).notes
        assert note.startswith("This log has refusals only")

    def test_what_cannot_be_asked_again(self) -> None:
        witness = Witness(API)
        witness.serve(preflight())
        line = json.loads(witness.lines[0])
        without = {name: value for name, value in line.items() if not name.startswith("requested_")}
        unread = {**line, "fault": "bad_request"}
        timeless = {**line, "time": "yesterday"}
        recording = read_log(map(json.dumps, [line, without, unread, timeless]))
        assert [recorded.count for recorded in recording.requests] == [1]
        assert recording.notes == (
            "1 line left out: it does not say what the preflight asked for; it was written by an older corsproxy.",
            "1 line left out: the request could not be read.",
            "1 line left out: a field is missing or of another type.",
        )

    def test_addresses_are_bounded(self) -> None:
        witness = Witness(API)
        witness.serve(get())
        line = witness.lines[0]
        recording = read_log(line.replace('"/a"', f'"/{number}"') for number in range(2500))
        (recorded,) = recording.requests
        assert (recorded.count, len(recorded.places)) == (2000, 2000)
        assert recording.notes == ("500 lines left out: there are more than 2000 addresses of that kind.",)


def test_nothing_recorded() -> None:
    nothing: tuple[Recorded, ...] = ()
    replayed = replay(Policy.compile((API,), ()), nothing)
    assert (replayed.effects, replayed.unchanged, replayed.total) == ((), 0, 0)
