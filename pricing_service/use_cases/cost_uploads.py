"""What comes in as a file of costs: plain text or gzip, of any size, read once to its end before a row counts."""

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import BinaryIO, cast

from services.errors import Fault, Invalid, TooLarge
from services.http import Upload

MAX_UNPACKED_TIMES = 200
_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


class UploadEmpty(Invalid): ...


class EncodingNotSupported(Invalid): ...


class GzipUnreadable(Invalid): ...


class UnpackedTooLarge(TooLarge): ...


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The plain text, and how many bytes of it are believed."""

    file: BinaryIO
    limit: int
    more: int


def check(upload: Upload, wanted: str) -> None:
    """Raises UploadEmpty or EncodingNotSupported."""
    if not upload.size:
        raise UploadEmpty("the upload is empty", faults=[Fault("", wanted)])
    if upload.encoding not in (None, "", "identity", "gzip"):
        raise EncodingNotSupported(
            f"content encoding {upload.encoding[:40]!r} is not supported",
            faults=[Fault("Content-Encoding", "must be gzip or absent")],
        )


def unpacked(upload: BinaryIO, more: int) -> Unpacked:
    """Costs compress well, but not without end: at most MAX_UNPACKED_TIMES the size, and `more` bytes."""
    size = upload.seek(0, os.SEEK_END)
    upload.seek(0)
    magic = upload.read(2)
    upload.seek(0)
    if magic != _GZIP_MAGIC:
        return Unpacked(upload, size, more)
    return Unpacked(cast(BinaryIO, gzip.GzipFile(fileobj=upload, mode="rb")), size * MAX_UNPACKED_TIMES + more, more)


def hashed(text: Unpacked) -> tuple[str, int]:
    """SHA-256 and number of lines of the plain text; reads it to its end, so that a broken gzip shows here.

    Raises GzipUnreadable or UnpackedTooLarge.
    """
    digest, lines, size = hashlib.sha256(), 0, 0
    try:
        while block := text.file.read(_BLOCK):
            size += len(block)
            if size > text.limit:
                raise UnpackedTooLarge(
                    f"the gzip file unpacks to more than {text.limit} bytes, "
                    f"which is {MAX_UNPACKED_TIMES} times its size and {text.more >> 20} MiB"
                )
            digest.update(block)
            lines += block.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise GzipUnreadable(f"the gzip file cannot be unpacked: {error}") from error
    text.file.seek(0)
    return digest.hexdigest(), lines
