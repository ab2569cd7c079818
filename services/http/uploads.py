"""Uploads: a body that is too big for memory is spooled to disk and hashed while it arrives.

It is written to the database only afterwards, so that a slow client holds no transaction open.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO, cast

from fastapi import Depends, Request

from services.errors import TooLarge

_IN_MEMORY_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20


class UploadTooLarge(TooLarge): ...


class SpooledUpload:
    """A request's body on disk: its size, its hash, and its bytes in blocks, as often as needed."""

    def __init__(self, file: BinaryIO, size: int, sha256: str, encoding: str | None) -> None:
        self._file = file
        self.size = size
        self.sha256 = sha256
        self.encoding = encoding

    async def chunks(self) -> AsyncIterator[bytes]:
        await asyncio.to_thread(self._file.seek, 0)
        while block := await asyncio.to_thread(self._file.read, _BLOCK_BYTES):
            yield block

    def close(self) -> None:
        self._file.close()


async def spool(request: Request, *, limit: int) -> SpooledUpload:
    """Take the whole body in. Raises UploadTooLarge as soon as it passes `limit` bytes."""
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))  # noqa: SIM115  # closed by its user
    digest = hashlib.sha256()
    size = 0
    try:
        async for block in request.stream():
            size += len(block)
            if size > limit:
                raise UploadTooLarge(f"the upload is larger than {limit} bytes")
            digest.update(block)
            if size > _IN_MEMORY_BYTES:
                await asyncio.to_thread(file.write, block)
            else:
                file.write(block)
    except BaseException:
        file.close()
        raise
    return SpooledUpload(file, size, digest.hexdigest(), request.headers.get("content-encoding"))


async def _upload(request: Request) -> SpooledUpload:
    return cast(SpooledUpload, request.state.upload)  # put there by UploadRoute


Upload = Annotated[SpooledUpload, Depends(_upload)]


def upload_body(*media_types: str, examples: dict[str, Any] | None = None) -> dict[str, Any]:
    """For `openapi_extra=`: the raw body that an upload route takes; `examples` by media type."""
    raw = {"type": "string", "format": "binary"}
    content: dict[str, Any] = {name: {"schema": {} if name.endswith("json") else raw} for name in media_types}
    for name, example in (examples or {}).items():
        content[name]["example"] = example
    return {"requestBody": {"required": True, "content": content}}
