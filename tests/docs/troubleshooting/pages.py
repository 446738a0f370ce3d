"""The rows about what the page gets: errors, answers with something missing, cookies, WebSockets and events."""

from dataclasses import replace

from tests.docs.troubleshooting.browsing import COOKIE, EVENTS, SOCKET, Call
from tests.docs.troubleshooting.case import Case, case
from tests.docs.troubleshooting.stage import with_line

__all__: list[str] = []


IMPATIENT = "timeouts: {upstream_response: 200ms}"
IMPATIENT_OF_MORE = "timeouts: {upstream_idle_body: 200ms}"  # the beginning may take as long as it likes


async def by_line(at: Case, call: Call, status: int) -> None:
    """See the status and the body, ask, take the row's line, and get the answer."""
    before = at.stage.proxy.text
    await errs(at, call, status)
    await at.takes_line()
    await at.works(call)
    await at.stage.proxy.take(before)


async def errs(at: Case, call: Call, status: int) -> None:
    """See the status and the body, and ask."""
    seen = await at.works(call, status)
    at.calls(call)
    assert at.row.seen[0] == str(status)
    at.matches(at.row.seen[1], seen.body)
    await at.asks()


@case
async def failed_to_fetch(at: Case) -> None:
    seen = await at.fails(Call(url=at.url, page="https://shop.example.com/blank"))
    assert at.row.seen == [seen.body]
    [said] = await at.asks()
    assert seen.line in said.text


@case
async def backend_down(at: Case) -> None:
    spare, before = at.stage.spare, at.stage.spare.text
    at.reads_log_of(spare)
    call = Call(url=at.at("spare"))
    await errs(at, call, 502)
    await at.takes_line()
    await at.works(call)
    await spare.take(before)


@case
async def backend_slow(at: Case) -> None:
    before = at.stage.proxy.text
    await at.stage.proxy.take(with_line(before, IMPATIENT))
    await by_line(at, Call(url=f"{at.url}/slow"), 504)
    await at.stage.proxy.take(before)


@case
async def upload_too_large(at: Case) -> None:
    await by_line(at, Call(url=at.url, method="POST", body="x" * 2000), 413)


@case
async def head_too_large(at: Case) -> None:
    await by_line(at, Call(url=at.url, headers={"X-Trace": "x" * 5000}), 431)


@case
async def refused_here(at: Case) -> None:
    call = Call(url=at.url, page="https://shop.example.com/blank")
    await at.fails(call)
    answer = await at.stage.run(f"curl -si {call.url} -H 'Origin: https://shop.example.com'")
    assert f" {at.row.seen[0]} " in answer.text
    assert at.row.seen[1] in answer.text
    [explained] = await at.asks(stdin=copied(at, call))
    await at.takes_edit(explained)
    await at.works(call)


def copied(at: Case, call: Call) -> str:
    """Write the request as Chrome copies it for curl."""
    return (
        f"curl '{call.url}' \\\n  -H 'accept: */*' \\\n  -H 'origin: {at.blanks['origin']}' \\\n"
        f"  -H 'sec-fetch-mode: cors'"
    )


@case
async def refused_by_backend(at: Case) -> None:
    call = Call(url=f"{at.url}/guarded")
    seen = await at.works(call, 403)
    assert (at.row.seen[0], seen.body) == ("403", "CSRF token missing")
    assert at.row.seen[1] not in seen.body
    at.calls(call)
    [said] = await at.asks()
    assert at.row.seen[1] not in said.text
    assert at.log() == ""


@case
async def field_not_readable(at: Case) -> None:
    call = Call(url=at.url, read="X-Total-Count")
    assert at.row.seen == ['response.headers.get("X-Total-Count")', "null"]
    assert (await at.works(call)).field is None
    at.calls(call)
    await at.asks()
    await at.takes_line(in_rule=True)
    assert (await at.works(call)).field == "42"


@case
async def opaque(at: Case) -> None:
    call = Call(url=at.url, page="https://shop.example.com/blank", mode="no-cors")
    (at.stage.folder / "page.js").write_text('fetch(url, {mode: "no-cors"})\n')
    seen = await at.works(call, 0)
    assert (at.row.seen, seen.body) == (["response.status", "0"], "")
    [said] = await at.asks()
    assert "./page.js:1:" in said.text
    assert "Access-Control-Allow-Origin" in (await at.fails(replace(call, mode="cors"))).line


@case
async def preflights_each_time(at: Case) -> None:
    call = Call(url=at.at("front"), method="PUT", times=2)

    async def asked() -> int:
        at.stage.passed.clear()
        await at.works(call)
        assert at.stage.passed.count("PUT /preflights-each-time/items") == 2
        return at.stage.passed.count("OPTIONS /preflights-each-time/items")

    assert await asked() == 2
    at.calls(call)
    await at.asks()
    await at.takes_line(in_rule=True)
    assert await asked() == 1


# -- cookies


@case
async def cookie_not_kept(at: Case) -> None:
    call = Call(url=at.url, way=COOKIE, is_new=True, credentials="include")
    assert (await at.works(call)).body == "no cookie"
    at.calls(replace(call, url=f"{at.url}/sets-cookie"))
    await at.asks()
    await at.takes_line(in_rule=True)
    assert (await at.works(call)).body == "session=1"


@case
async def cookie_not_sent(at: Case) -> None:
    call = Call(url=at.url, way=COOKIE, is_new=True)
    assert (await at.works(call)).body == "no cookie"
    at.calls(call)
    await at.asks(stdin=copied(at, call))
    await at.takes_line(in_rule=True)
    assert (await at.works(replace(call, credentials="include"))).body == "session=1"


# -- WebSocket and EventSource


@case
async def websocket(at: Case) -> None:
    url = f"{at.url}/socket".replace("http", "ws")
    call = Call(url=url, page="https://chat.example.com/blank", way=SOCKET)
    await at.sees(call)
    [explained] = await at.asks()
    await at.takes_edit(explained)
    await at.works(call, 101)


@case
async def eventsource(at: Case) -> None:
    before = at.stage.proxy.text
    await at.stage.proxy.take(with_line(before, IMPATIENT_OF_MORE))
    call = Call(url=f"{at.url}/events", way=EVENTS)
    assert (await at.works(call)).body == "first,reconnects"
    await at.asks()
    await at.takes_line()
    assert (await at.works(call)).body == "first,second"
    await at.stage.proxy.take(before)
