"""Events between apps: what one publishes, the others can read; envelopes survive the wire; schemas are JSON Schema."""

from contextlib import suppress
from datetime import UTC, datetime

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.events.envelope import Envelope, MalformedEvent, from_message, to_message
from services.events.handlers import Handler
from services.events.registry import EventData
from services.settings import APPS
from services.suite import definition_of

PUBLISHED: dict[str, type[EventData]] = {event.event.name: event for app in APPS for event in definition_of(app).events}
FROM_OUTSIDE = {"itaas.usage.*"}  # meters publish it, on a topic of its own
HANDLERS: list[tuple[str, Handler]] = [
    (app, handler) for app in APPS for handler in definition_of(app).all_consumers().handlers
]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_payload_is_what_its_schema_says(name: str) -> None:
    model = PUBLISHED[name]
    schema = model.model_json_schema(mode="serialization")
    jsonschema_rs.meta.validate(schema)
    payload = model.model_validate(model.event.example).model_dump(mode="json")
    jsonschema_rs.validator_for(schema).validate(payload)


@pytest.mark.parametrize(("app", "handler"), HANDLERS, ids=[f"{app}:{h.call.__name__}" for app, h in HANDLERS])
def test_every_consumer_reads_every_payload_it_listens_to(app: str, handler: Handler) -> None:
    heard = [model for name, model in PUBLISHED.items() if handler.takes(name)]
    assert heard or handler.pattern in FROM_OUTSIDE, f"{app} listens to {handler.pattern}, which nobody publishes"
    for model in heard:
        payload = model.model_validate(model.event.example).model_dump(mode="json")
        handler.model.model_validate(payload)


def test_a_projection_names_the_tables_that_a_rebuild_empties() -> None:
    nameless = {f"{app}:{h.call.__name__}" for app, h in HANDLERS if h.kind == "projection" and not h.tables}
    # The archive is filled up again, never emptied: its stream ids are what subscribers resume from.
    assert nameless == {"gateway:archive"}


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(
    data=st.dictionaries(texts, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts, max_size=5),
    thread=st.text("abcdef-0123456789", min_size=1, max_size=64),
    sequence=st.integers(0, 2**40),
    unit=st.none() | st.uuids().map(str),
)
def test_an_envelope_survives_the_wire(data: dict[str, object], thread: str, sequence: int, unit: str | None) -> None:
    envelope = Envelope(
        id="1",
        source="/itaas/pricing",
        type="itaas.pricing.quote.issued.v1",
        subject="s",
        time=datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC),
        data=data,
        correlation_id=thread,
        causation_id="c",
        sequence=sequence,
        business_unit_id=unit,
        actor_id=None,
        traceparent=None,
        partition_key="s",
    )
    message = to_message(envelope, "itaas.pricing")
    assert message.headers["ce_specversion"] == "1.0"
    assert message.headers["content-type"] == "application/json"
    assert from_message(message.key, message.headers, message.value) == envelope


@given(
    st.dictionaries(st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_sequence", "content-type"]), texts), st.binary()
)
@example({"content-type": "application/cloudevents+json"}, b"0")
@example({"content-type": "application/cloudevents+json"}, b"[]")
def test_what_is_no_event_is_called_malformed_and_nothing_else(headers: dict[str, str], value: bytes) -> None:
    with suppress(MalformedEvent):
        from_message("k", headers, value)
