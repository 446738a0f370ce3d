"""Real servers with CORS configured well and badly, each the way its users do; started once for all tests.

Laws: every bad example is one that is found in the wild, and says here what is wrong with it.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import envoy

from tests.processes import Processes, free_port

__all__ = ["APP", "Running", "opened"]

APP = "https://app.example.com"
HERE = Path(__file__).parent
_TYPES = "type.googleapis.com/envoy.extensions"
_GRANT = f"""
    add_header Access-Control-Allow-Origin {APP} always;
    add_header Access-Control-Allow-Credentials true always;
    add_header Vary Origin always;
"""


@dataclass(frozen=True)
class Running:
    """The origins of what runs."""

    flask: str
    gunicorn: str
    nginx: str
    envoy: str
    caddy: str


@contextmanager
def opened(folder: Path) -> Iterator[Running]:
    """Start everything; end it afterwards."""
    started = Processes(folder)
    ports = {name: free_port() for name in ("flask", "gunicorn", "nginx", "envoy", "caddy")}
    path = {"PYTHONPATH": str(HERE)}
    serve = (
        "from werkzeug.serving import run_simple; from flask_apps import application as a; "
        f"run_simple('127.0.0.1', {ports['flask']}, a, threaded=True)"
    )
    try:
        running = [
            started.python("-c", serve, environ=path),
            started.python(
                "-m",
                "gunicorn",
                "-b",
                f"127.0.0.1:{ports['gunicorn']}",
                "flask_apps:application",
                environ=path,
            ),
            started.start("nginx", "-p", folder, "-c", _nginx(folder, ports["nginx"], ports["flask"])),
            started.start(
                Path(envoy.__file__).parent / "_bin" / "envoy",
                *("--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
                *("-c", _envoy(folder, ports["envoy"], ports["flask"])),
            ),
            started.start(
                shutil.which("caddy", path=str(Path(sys.executable).parent)) or "caddy",
                *("run", "--adapter", "caddyfile", "--config", _caddy(folder, ports["caddy"])),
                environ={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)},
            ),
        ]
        for process, port in zip(running, ports.values(), strict=True):
            process.wait_for_port(port)
        yield Running(**{name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
    finally:
        started.end_all()


def _nginx(folder: Path, port: int, backend: int) -> Path:
    path = folder / "nginx.conf"
    # As root, nginx would give its rights away, and with them the folder of its cache.
    user = "" if os.getuid() else "user root;"
    path.write_text(f"""
        {user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
        events {{ worker_connections 64; }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          proxy_cache_path {folder}/cache keys_zone=kept:1m;
          map $http_origin $granted {{ default ""; "{APP}" $http_origin; }}
          server {{
            listen 127.0.0.1:{port};
            add_header Access-Control-Allow-Origin $granted always;
            location /good {{
              add_header Access-Control-Allow-Origin $granted always;
              add_header Vary Origin always;
              add_header Access-Control-Allow-Methods "GET, PUT" always;
              add_header Access-Control-Max-Age 86400 always;
              if ($request_method = OPTIONS) {{
                add_header Access-Control-Allow-Origin $granted always;
                add_header Vary Origin always;
                add_header Access-Control-Allow-Methods "GET, PUT" always;
                add_header Access-Control-Max-Age 86400 always;
                return 204;
              }}
              return 200 "good";
            }}
            # add_header without always: nothing on errors.
            location /errors {{
              if ($request_method = OPTIONS) {{ add_header Access-Control-Allow-Origin $granted; return 204; }}
              add_header Access-Control-Allow-Origin $granted;
              return 404;
            }}
            # The classic: only OPTIONS is thought of.
            location /preflights {{
              if ($request_method = OPTIONS) {{
                {_GRANT} add_header Access-Control-Allow-Methods "PUT, POST"; return 204;
              }}
              add_header X-Other 1;
              return 200 "no fields";
            }}
            # One add_header of its own takes the server's away.
            location /inherited {{ add_header X-Frame-Options DENY; return 200 "lost"; }}
            # Both the proxy and the application add the fields.
            location /good-behind/ {{ {_GRANT} proxy_pass http://127.0.0.1:{backend}/good/; }}
            # A shared cache before an application that forgets Vary.
            location /cached/ {{
              proxy_pass http://127.0.0.1:{backend}/unvaried/; proxy_cache kept; proxy_cache_valid 200 10m;
              proxy_ignore_headers Set-Cookie; add_header X-Cache-Status $upstream_cache_status;
            }}
            # A login that preflights do not pass.
            location /login {{ {_GRANT} return 401; }}
            # Everything is sent to https, preflights too.
            location /https {{ return 301 https://127.0.0.1:{port}$request_uri; }}
            # Reflects whoever asks, and forgets Vary.
            location /reflecting {{
              add_header Access-Control-Allow-Origin $http_origin always;
              add_header Access-Control-Allow-Credentials true always;
              return 200 "all";
            }}
            # A list in one field, and a list of methods that is none.
            location /list {{
              add_header Access-Control-Allow-Origin "{APP}, https://other.example.com" always; return 200 "list";
            }}
            location /semicolons {{
              {_GRANT} add_header Access-Control-Allow-Methods "GET; PUT" always; return 204;
            }}
            location /pattern {{ add_header Access-Control-Allow-Origin "*.example.com" always; return 200 "p"; }}
            location /slash {{ add_header Access-Control-Allow-Origin "{APP}/" always; return 200 "s"; }}
          }}
        }}
    """)
    return path


def _envoy(folder: Path, port: int, backend: int) -> Path:
    good = {
        "@type": f"{_TYPES}.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": APP}],
        "allow_methods": "GET, PUT",
        "allow_headers": "content-type",
        "expose_headers": "x-total",
        "max_age": "600",
        "allow_credentials": True,
    }
    anybody = {**good, "allow_origin_string_match": [{"safe_regex": {"regex": ".*"}}]}
    routes = [
        _route("/good/", "/", good),
        _route("/reflecting/", "/", anybody),
        _route("/both/", "/good/", good),
        _route("/", "/", None),
    ]
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "cors",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": f"{_TYPES}.filters.http.{kind}"}}
            for name, kind in (("cors", "cors.v3.Cors"), ("router", "router.v3.Router"))
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(backend)}}]}],
        },
    }
    listener = {"name": "cors", "address": _address(port), "filter_chains": [chain]}
    path = folder / "envoy.json"
    path.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    return path


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _route(prefix: str, rewritten: str, cors: dict[str, object] | None) -> dict[str, object]:
    route: dict[str, object] = {
        "match": {"prefix": prefix},
        "route": {"cluster": "backend", "prefix_rewrite": rewritten},
    }
    if cors is not None:
        route["typed_per_filter_config"] = {"envoy.filters.http.cors": cors}
    return route


def _caddy(folder: Path, port: int) -> Path:
    path = folder / "Caddyfile"
    path.write_text(f"""
{{
  admin off
  auto_https off
  persist_config off
  log default {{
    output stderr
    level ERROR
  }}
}}
http://:{port} {{
  bind 127.0.0.1
  handle /good {{
    @preflight {{
      method OPTIONS
      header Origin {APP}
      header Access-Control-Request-Method *
    }}
    @allowed header Origin {APP}
    header +Vary Origin
    header @allowed Access-Control-Allow-Origin {APP}
    header @allowed Access-Control-Allow-Credentials true
    header @preflight Access-Control-Allow-Methods "GET, DELETE"
    respond @preflight 204
    respond "good"
  }}
  # The two that never go together.
  handle /star {{
    header Access-Control-Allow-Origin *
    header Access-Control-Allow-Credentials true
    header Access-Control-Allow-Methods *
    header Access-Control-Allow-Headers *
    respond "star"
  }}
  # OPTIONS has no route.
  handle /methods {{
    @get method GET
    header Access-Control-Allow-Origin {APP}
    respond @get "get"
    respond 405
  }}
}}
""")
    return path
