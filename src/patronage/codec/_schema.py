from typing import Any


def schema_of(cls: Any, tags: Any, format: int) -> dict[str, Any]:
    return {}
