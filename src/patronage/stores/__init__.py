"""Ready stores. `patronage.stores.memory` is for tests, examples and previews."""

from __future__ import annotations

from patronage.stores.memory import AsyncMemoryLedger, MemoryIdentifiers, MemoryLedger, MemoryPrograms

__all__ = ["AsyncMemoryLedger", "MemoryIdentifiers", "MemoryLedger", "MemoryPrograms"]
