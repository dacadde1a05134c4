"""Data of pages as JSON, without charts."""

from __future__ import annotations

import json
from typing import Any

from nws_server.web.charts import Axis, Chart
from nws_server.web.names import DisplayName

__all__ = ["to_json"]


def to_json(data: dict[str, Any]) -> bytes:
    """Return the data of a page as JSON. Names become texts; times are seconds of the epoch."""
    return json.dumps(_to_plain(data), allow_nan=False).encode()


def _to_plain(data: Any) -> Any:
    if isinstance(data, DisplayName):
        return data.text
    if isinstance(data, dict):
        return {
            key: _to_plain(value)
            for key, value in data.items()
            if not isinstance(value, Chart | Axis)
        }
    if isinstance(data, list):
        return [_to_plain(value) for value in data]
    return data
