"""Whose answer this is: a corsproxy's own, said by itself, or a server's that its fields give away.

Laws: a reason is only believed from an answer that bears both marks of a corsproxy, Proxy-Status and a problem
body with the same code. https://www.rfc-editor.org/rfc/rfc9209
"""

import json
import re
from enum import StrEnum

from corsproxy.bridges.probe.exchange import Answer
from corsproxy.cors.vocabulary import Reason

__all__ = ["Server", "corsproxy_detail", "fault_of", "reason_of", "rule_of", "server_of"]

# What rules decide; the rest of the vocabulary tells of wires and backends.
_OF_DECISIONS = tuple(Reason)[: tuple(Reason).index(Reason.BACKEND_CORS_CONFLICT)]
_RULE = re.compile(r"refused by rule (.+): \w+")
_PROXY_STATUS = re.compile(r'corsproxy; error=\w+; details="(\w+)"')


class Server(StrEnum):
    """Servers that there is specific advice for."""

    CORSPROXY = "corsproxy"
    FLASK = "flask"
    NGINX = "nginx"
    ENVOY = "envoy"
    CADDY = "caddy"


_BY_FIELD = (
    ("nginx", Server.NGINX),
    ("openresty", Server.NGINX),
    ("envoy", Server.ENVOY),
    ("caddy", Server.CADDY),
    ("werkzeug", Server.FLASK),
    ("gunicorn", Server.FLASK),
    ("waitress", Server.FLASK),
)


def reason_of(answer: Answer) -> Reason | None:
    """Return why a corsproxy refused; None where it is not one, or where it answers for another fault than CORS."""
    code = _problem(answer).get("code", "")
    return next((reason for reason in _OF_DECISIONS if reason == code), None)


def corsproxy_detail(answer: Answer) -> str:
    """Return what a corsproxy says in an answer of its own; "" where it is not one."""
    return str(_problem(answer).get("detail", ""))


def rule_of(answer: Answer) -> str:
    """Return the name of the rule by which a corsproxy decided; "" where it is not one, or no rule did."""
    found = _RULE.match(corsproxy_detail(answer))
    return found[1] if found else ""


def fault_of(answer: Answer) -> str:
    """Return the code of a fault that a corsproxy answers for, such as a dead backend; "" where there is none."""
    code = str(_problem(answer).get("code", ""))
    return "" if code in _OF_DECISIONS else code


def _problem(answer: Answer) -> dict[str, object]:
    told = _PROXY_STATUS.search(answer.value("proxy-status") or "")
    if told is None:
        return {}
    try:
        problem = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    is_own = isinstance(problem, dict) and problem.get("code") == told[1]
    return problem if is_own else {}


def server_of(*answers: Answer | None) -> Server | None:
    """Recognise the server by what its answers say of it."""
    came = [answer for answer in answers if answer is not None]
    if any(_PROXY_STATUS.search(answer.value("proxy-status") or "") for answer in came):
        return Server.CORSPROXY
    names = " ".join(f"{answer.value('server') or ''} {answer.value('via') or ''}".lower() for answer in came)
    return next((server for word, server in _BY_FIELD if word in names), None)
