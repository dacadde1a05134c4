"""Files that browsers download: stored values as they are, output, and files for clients."""

from __future__ import annotations

import io
import mimetypes
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from nws_server.web.inspector import Inspector
from nws_server.web.kinds import kind_of
from nws_server.web.not_found import NotFound
from nws_server.web.query import Query
from nws_server.web.rendering import moment
from nws_server.web.request_checks import VALUE_HEADERS
from nws_server.web.responses import TEXT, Response
from nws_server.web.sleigh_output import all_lines_of
from nws_server.web.sleigh_reports import find_sleigh
from nws_server.web.value_descriptions import find_value

__all__ = ["client_file", "output_text", "raw_value"]

_PLAIN_TEXT_SUFFIXES: Final = (".m", ".py", ".r")


def raw_value(inspector: Inspector, query: Query) -> Response:
    """Send a value as it is. Fields: ``ws``, ``name``, ``index``, ``download=yes``.

    Raises:
        NotFound: the value does not exist, or its file cannot be read.
    """
    value, _ = find_value(inspector, query)
    payload: Any = value.payload
    try:
        file = io.BytesIO(payload) if isinstance(payload, bytes) else payload.open()
    except OSError as error:
        raise NotFound(f"the value's file cannot be read: {error}") from error
    kind = kind_of(value)
    shown = kind.form == "picture" and query.get("download") != b"yes"
    headers = {**VALUE_HEADERS, "Content-Length": str(value.size)}
    if not shown:
        headers["Content-Disposition"] = f'attachment; filename="value-{value.index}"'
    media_type = kind.media_type if shown else "application/octet-stream"
    return Response(file, media_type, headers=headers)


def output_text(inspector: Inspector, query: Query) -> Response:
    """Send the lines that workers of a sleigh wrote, oldest first. Fields: ``name``, ``search``.

    Raises:
        NotFound: there is no sleigh with this workspace, and none has ended there lately.
    """
    wanted = query.text("search").lower()
    lines = all_lines_of(find_sleigh(inspector, query.need("name"), output=True).reports)
    text = "".join(
        f"{moment(line.time)} {line.origin} {line.text}\n"
        for line in lines
        if wanted in line.text.lower()
    )
    headers = {**VALUE_HEADERS, "Content-Disposition": 'attachment; filename="output.txt"'}
    return Response(text.encode("utf-8", "replace"), TEXT, headers=headers)


def client_file(folder: Path | None, path: str) -> Response:
    """Send a file from the folder of files for clients, as the original does.

    Raises:
        NotFound: there is no folder, or no such file in it.
    """
    if folder is None:
        raise NotFound("this server has no files for clients")
    absent = NotFound(f"there is no file {path[:100]!r}")
    try:
        file = (folder / os.fsdecode(unquote_to_bytes(path))).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            raise absent
        size, content = file.stat().st_size, file.open("rb")
    except (OSError, RuntimeError, ValueError):  # such as a name that no file can have
        raise absent from None
    guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    media_type = "text/plain" if file.suffix.lower() in _PLAIN_TEXT_SUFFIXES else guessed
    headers = {**VALUE_HEADERS, "Content-Length": str(size)}
    return Response(content, media_type, headers=headers)
