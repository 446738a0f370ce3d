"""A rule together with `defaults:`: which value holds, and where it was written.

Laws: a key that the rule writes wins whole; nothing is merged inside a key. Problems with a value that
came from `defaults:` point there.
"""

from dataclasses import dataclass
from typing import Any

from corsproxy.config.problem import KeyPath
from corsproxy.config.rulekeys import Defaults, RuleKeys

__all__ = ["MergedRule"]


@dataclass(frozen=True, slots=True)
class MergedRule:
    """The rule at a position of `rules:`, over the defaults."""

    position: int
    name: str
    rule: RuleKeys
    defaults: Defaults

    @property
    def place(self) -> KeyPath:
        """The path of the rule itself."""
        return ("rules", self.position)

    def value(self, key: str) -> Any:
        """Return the value that holds for a key."""
        return getattr(self.defaults if self._is_default(key) else self.rule, key)

    def path(self, key: str) -> KeyPath:
        """Return where the value was written; the rule itself where it was not."""
        if self._is_default(key):
            return ("defaults", key)
        return (*self.place, key) if key in self.rule.model_fields_set else self.place

    def _is_default(self, key: str) -> bool:
        return key not in self.rule.model_fields_set and key in self.defaults.model_fields_set
