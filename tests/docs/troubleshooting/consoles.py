"""The rows about what the console says."""

from dataclasses import replace

from tests.docs.troubleshooting.browsing import Call
from tests.docs.troubleshooting.case import Case, case

__all__: list[str] = []


async def by_edit(at: Case, call: Call) -> None:
    """See it, ask, take the edit, and see it no more."""
    await at.sees(call)
    [explained] = await at.asks()
    await at.takes_edit(explained)
    await at.works(call)


async def in_page(at: Case, call: Call, mended: Call, more: str = "") -> None:
    """See it, ask, change the page, and see it no more."""
    await at.sees(call)
    await at.asks(more=more)
    await at.works(mended)


@case
async def origin_not_listed(at: Case) -> None:
    await by_edit(at, Call(url=at.url, page="https://shop.example.com/blank"))


@case
async def page_moved(at: Case) -> None:
    await by_edit(at, Call(url=at.url, page="https://www.example.com/blank"))
    assert (await at.stage.run(f"curl -fsS {at.url}")).status == 0


@case
async def another_port(at: Case) -> None:
    call = Call(url=at.url, page=f"http://localhost:{at.stage.ports['plain']}/blank")
    await at.sees(call)
    await at.asks()
    await at.takes_line(in_rule=True)
    await at.works(call)


@case
async def no_rule(at: Case) -> None:
    await by_edit(at, Call(url=f"{at.stage.proxy.url}/v2/users"))


@case
async def double_slash(at: Case) -> None:
    proxy = at.stage.proxy.url
    await in_page(at, Call(url=f"{proxy}//double-slash/items"), Call(url=at.url))


@case
async def null_origin(at: Case) -> None:
    framed = "https://app.example.com/framed?sandbox=allow-scripts"
    call = Call(url=at.url, page=framed, frame="inside")
    await in_page(at, call, replace(call, page=f"{framed}%20allow-same-origin"))


@case
async def page_is_a_file(at: Case) -> None:
    file = at.stage.folder / "page.html"
    file.write_text("<!doctype html>")
    await in_page(at, Call(url="file:///api/items", page=f"file://{file}"), Call(url=at.url))


@case
async def no_scheme(at: Case) -> None:
    port = at.stage.ports["8080"]
    call = Call(url=f"localhost:{port}/no-scheme/items")
    await at.sees(call)
    assert at.blanks["scheme"] == "localhost"
    await at.asks(stdin=at.blanks.pop("line"))
    await at.works(replace(call, url=f"http://{call.url}"))


@case
async def not_our_answer(at: Case) -> None:
    await in_page(at, Call(url=at.at("5000")), Call(url=at.url))


@case
async def cached(at: Case) -> None:
    call = Call(url=at.at("front"))
    await at.works(replace(call, page=call.url))  # somebody opens the address itself
    await at.sees(call)
    await at.asks()
    at.stage.mended.add(at.row.name)
    await at.works(call)


@case
async def another_value(at: Case) -> None:
    call = Call(url=at.at("front"))
    await at.works(replace(call, page="https://shop.example.com/blank"))
    await at.sees(call)
    await at.asks()
    at.stage.mended.add(at.row.name)
    await at.works(call)


async def of_flask(at: Case, call: Call) -> None:
    """The page calls a Flask app with Flask-CORS, and then the proxy in front of the very same."""
    spare, before = at.stage.spare, at.stage.spare.text
    direct = f":{at.stage.ports['flask']}/"
    await at.sees(call)
    await at.asks()
    await spare.take(before.replace(f":{at.stage.ports['nobody']}\n", f":{at.stage.ports['flask']}\n"))
    await at.works(replace(call, url=call.url.replace(direct, f":{spare.port}/")))
    await spare.take(before)


@case
async def multiple_values(at: Case) -> None:
    await of_flask(at, Call(url=at.at("flask", "twice")))


@case
async def wildcard(at: Case) -> None:
    await of_flask(at, Call(url=at.at("flask"), credentials="include"))


@case
async def credentials(at: Case) -> None:
    call = Call(url=at.url, credentials="include")
    await by_edit(at, call)
    assert at.blanks["value"] == ""


@case
async def method(at: Case) -> None:
    await by_edit(at, Call(url=at.url, method="PATCH"))


@case
async def method_case(at: Case) -> None:
    await in_page(at, Call(url=at.url, method="patch"), Call(url=at.url, method="PATCH"))


@case
async def authorization(at: Case) -> None:
    await by_edit(at, Call(url=at.url, headers={"Authorization": "Bearer x"}))


@case
async def header(at: Case) -> None:
    await by_edit(at, Call(url=at.url, headers={"X-Trace": "1"}))


@case
async def content_type(at: Case) -> None:
    json = {"Content-Type": "application/json"}
    await by_edit(at, Call(url=at.url, method="POST", headers=json, body="{}"))


@case
async def response_header(at: Case) -> None:
    call = Call(url=at.url, headers={"Access-Control-Allow-Origin": "*"})
    await in_page(at, call, replace(call, headers={}))


@case
async def login_in_front(at: Case) -> None:
    call = Call(url=at.at("front"), method="PUT")
    await at.sees(call)
    await at.asks()
    at.stage.mended.add(at.row.name)
    await at.works(call, 401)  # the request itself has no login either, and the page may know it


@case
async def redirected_preflight(at: Case) -> None:
    call = Call(url=at.at("front"), method="PUT")
    await in_page(at, call, replace(call, url=f"{call.url}/"))


@case
async def redirected_elsewhere(at: Case) -> None:
    login = f"http://localhost:{at.stage.ports['plain']}/blank"
    await at.sees(Call(url=f"{at.url}/to-login?login={login}"))
    assert at.blanks["target"] == login
    await at.asks()
    await at.works(Call(url=f"{at.url}/guarded"), 403)


@case
async def no_answer(at: Case) -> None:
    await at.sees(Call(url=at.url.replace("http:", "https:")))
    assert at.blanks["what"] == "SSL_PROTOCOL_ERROR"
    [said] = await at.stage.ask(at.row.commands, at.blanks)
    assert said.status == 4
    await at.sees(Call(url=at.at("nobody")))
    assert at.blanks["what"] == "CONNECTION_REFUSED"
    [said] = await at.asks()
    assert said.status == 3
    await at.works(Call(url=at.url))


@case
async def local_network(at: Case) -> None:
    call = Call(url=at.url, page="https://public.example.com/blank")
    await at.sees(call)
    del at.blanks["line"]  # with its backticks it is not for a shell
    await at.asks()
    await at.works(replace(call, is_new=True, allows=("local-network-access",)))


@case
async def local_network_by_http(at: Case) -> None:
    call = Call(url=at.url, page=f"http://public.example.com:{at.stage.ports['public plain']}/blank")
    await at.sees(call)
    await at.asks(stdin=at.blanks.pop("line"))
    page = "https://public.example.com/blank"
    await at.works(replace(call, page=page, is_new=True, allows=("local-network-access",)))


@case
async def mixed_content(at: Case) -> None:
    port = at.stage.ports["8080"]
    await at.sees(Call(url=f"http://api.example.com:{port}/mixed-content/items"))
    await at.asks(more=f" --resolve api.example.com:{port}:127.0.0.1")
    one = at.stage.another("tls", at.with_own_line(at.stage.proxy.text))
    await at.works(Call(url=f"https://api.example.com:{one.port}/mixed-content/items"))
    one.end()
