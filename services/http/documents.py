"""The OpenAPI document of an app: FastAPI's own, with what every operation has in common added in one place.

An operation that creates or changes says `x-upsert`: only there is If-Match no duty of a PUT.
Problems (RFC 9457) as the body of every error, Idempotency-Key on every POST, Correlation-Id on every write.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.http.examples import add_examples
from services.http.problems import MEDIA_TYPE, Problem

_REFUSALS = {
    "401": "No acceptable bearer token",
    "403": "Not allowed to this role, or out of its business units",
    "404": "Not there",
    "409": "Conflicts with the present state",
    "412": "If-Match names an older version",
    "413": "Larger than the limit",
    "422": "Not valid; `errors` names each field",
    "428": "If-Match is missing",
    "429": "Too many requests",
    "503": "A part of the suite is away; try again after `Retry-After`",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body within 24 hours is one effect, and gets the first answer again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_CORRELATION = {
    "name": "Correlation-Id",
    "in": "header",
    "required": False,
    "description": "The value loop's thread that this belongs to; carried by every event that follows",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
}


def install(app: FastAPI) -> None:
    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    summary=app.summary,
                    description=app.description,
                    routes=app.routes,
                    separate_input_output_schemas=False,
                )
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for item in document.get("paths", {}).values():
        for method, operation in item.items():
            responses = operation.setdefault("responses", {})
            for status, meaning in _refusals_of(method, operation).items():
                if status not in responses or status == "422":
                    responses[status] = {"description": meaning, "content": content}
            if "security" not in operation:
                continue
            if method != "get":
                operation.setdefault("parameters", []).append(_CORRELATION)
            if method == "post":
                operation["parameters"].append(_KEY)
            elif method != "get":
                for parameter in operation["parameters"]:
                    if parameter["name"] == "if-match" and not operation.get("x-upsert"):
                        parameter["required"] = True
    add_examples(document)
    return document


def _refusals_of(method: str, operation: dict[str, Any]) -> dict[str, str]:
    statuses = {"503"}
    if "security" in operation:
        statuses |= {"401", "403", "429"}
    if "parameters" in operation or "requestBody" in operation or method == "post":
        statuses.add("422")
    if "parameters" in operation:  # whatever is named, in the path or the query, may not be there
        statuses.add("404")
    if method != "get":
        statuses |= {"404", "409", "413"}
        if any(parameter.get("name") == "if-match" for parameter in operation.get("parameters", ())):
            statuses |= {"412"} | (set() if method == "post" or operation.get("x-upsert") else {"428"})
    return {status: meaning for status, meaning in _REFUSALS.items() if status in statuses}
