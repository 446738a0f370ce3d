"""Node's http-proxy (`node_proxy.cjs`) with a kept-alive agent."""

import json
import shutil

from bench import policy
from bench.peers.peer import CACHE, ROOT, Command, Place, Takes, first_line

__all__ = ["HTTP_PROXY", "NodeHttpProxy"]

HTTP_PROXY = "http-proxy@1.18.1"

_MODULES = CACHE / "node" / "node_modules"


class NodeHttpProxy:
    name = "node"
    takes: Takes = "everything"
    differences = ("http-proxy pipes every body through streams and has no other way",)

    def missing(self) -> str:
        if not shutil.which("node"):
            return "no node on the PATH (Debian: apt install nodejs npm)"
        return (
            ""
            if (_MODULES / "http-proxy").is_dir()
            else "no http-proxy (npm http-proxy: python -m bench setup)"
        )

    def version(self) -> str:
        package = json.loads((_MODULES / "http-proxy" / "package.json").read_text())
        return f"http-proxy {package['version']}, node {first_line('node', '--version').removeprefix('v')}"

    def command(self, place: Place) -> Command:
        script = ROOT / "bench" / "peers" / "node_proxy.cjs"
        rule = {
            "origin": policy.ORIGIN,
            "hidden": [name.lower() for name in policy.BACKEND_FIELDS],
            "preflight": dict(policy.PREFLIGHT_FIELDS),
            "actual": dict(policy.ACTUAL_FIELDS),
        }
        argv = ["node", str(script), str(place.port), str(place.backend), json.dumps(rule)]
        return Command(argv, {"NODE_PATH": str(_MODULES)})
