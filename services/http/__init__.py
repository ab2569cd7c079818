"""HTTP conventions of every service (DESIGN.md), as routers and dependencies."""

from services.http.api import Api, UploadApi
from services.http.dependencies import Now, ReadSession, WriteSession
from services.http.etags import Etag, IfMatch, RequiredIfMatch, check_version
from services.http.jobs import JobRead, accepted_job
from services.http.paging import Page, Paging, paginate
from services.http.schemas import (
    AmountInput,
    Body,
    CurrencyCode,
    DecimalInput,
    DecimalString,
    ExternalId,
    MoneyInput,
    MoneyModel,
    Read,
    plain,
)
from services.http.uploads import Upload, upload_body

__all__ = [
    "AmountInput",
    "Api",
    "Body",
    "CurrencyCode",
    "DecimalInput",
    "DecimalString",
    "Etag",
    "ExternalId",
    "IfMatch",
    "JobRead",
    "MoneyInput",
    "MoneyModel",
    "Now",
    "Page",
    "Paging",
    "Read",
    "ReadSession",
    "RequiredIfMatch",
    "Upload",
    "UploadApi",
    "WriteSession",
    "accepted_job",
    "check_version",
    "paginate",
    "plain",
    "upload_body",
]
