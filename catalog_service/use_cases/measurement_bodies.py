"""The reports of a request, in whichever form it comes, and each as one body.

| Content-Type | holds |
|---|---|
| application/json | one report, or an array of them |
| application/x-ndjson | one a line |
| application/cloudevents+json, application/cloudevents-batch+json | the same as CloudEvents |
| application/json with `ce-` headers | one binary CloudEvent: attributes in headers, the body is its data |

Of a CloudEvent `source` and `id` are the report's, and its data holds the rest:

| type | data |
|---|---|
| itaas.measurement.v1 | the report; `time` stands for an `at` that is left out |
| itaas.measurement.voided.v1 | {"original": {"source", "id"}} |
| itaas.measurement.replaced.v1 | the same, and the report that counts instead |
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from catalog_service.domain.commitment import PERCENTILES
from catalog_service.domain.measurement import MeasurementNotReadable, reject
from catalog_service.schemas.measurements import MeasurementReport
from services.errors import Fault, Invalid, TooLarge

PLAIN, LINES = "application/json", "application/x-ndjson"
SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
MOST_REPORTS = 5_000
MOST_BYTES = 8 << 20
MEASURED, VOIDED, REPLACED = "itaas.measurement.v1", "itaas.measurement.voided.v1", "itaas.measurement.replaced.v1"


class ContentTypeNotMeasurement(Invalid): ...


class MeasurementsNotReadable(Invalid): ...


class TooManyMeasurements(TooLarge): ...


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no JSON, and why."""

    why: str


def kind_of(headers: Mapping[str, str]) -> str:
    """Raises ContentTypeNotMeasurement."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (PLAIN, LINES, SINGLE, BATCH):
        raise ContentTypeNotMeasurement(
            f"{kind[:60]!r} is no measurement",
            faults=[Fault("Content-Type", f"must be {PLAIN}, {LINES}, {SINGLE} or {BATCH}")],
        )
    return kind


def reports(kind: str, headers: Mapping[str, str], body: bytes) -> tuple[list[object], bool]:
    """What a body holds, and whether it is one report by itself.

    Raises MeasurementsNotReadable, TooManyMeasurements.
    """
    if kind == LINES:
        found: list[object] = [_line(line) for line in body.split(b"\n") if line.strip()]
        return _few(found), False
    document = _document(body)
    if kind == PLAIN and "ce-specversion" in headers:
        return [_binary(headers, document)], True
    if isinstance(document, list) and kind != SINGLE:
        return _few(document), False
    if kind == BATCH:
        raise MeasurementsNotReadable("a batch is an array of events", faults=[Fault("", "must be an array")])
    return [document], True


def _few(found: list[object]) -> list[object]:
    if len(found) > MOST_REPORTS:
        raise TooManyMeasurements(
            f"a request holds at most {MOST_REPORTS} reports", faults=[Fault("", f"{len(found)} reports")]
        )
    return found


def _document(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise MeasurementsNotReadable(f"the body is not JSON: {_why(error)}", faults=[Fault("", "must be JSON")]) from (
            error
        )


def _line(line: bytes) -> object:
    try:
        return json.loads(line.decode(), parse_constant=str)
    except (ValueError, RecursionError) as error:
        return Unreadable(f"the line is not JSON: {_why(error)}")


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else "it is not UTF-8, or a number is too long"
    )


def _binary(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        name: unquote(value, errors="surrogateescape")
        for name in ("specversion", "id", "source", "type", "time")
        if (value := headers.get(f"ce-{name}")) is not None
    }
    return event | {"data": data}


def report_of(raw: object) -> MeasurementReport:
    """Raises MeasurementNotReadable with a pointer into what was sent."""
    if isinstance(raw, Unreadable):
        raise reject(MeasurementNotReadable, "", raw.why)
    if not isinstance(raw, Mapping):
        raise reject(MeasurementNotReadable, "", "a report is a JSON object")
    is_event = "specversion" in raw
    try:
        return MeasurementReport.model_validate(_unwrapped(raw) if is_event else raw)
    except ValidationError as error:
        faults = error.errors()
        path = [str(part).replace("~", "~0").replace("/", "~1") for part in faults[0]["loc"]]
        pointer = "".join(f"/{part}" for part in path)
        message = str(faults[0]["msg"]).removeprefix("Value error, ")
        detail = f"{pointer[1:]}: {message}" + (f", and {len(faults) - 1} faults more" if len(faults) > 1 else "")
        raise reject(MeasurementNotReadable, place(pointer, raw), detail) from error


def place(pointer: str, raw: object) -> str:
    """Where in what was sent a field of the report stands: in a CloudEvent's data, but for what names it."""
    if not isinstance(raw, Mapping) or "specversion" not in raw or pointer in ("", "/source", "/id"):
        return pointer
    for name in ("/voids", "/replaces"):
        if pointer.startswith(name) and raw.get("type") in (VOIDED, REPLACED):
            return "/data/original" + pointer.removeprefix(name)
    return f"/data{pointer}"


def _unwrapped(event: Mapping[str, Any]) -> dict[str, Any]:
    kind, data = event.get("type"), event.get("data")
    if event["specversion"] != "1.0":
        raise reject(MeasurementNotReadable, "/specversion", "specversion must be 1.0")
    if kind not in (MEASURED, VOIDED, REPLACED):
        raise reject(MeasurementNotReadable, "/type", f"type must be {MEASURED}, {VOIDED} or {REPLACED}")
    if not isinstance(data, Mapping):
        raise reject(MeasurementNotReadable, "/data", "data must be an object")
    fields = dict(data)
    if kind != MEASURED:
        if "original" not in fields:
            raise reject(MeasurementNotReadable, "/data/original", "a correction names its original")
        fields["voids" if kind == VOIDED else "replaces"] = fields.pop("original")
    if str(fields.get("commitment")) in PERCENTILES and "at" not in fields and "time" in event:
        fields["at"] = event["time"]
    return fields | {name: event.get(name) for name in ("source", "id")}


def named(raw: object, name: str) -> str | None:
    """`source` or `id` of whatever was sent, for the answer: readable, and not longer than it may be."""
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return readable(value[:256]) if isinstance(value, str) else None


def readable(text: str) -> str:
    """The text with U+FFFD in place of half a character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
