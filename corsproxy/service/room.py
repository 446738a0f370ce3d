"""What the log says where the system lets a process open fewer files than `limits.connections` needs."""

from corsproxy.config.settings import Settings
from corsproxy.proxy.descriptors import clients_with_room
from corsproxy.proxy.record import Observer

__all__ = ["tell_room"]


def tell_room(settings: Settings, observer: Observer) -> None:
    """Say at a start or a reload that clients will be turned away sooner than the settings say, if they will."""
    connections = settings.limits.connections
    room = clients_with_room(connections, settings.upstream.max_connections)
    if room < connections:
        observer.event(
            "warning",
            f"files may run out: there is room for {room} clients of each worker, not for {connections}; the next are told 503",
            fix="raise the limit of open files (LimitNOFILE=, --ulimit nofile=, ulimit -n), or lower limits.connections",
            clients=room,
            **{"limits.connections": connections},
        )
