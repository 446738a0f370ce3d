"""The rows about the proxy itself."""

from pathlib import Path

from tests.docs.troubleshooting.browsing import SOCKET, Call
from tests.docs.troubleshooting.case import Case, case
from tests.docs.troubleshooting.stage import Stage, with_line

__all__: list[str] = []


def folder_with(stage: Stage, name: str, text: str) -> Path:
    folder = stage.folder / name
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "corsproxy.yaml").write_text(text)
    return folder


@case
async def does_not_start(at: Case) -> None:
    text = at.stage.proxy.text
    bad = with_line(text, "supports_credentials: true", at.row.name)
    folder = folder_with(at.stage, at.row.name, bad)
    assert at.row.seen == [str((await at.stage.run("corsproxy run", cwd=folder)).status)]
    await at.asks(cwd=folder)
    mended = at.with_own_line(text, in_rule=True)
    at.stage.another("mended", mended).end()


@case
async def port_taken(at: Case) -> None:
    text = with_line(at.stage.proxy.text, "admin: {listen: off}")
    folder = folder_with(at.stage, at.row.name, text)
    [said] = await at.asks(cwd=folder)
    at.matches(at.row.seen[0], said.text)
    assert said.status == 2
    at.stage.another("elsewhere", at.with_own_line(text)).end()


@case
async def reload_refused(at: Case) -> None:
    proxy, before = at.stage.proxy, at.stage.proxy.text
    await proxy.until(at.row.logged[0], change=with_line(before, "allow_origin: []", at.row.name))
    await at.asks()
    await at.works(Call(url=at.url))
    await proxy.until("configuration reloaded", change=before)


@case
async def needs_restart(at: Case) -> None:
    proxy, before = at.stage.proxy, at.stage.proxy.text
    await proxy.until(at.row.logged[0], change=with_line(before, "workers: 2"))
    await at.asks()
    await proxy.take(before)


@case
async def own_origin(at: Case) -> None:
    before = at.stage.proxy.text
    call = Call(
        url="wss://own.example.com/own-origin/socket", page="https://own.example.com/blank", way=SOCKET
    )
    await at.sees(call)
    await at.asks()
    await at.takes_line()
    await at.works(call, 101)
    await at.stage.proxy.take(before)
