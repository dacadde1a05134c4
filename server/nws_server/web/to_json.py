"""Data of pages as JSON: what is only for the eye is left out."""

from __future__ import annotations

import json
from typing import Any

from nws_server.web.charts import Chart
from nws_server.web.names import DisplayName

__all__ = ["to_json"]


def to_json(data: dict[str, Any]) -> bytes:
    """Return the data of a page as a JSON object. Names are texts, times seconds of the epoch."""
    return json.dumps(_plain(data), allow_nan=False).encode()


def _plain(data: Any) -> Any:
    if isinstance(data, DisplayName):
        return data.text
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items() if not isinstance(value, Chart)}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data
