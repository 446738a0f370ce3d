"""The backend behind every proxy: nginx with fixed answers in memory, so that it is never what is measured.

Laws: it knows nothing of CORS (an OPTIONS that gets here is answered 418, and shows a proxy that did not answer it
itself), save at /conflict; it reads an upload whole before it answers; it never ends a kept-alive connection.
"""

import shutil
from pathlib import Path

from bench import workloads

__all__ = ["command", "missing"]

_CONFLICT = (
    ("Access-Control-Allow-Origin", "https://wrong.example"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", "X-Wrong"),
    ("Vary", "Accept-Encoding"),
)


def missing() -> str:
    """Say what is missing to run it, "" when nothing is."""
    return (
        ""
        if shutil.which("nginx")
        else "no nginx on the PATH, and it is the backend (Debian: apt install nginx-light)"
    )


def command(folder: Path, port: int) -> list[str]:
    """Write the answers and the configuration; return how to start it in the foreground."""
    for name, length in (("16k", 16 * 1024), ("1m", 1_000_000), ("100m", 100_000_000)):
        _fill(folder / name, length)
    json = workloads.SMALL_JSON.decode()
    conflict = "\n".join(f'add_header {name} "{value}" always;' for name, value in _CONFLICT)
    config = folder / "backend.conf"
    config.write_text(f"""
        daemon off; worker_processes 1; pid {folder}/backend.pid; error_log stderr error;
        worker_rlimit_nofile 16384;
        events {{ worker_connections 8192; }}
        http {{
          access_log off; sendfile on; tcp_nodelay on; default_type application/json;
          keepalive_timeout 300s; keepalive_requests 1000000000; reset_timedout_connection on;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          client_body_buffer_size 64k; open_file_cache max=16 inactive=1h; open_file_cache_valid 1h;
          upstream accepted {{ server unix:{folder}/accepted.sock; keepalive 64; keepalive_requests 1000000000; }}
          server {{
            listen 127.0.0.1:{port} backlog=4096;
            if ($request_method = OPTIONS) {{ return 418; }}
            root {folder};
            location = {workloads.SMALL_PATH} {{ return 200 '{json}'; }}
            location = /conflict {{ {conflict} return 200 '{json}'; }}
            location = /upload {{
              proxy_pass http://accepted; proxy_http_version 1.1; proxy_set_header Connection "";
              proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_method GET;
            }}
          }}
          server {{
            listen unix:{folder}/accepted.sock;
            location / {{ return 200 '{json}'; }}
          }}
        }}
    """)
    return ["nginx", "-p", str(folder), "-c", str(config)]


def _fill(path: Path, length: int) -> None:
    line = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"
    block = line * 16_384
    with path.open("wb") as file:
        for _ in range(length // len(block)):
            file.write(block)
        file.write(block[: length % len(block)])
