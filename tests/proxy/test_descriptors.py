"""How many clients the limit of open files leaves room for."""

import resource

import pytest

from corsproxy.proxy.descriptors import KEPT, clients_with_room

LIMITS = {
    "enough for all": ((20_000, 20_000), 10_000, 100, 10_000),
    "raised as far as it needs to be": ((1024, 1 << 30), 10_000, 100, 10_000),
    "raised as far as it may be": ((256, 1024), 10_000, 100, 1024 - KEPT - 100),
    "few: a connection to the backend for each": ((128, 128), 10_000, 100, (128 - KEPT) // 2),
    "hardly any": ((KEPT, KEPT), 10_000, 100, 1),
    "no limit of ours": ((1024, 1024), 0, 100, 1024 - KEPT - 100),
    "no limit of theirs": ((resource.RLIM_INFINITY,) * 2, 10_000, 100, 10_000),
    "none at all": ((resource.RLIM_INFINITY,) * 2, 0, 100, 0),
    "raised without end": ((1024, resource.RLIM_INFINITY), 10_000, 100, 10_000),
}


@pytest.mark.parametrize(("limit", "connections", "to_backend", "room"), LIMITS.values(), ids=LIMITS)
def test_room(
    limit: tuple[int, int], connections: int, to_backend: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force = {resource.RLIMIT_NOFILE: limit}
    monkeypatch.setattr(resource, "getrlimit", in_force.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", in_force.__setitem__)
    assert clients_with_room(connections, to_backend) == room
    soft, hard = in_force[resource.RLIMIT_NOFILE]
    assert soft in {limit[0], connections + to_backend + KEPT, limit[1]}
    assert hard == limit[1]


def test_where_raising_is_refused_there_is_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert clients_with_room(10_000, 100) == 1024 - KEPT - 100
