"""Each raw request of the table: refused, or read alike by everybody, directly and through the proxy."""

import re

import pytest

from tests.differential.stand import Answer, Seen, Server, Stand
from tests.differential.table import CASES, HANGS, Case

pytestmark = pytest.mark.backends


def unlike(one: Seen, other: Seen) -> set[str]:
    """Return the names of what two applications saw in different ways."""
    names = {name for name in one if name != "fields" and one[name] != other[name]}
    fields, others = one["fields"], other["fields"]
    return names | {name for name in {*fields, *others} if fields.get(name) != others.get(name)}


def through(server: Server, case: Case) -> Answer:
    """Send a request and a canary behind it; check how many answers there are, and whose; return the first."""
    before = server.fresh()
    first, *more = server.through(case.raw)
    assert first.status == case.status
    assert [answer.seen["target"] for answer in more if answer.seen] == (
        [] if case.ends else ["/canary/same"]
    )
    assert len(more) == (not case.ends)
    # The application was reached as often as it answered, and nothing is left on the wire to it.
    assert server.fresh().serial - before.serial == 1 + (case.status == 200) + len(more)
    return first


def what_we_tell(server: Server, host: str) -> dict[str, str]:
    """Return what the application must be told of the client, whatever it claimed; waitress drops it by default."""
    if server.name == "waitress":
        return {}
    port = host.rpartition(":")[2] if re.search(r":[0-9]+$", host) else str(server.proxy_port)
    told = {"X_FORWARDED_FOR": "127.0.0.1", "X_FORWARDED_PROTO": "http", "X_FORWARDED_PORT": port}
    if host == f"127.0.0.1:{server.port}":  # the backend's own, since the client named none
        return told | {"FORWARDED": "for=127.0.0.1;proto=http", "X_FORWARDED_PORT": str(server.proxy_port)}
    return told | {"FORWARDED": f'for=127.0.0.1;host="{host}";proto=http', "X_FORWARDED_HOST": host}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_request(stand: Stand, case: Case) -> None:
    answers = [(server, through(server, case)) for server in stand.servers]
    if case.status != 200:
        assert all(answer.seen is None for _, answer in answers)
        return
    first = answers[0][1].seen
    assert first is not None
    between: set[str] = set()
    from_direct: set[str] = set()
    for server, answer in answers:
        assert answer.seen is not None
        between |= unlike(first, answer.seen)
        assert dict(answer.told) == what_we_tell(server, answer.seen["fields"]["HOST"])
        if case.unlike_direct == HANGS:
            continue
        direct = server.directly(case.raw)
        if direct is None or direct.seen is None:
            from_direct.add("refused")
        else:
            from_direct |= unlike(direct.seen, answer.seen)
    assert between == case.unlike_others
    assert from_direct == case.unlike_direct - HANGS
