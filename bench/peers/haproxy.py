"""HAProxy: `http-request return` for preflights, `http-response` rules for the rest."""

import shutil
from dataclasses import dataclass

from bench import policy
from bench.peers.peer import Command, Place, Takes, first_line

__all__ = ["HAProxy"]


@dataclass(frozen=True)
class HAProxy:
    """HAProxy with its default buffers, or tuned for large answers."""

    name: str = "haproxy"
    is_tuned: bool = False

    @property
    def takes(self) -> Takes:
        return "large answers" if self.is_tuned else "everything"

    @property
    def differences(self) -> tuple[str, ...]:
        return (
            "adds a Vary line beside the backend's instead of merging them",
            "tune.bufsize 65536" if self.is_tuned else "its default buffers of 16 KiB",
            "kernel splicing stays off, as it is by default",
        )

    def missing(self) -> str:
        return "" if shutil.which("haproxy") else "no haproxy on the PATH (Debian: apt install haproxy)"

    def version(self) -> str:
        return first_line("haproxy", "-v").split()[2].partition("-")[0]

    def command(self, place: Place) -> Command:
        answer = " ".join(f'hdr {name} "{value}"' for name, value in policy.PREFLIGHT_FIELDS)
        remove = "\n".join(f"  http-response del-header {name}" for name in policy.BACKEND_FIELDS)
        allow = "\n".join(
            f'  http-response set-header {name} "{value}" if {{ var(txn.allowed) -m bool }}'
            for name, value in policy.ACTUAL_FIELDS
        )
        text = f"""
global
  nbthread 1
  maxconn 4096
  {"tune.bufsize 65536" if self.is_tuned else ""}
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 60s
  option http-keep-alive
  http-reuse always
  option forwardfor
frontend cors
  bind 127.0.0.1:{place.port} backlog 4096
  http-request set-var(txn.allowed) bool(true) if {{ req.hdr(Origin) -m str {policy.ORIGIN} }}
  http-request return status 204 {answer} if METH_OPTIONS {{ req.hdr(Access-Control-Request-Method) -m found }} {{ var(txn.allowed) -m bool }}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
{remove}
{allow}
  http-response add-header Vary Origin
  default_backend backend
backend backend
  server one 127.0.0.1:{place.backend}
"""
        return Command(["haproxy", "-db", "-f", place.write("haproxy.cfg", text)])
