"""nginx: `map`, `if` and `add_header`, as its users configure CORS, with a kept-alive upstream."""

import shutil
from dataclasses import dataclass

from bench import policy
from bench.peers.peer import Command, Place, Takes, first_line

__all__ = ["Nginx"]


_TUNED = "proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;"


@dataclass(frozen=True)
class Nginx:
    """nginx with its default buffers, or tuned for large answers."""

    name: str = "nginx"
    is_tuned: bool = False

    @property
    def takes(self) -> Takes:
        return "large answers" if self.is_tuned else "everything"

    @property
    def differences(self) -> tuple[str, ...]:
        buffers = "8 buffers of 64 KiB" if self.is_tuned else "its default buffers"
        return (
            "adds a Vary line beside the backend's instead of merging them",
            f"{buffers}, and proxy_max_temp_file_size 0: a large answer never goes to disk",
        )

    def missing(self) -> str:
        return "" if shutil.which("nginx") else "no nginx on the PATH (Debian: apt install nginx-light)"

    def version(self) -> str:
        return first_line("nginx", "-v").rpartition("/")[2]

    def command(self, place: Place) -> Command:
        hide = "\n".join(f"proxy_hide_header {name};" for name in policy.BACKEND_FIELDS)
        allow = "\n".join(
            f"add_header {name} {_variable(value)} always;"
            for name, value in (*policy.ACTUAL_FIELDS, ("Vary", "Origin"))
        )
        answer = "\n".join(f"add_header {name} '{value}' always;" for name, value in policy.PREFLIGHT_FIELDS)
        text = f"""
            daemon off; worker_processes 1; pid {place.folder}/nginx.pid; error_log stderr error;
            events {{ worker_connections 8192; }}
            http {{
              access_log off; sendfile on; tcp_nodelay on;
              keepalive_timeout 300s; keepalive_requests 1000000000;
              client_body_temp_path {place.folder}/body; proxy_temp_path {place.folder}/proxy;
              fastcgi_temp_path {place.folder}/f; uwsgi_temp_path {place.folder}/u; scgi_temp_path {place.folder}/s;
              client_body_buffer_size 64k;
              map $http_origin $cors_origin {{ default ""; "{policy.ORIGIN}" $http_origin; }}
              map $cors_origin $cors_credentials {{ default "true"; "" ""; }}
              map $cors_origin $cors_exposed {{ default "{", ".join(policy.EXPOSED)}"; "" ""; }}
              map "$request_method|$cors_origin|$http_access_control_request_method" $is_preflight {{
                default 0; "~^OPTIONS\\|.+\\|.+$" 1;
              }}
              upstream backend {{
                server 127.0.0.1:{place.backend}; keepalive 512; keepalive_requests 1000000000;
              }}
              server {{
                listen 127.0.0.1:{place.port} backlog=4096;
                location / {{
                  if ($is_preflight) {{ {answer} return 204; }}
                  {allow}
                  {hide}
                  proxy_pass http://backend; proxy_http_version 1.1;
                  proxy_set_header Connection ""; proxy_set_header Host $http_host;
                  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                  proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
                  {_TUNED if self.is_tuned else ""} proxy_max_temp_file_size 0;
                }}
              }}
            }}
        """
        return Command(["nginx", "-p", str(place.folder), "-c", place.write("nginx.conf", text)])


def _variable(value: str) -> str:
    """Take the mapped variable, empty for other origins; nginx sends no field with an empty value."""
    by_origin = {
        policy.ORIGIN: "$cors_origin",
        "true": "$cors_credentials",
        ", ".join(policy.EXPOSED): "$cors_exposed",
    }
    return by_origin.get(value, value)
