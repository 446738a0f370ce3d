"""The peers, in the order in which they are measured and shown."""

from bench.peers.aiohttp_peer import Aiohttp
from bench.peers.caddy import Caddy
from bench.peers.corsproxy_peer import Corsproxy
from bench.peers.envoy import Envoy
from bench.peers.flask_cors import FlaskCors
from bench.peers.haproxy import HAProxy
from bench.peers.nginx import Nginx
from bench.peers.node import NodeHttpProxy
from bench.peers.peer import Peer

__all__ = ["ALL", "BY_NAME"]

ALL: tuple[Peer, ...] = (
    Corsproxy(),
    Nginx(),
    Nginx("nginx-tuned", is_tuned=True),
    HAProxy(),
    HAProxy("haproxy-tuned", is_tuned=True),
    Envoy(),
    Caddy(),
    NodeHttpProxy(),
    Aiohttp(),
    FlaskCors(),
)
BY_NAME = {peer.name: peer for peer in ALL}
