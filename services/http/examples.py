"""An example for every JSON body of an OpenAPI document.

A model that knows a whole example (`json_schema_extra={"examples": […]}`) gives it; of any other, one is put together
from the examples, defaults and choices of its fields.
`tests/chassis/test_openapi_examples.py` holds them against the schemas.
"""

from typing import Any

Json = Any
DEPTH = 12  # of schemas inside each other; a comment's answers have answers

_BY_FORMAT = {
    "uuid": "01a21085-f1d3-7293-bde0-0da2d4d488ee",
    "date-time": "2026-11-02T09:30:00Z",
    "date": "2026-11-02",
    "uri": "https://example.org/",
    "binary": "",
}


def add_examples(document: dict[str, Any]) -> None:
    """Requests and answers of 2xx, where they are JSON and do not say an example themselves."""
    schemas = document.get("components", {}).get("schemas", {})
    for item in document.get("paths", {}).values():
        for operation in item.values():
            bodies = [operation.get("requestBody", {}).get("content", {})]
            bodies += [
                response.get("content", {})
                for status, response in operation.get("responses", {}).items()
                if status.startswith("2")
            ]
            for content in bodies:
                for media_type, body in content.items():
                    if "json" in media_type and "schema" in body and not body.keys() & {"example", "examples"}:
                        body["example"] = example_of(body["schema"], schemas)


def example_of(schema: dict[str, Any], schemas: dict[str, dict[str, Any]], depth: int = DEPTH) -> Json:
    """A value that fits `schema`; `schemas` are what its references lead to."""
    if schema.get("examples"):
        return schema["examples"][0]
    for word in ("example", "const"):
        if schema.get(word) is not None:
            return schema[word]
    default = schema.get("default")
    if default is not None and (default or not schema.keys() & {"minLength", "minItems"}):  # "" may mean "left out"
        return default
    if schema.get("enum"):
        return schema["enum"][0]
    if reference := schema.get("$ref"):
        return example_of(schemas[reference.rpartition("/")[2]], schemas, depth - 1)
    for word in ("anyOf", "oneOf", "allOf"):
        for choice in schema.get(word, ()):
            if choice.get("type") != "null":
                return example_of(choice, schemas, depth)
    return _of_type(schema, schemas, depth)


def _of_type(schema: dict[str, Any], schemas: dict[str, dict[str, Any]], depth: int) -> Json:
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            wanted = fields if depth > 0 else schema.get("required", [])
            return {name: example_of(fields[name], schemas, depth - 1) for name in wanted}
        case "array":
            if depth <= 0 and not schema.get("minItems"):
                return []
            return [example_of(schema.get("items", {}), schemas, depth - 1)]
        case "string":
            text = _BY_FORMAT.get(schema.get("format", ""), "text")
            return text[: schema["maxLength"]] if "maxLength" in schema else text
        case "integer" | "number":
            least = max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
            return int(least) if least == int(least) else least  # 1.0 is no whole number to those who are strict
        case "boolean":
            return True
        case "null":
            return None
    return {}
