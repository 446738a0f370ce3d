"""A HAR file over a policy: what pages could read then, and would be able to read now.

Laws: a browser recorded what became of each request, not why; so it is compared by that alone, and the policy's
browser says what would become of it. A recorded preflight belongs to the request that follows, and is passed over.
"""

from collections import Counter

from corsproxy.bridges.har import read_every
from corsproxy.bridges.recorded import BadPaste, Question
from corsproxy.bridges.replay import Effect, Outcome, Replayed
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.comparison import change_between
from corsproxy.cors.policy import Policy
from corsproxy.cors.vocabulary import Action, Kind

__all__ = ["replay_har"]


def replay_har(policy: Policy, text: str, host: str | None = None) -> Replayed:
    """Ask the policy for everything that pages asked of one host. Raises BadPaste."""
    every = [
        one
        for one in read_every(text)
        if not any(note.startswith("This is a preflight") for note in one[0].notes)
    ]
    requests = _of_one_host(every, host)
    effects: dict[tuple[object, ...], Effect] = {}
    changed = 0
    for question, was_refused in requests:
        request = question.request
        after = _after(policy, request)
        is_refused = after.is_refusal and not after.report
        if is_refused is was_refused:
            continue
        changed += 1
        key = request.origin, request.method, is_refused, after
        if key not in effects:
            effects[key] = Effect(
                change=change_between(was_refused, is_refused),
                origin=(request.origin or "").encode(),
                method=request.method.encode(),
                before=Outcome(
                    rule="",
                    place="",
                    kind=after.kind,
                    reason=None,
                    action=Action.FORWARD,
                    report=False,
                    is_refusal=was_refused,
                ),
                after=after,
            )
        effects[key].count += 1
        effects[key].paths[request.path.partition("?")[0].encode()] = None
    ordered = sorted(effects.values(), key=lambda one: (-one.count, one.origin, one.method))
    return Replayed(effects=tuple(ordered), unchanged=len(requests) - changed, total=len(requests))


def _of_one_host(every: list[tuple[Question, bool]], host: str | None) -> list[tuple[Question, bool]]:
    hosts = Counter(question.request.host for question, _ in every)
    if host is None and len(hosts) > 1:
        named = ", ".join(f"{name} ({count})" for name, count in hosts.most_common(8))
        raise BadPaste(
            f"The file has requests to several hosts: {named}. Fix: say with --host which of them corsproxy answers for."
        )
    wanted = next(iter(hosts), "") if host is None else host.lower()
    found = [one for one in every if one[0].request.host == wanted]
    if not found:
        known = f"; there are {', '.join(name for name, _ in hosts.most_common(8))}" if hosts else ""
        raise BadPaste(f"No page asked another origin{f' at {wanted}' if wanted else ''} here{known}.")
    return found


def _after(policy: Policy, request: BrowserRequest) -> Outcome:
    verdict = judge(policy, request)
    rule = verdict.rule
    return Outcome(
        rule="" if rule is None else rule.name,
        place="" if rule is None else rule.place,
        kind=Kind.WEBSOCKET if request.websocket else Kind.ACTUAL,
        reason=verdict.reason,
        action=verdict.actual.action,
        report=rule is not None and rule.report,
        is_refusal=not verdict.allowed,
    )
