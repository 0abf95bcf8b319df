"""Sending and fetching files, by agents and by the customer of a session."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote, unquote
from uuid import UUID

from quart import Blueprint, Request, Response, g, jsonify, request, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from core import files
from core.access import permitted, visitor
from core.config import Config
from core.current import service
from core.errors import BadInput, TooLarge
from core.i18n import gettext as _
from core.media_types import SHOWN
from core.models import File
from core.web.bodies import FormParser

blueprint = Blueprint("files", __name__)

SILENCE_S: Final = 30
"""A sender who says nothing for so long is gone."""
DOWNLOAD_S: Final = 900
_UPLOAD: Final = re.compile(r"/(sessions/[0-9a-f-]{36}|visit)/files")


class UploadRequest(Request):
    """Lets the two upload views take more than other views.

    Quart fixes the limit before it knows the view, so this goes by the path.
    """

    form_data_parser_class = FormParser

    def __init__(self, method: str, scheme: str, path: str, *args: Any, **options: Any) -> None:
        if method == "POST" and _UPLOAD.search(path):
            options["max_content_length"] = service(Config).max_upload_mb * files.MB
        super().__init__(method, scheme, path, *args, **options)


@blueprint.post("/sessions/<uuid:session_id>/files")
@permitted("core.file.add")
async def add(session_id: UUID) -> ResponseReturnValue:
    return await _take(session_id, "files.fetch")


@blueprint.post("/visit/files")
@visitor
async def add_as_customer() -> ResponseReturnValue:
    return await _take(g.principal.session_id, "files.fetch_as_customer")


@blueprint.get("/files/<uuid:file_id>")
@permitted("core.file.view")
async def fetch(file_id: UUID) -> Response:
    return await _give(await files.find(g.tenant.id, file_id))


@blueprint.get("/visit/files/<uuid:file_id>")
@visitor
async def fetch_as_customer(file_id: UUID) -> Response:
    return await _give(await files.find(g.tenant.id, file_id, g.principal.session_id))


async def _take(session_id: UUID, shown_at: str) -> ResponseReturnValue:
    """Store the raw body. Its name comes percent-encoded in ``X-File-Name``."""
    name = unquote(request.headers.get("X-File-Name", ""), errors="replace")
    if not name:
        raise BadInput(field="X-File-Name", problem=_("it is missing"))
    file = await files.add(g.tenant, session_id, g.principal.actor, name, _body())
    answer = {
        "id": str(file.id),
        "name": file.name,
        "size": file.size,
        "media_type": file.media_type,
        "url": url_for(shown_at, file_id=file.id),
    }
    return jsonify(answer), 201


async def _body() -> AsyncIterator[bytes]:
    body = aiter(request.body)
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                chunk = await anext(body)
        except StopAsyncIteration:
            return
        except RequestEntityTooLarge as error:
            raise TooLarge(limit_mb=service(Config).max_upload_mb) from error
        except TimeoutError as error:
            raise BadInput(field=_("File"), problem=_("it did not arrive in time")) from error
        yield chunk


async def _give(file: File) -> Response:
    """Answer with the bytes so that no browser runs them as a page of ours."""
    response = Response(await files.read(file), content_type=_content_type(file))
    response.timeout = DOWNLOAD_S
    response.content_length = file.size
    place = "inline" if file.media_type in SHOWN else "attachment"
    response.headers["Content-Disposition"] = f"{place}; {_names(file.name)}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _content_type(file: File) -> str:
    """Text is never said to be HTML or a script, whatever it looks like."""
    if file.media_type.startswith("text/"):
        return "text/plain; charset=utf-8"
    return file.media_type


def _names(name: str) -> str:
    """Both forms of RFC 6266: ASCII for the oldest, UTF-8 for the others."""
    plain = re.sub(r'[^ -~]|["\\%;]', "_", name)
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
