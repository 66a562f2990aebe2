"""
For people who write their own policies and conditions: a ready occasion, and a check of what a policy must keep.

Hypothesis strategies are in `patronage.testing.strategies`, which needs hypothesis. Nothing here is
loaded by `import patronage`.
"""

from __future__ import annotations

from patronage.testing.kit import PolicyCheck, PolicyCheckError, check_policy, grant, occasion, purchase

__all__ = ["PolicyCheck", "PolicyCheckError", "check_policy", "grant", "occasion", "purchase"]
