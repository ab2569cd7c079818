"""Every body in the OpenAPI documents has an example that fits; a request's is one that the app would take."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from services.http import Body

HINT = "give the model a whole example, by model_config = ConfigDict(json_schema_extra={'examples': […]})"


def _bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{method} {path} {media_type}", body
            for status, response in operation["responses"].items():
                for media_type, body in response.get("content", {}).items():
                    if status.startswith("2") and "json" in media_type:
                        yield f"{method} {path} {status}", body


def _requests(of: type[Body]) -> Iterator[type[Body]]:
    for below in of.__subclasses__():
        yield below
        yield from _requests(below)


def _document(app: str) -> dict[str, Any]:
    document: dict[str, Any] = importlib.import_module(f"{app}_service.app").app.openapi()
    return document


@pytest.mark.parametrize("app", ["catalog", "demand", "feedback", "pricing"])
def test_every_body_has_an_example_that_fits(app: str) -> None:
    document = _document(app)
    told = dict(_bodies(document))
    without = {where for where, body in told.items() if not body.keys() & {"example", "examples"}}
    assert {where for where in without if not where.endswith(("text/csv", "application/gzip"))} == set()
    for where, body in told.items():
        values = [body["example"]] if "example" in body else [one["value"] for one in body.get("examples", {}).values()]
        judge = Draft202012Validator({**body["schema"], "components": document["components"]}, validate_formats=True)
        for value in values:
            assert not [error.message for error in judge.iter_errors(value)], f"{where}: {HINT}"


# Pricing's and demand's bodies with rules across their fields do not all have a whole example of their own yet.
@pytest.mark.parametrize("app", ["catalog", "feedback"])
def test_examples_of_requests_would_be_taken(app: str) -> None:
    document = _document(app)
    models = {model.__name__: model for model in _requests(Body) if model.__module__.startswith(f"{app}_service.")}
    tried = 0
    for _, body in _bodies(document):
        name = body["schema"].get("$ref", "").rpartition("/")[2]
        if name in models and "example" in body:
            models[name].model_validate(body["example"])
            tried += 1
    assert tried >= 9
