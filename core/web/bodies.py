"""Limits on what a form may hold, and on the numbers in addresses."""

from __future__ import annotations

from typing import IO, Any, Final, cast
from urllib.parse import parse_qsl

from quart.formparser import FormDataParser
from werkzeug.datastructures import MultiDict
from werkzeug.routing import IntegerConverter, Map

from core.errors import BadInput
from core.i18n import gettext as _

MOST_FIELDS: Final = 200
Fields = MultiDict[str, Any]
LARGEST_ID: Final = 2**31 - 1


class FormParser(FormDataParser):
    """Refuses files, endless fields, and characters that no database column can hold."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"stream_factory": _refuse_file})

    async def parse(self, *args: Any, **options: Any) -> tuple[Fields, Fields]:
        form, sent_files = await super().parse(*args, **options)
        for name, value in form.items(multi=True):
            if "\0" in name or "\0" in value:
                raise BadInput(field=name.replace("\0", "")[:40], problem=_("has a bad character"))
        return form, sent_files

    async def _parse_fields(
        self, body: Any, mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> tuple[Fields, Fields]:
        data = await body
        if data.count(b"&") >= MOST_FIELDS:
            raise BadInput(field=_("form"), problem=_("it has too many fields"))
        return MultiDict(parse_qsl(data.decode(), keep_blank_values=True)), MultiDict()

    parse_functions = FormDataParser.parse_functions | cast(
        "dict[str, Any]",
        {
            "application/x-www-form-urlencoded": _parse_fields,
            "application/x-url-encoded": _parse_fields,
        },
    )


def _refuse_file(*__: Any) -> IO[bytes]:
    """A file is a request of its own, so that it can be stored while it comes."""
    raise BadInput(field=_("form"), problem=_("it holds a file"))


class IdConverter(IntegerConverter):
    """``<int:…>`` in addresses: what no column can hold is not found, rather than an error."""

    regex = r"[0-9]+"

    def __init__(self, url_map: Map, **options: Any) -> None:
        super().__init__(url_map, **{"max": LARGEST_ID} | options)
