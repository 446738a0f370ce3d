"""Warnings that their owner has read and wants to hear no more of: `silence:`.

Laws: a name that silences nothing is told, be it unknown (refused, with the nearest), a refusal's, one that
is always said, or one that does not come up (a warning). Runs when every other warning is known.
"""

from collections.abc import Sequence

from corsproxy.config.codes import MEANINGS, SILENCEABLE, nearest
from corsproxy.config.findings import Findings
from corsproxy.config.names import warn_repeated
from corsproxy.config.problem import Code

__all__ = ["silence"]


def silence(names: Sequence[str], findings: Findings) -> None:
    """Drop the warnings that are named."""
    for at, name in enumerate(names):
        if name not in SILENCEABLE:
            what, why, fix = _unfit(name)
            findings.refuse(("silence", at), what, why=why, fix=fix)
    warn_repeated(names, ("silence",), findings)
    wanted = {name: at for at, name in reversed(list(enumerate(names))) if name in SILENCEABLE}
    for name, at in wanted.items():
        if not findings.silence(Code(name)):
            what = f"{name} does not come up here, so this silences nothing."
            findings.warn(("silence", at), what, fix="remove it", code=Code.SILENCE_UNUSED)
    if Code.SILENCE_UNUSED in wanted:
        findings.silence(Code.SILENCE_UNUSED)


def _unfit(name: str) -> tuple[str, str, str]:
    if name not in {str(code) for code in Code}:
        return f"There is no warning {name}.", "", nearest(name, SILENCEABLE)
    if MEANINGS[Code(name)].is_warning:
        why = "what it warns of is logged at every start, so that nobody forgets it."
        return f"{name} cannot be silenced.", why, "remove it, and what it warns of"
    return f"{name} is no warning: it is refused.", "", "remove it, and mend what is refused"
