"""The merged document is valid, nothing in it collides, and every reference leads where it did before."""

import json
from typing import Any

import pytest
from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from pydantic import BaseModel

from gateway.openapi import NotADocument, Outline, ServiceDocument, merge, parse_document

OUTLINE = Outline("Suite", "1.2.3", "All of it")
BEARER = {"type": "http", "scheme": "bearer"}


def service(name: str, document: dict[str, Any], **more: Any) -> ServiceDocument:
    whole = {"openapi": "3.1.0", "info": {"title": name, "version": "0.1"}, "paths": {}} | document
    return ServiceDocument(name, f"/{name}", name.title(), whole, **more)


def operation(**more: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "ok"}}} | more


def test_paths_go_behind_the_prefix_and_servers_do_not_lead_past_the_door() -> None:
    document = {
        "servers": [{"url": "http://10.0.0.7"}],
        "paths": {"/v1/x": {"servers": [{"url": "/a"}], "get": operation(servers=[{"url": "/b"}])}},
    }
    merged = merge([service("a", document)], OUTLINE)
    validate(merged)
    assert list(merged["paths"]) == ["/a/v1/x"]
    assert "10.0.0.7" not in json.dumps(merged)
    assert merged["servers"][0]["url"] == "/"
    assert merged["paths"]["/a/v1/x"].keys() == {"get"}
    assert "servers" not in merged["paths"]["/a/v1/x"]["get"]


def test_components_of_one_name_stay_apart() -> None:
    def body(schema: dict[str, Any]) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/Thing"}
        return {
            "paths": {
                "/x": {"get": {"responses": {"200": {"description": "", "content": {"a/b": {"schema": reference}}}}}}
            },
            "components": {"schemas": {"Thing": schema}},
        }

    merged = merge([service("a", body({"type": "string"})), service("b", body({"type": "integer"}))], OUTLINE)
    validate(merged)
    assert merged["components"]["schemas"] == {"a.Thing": {"type": "string"}, "b.Thing": {"type": "integer"}}
    for name in "ab":
        schema = merged["paths"][f"/{name}/x"]["get"]["responses"]["200"]["content"]["a/b"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{name}.Thing"}


def test_every_kind_of_reference_follows() -> None:
    document = {
        "paths": {
            "/x": {
                "parameters": [{"$ref": "#/components/parameters/P"}],
                "get": operation(
                    operationId="getX",
                    responses={
                        "200": {
                            "description": "",
                            "headers": {"X-Y": {"$ref": "#/components/headers/H"}},
                            "links": {
                                "self": {"operationId": "getX"},
                                "there": {"operationRef": "#/paths/~1x/get"},
                                "shared": {"$ref": "#/components/links/L"},
                            },
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/S/properties/example"},
                                    "examples": {"one": {"$ref": "#/components/examples/E"}, "two": {"value": 1}},
                                }
                            },
                        },
                        "404": {"$ref": "#/components/responses/R"},
                    },
                ),
                "post": operation(
                    requestBody={"$ref": "#/components/requestBodies/B"},
                    callbacks={"done": {"{$request.body#/url}": {"post": operation()}}},
                ),
            }
        },
        "components": {
            "schemas": {
                "S": {
                    "type": "object",
                    "properties": {
                        "example": {"type": "string"},
                        "default": {"$ref": "#/components/schemas/T"},
                        "$ref": {"type": "string"},
                    },
                    "oneOf": [{"$ref": "#/components/schemas/T"}, {"$ref": "https://elsewhere.example/schema"}],
                    "discriminator": {
                        "propertyName": "kind",
                        "mapping": {"t": "#/components/schemas/T", "bare": "T", "far": "https://elsewhere.example/x"},
                    },
                    "example": {"$ref": "#/components/schemas/T"},
                    "examples": [{"$ref": "#/components/schemas/T"}],
                    "const": {"$ref": "#/components/schemas/T"},
                },
                "T": {"$defs": {"enum": {"$ref": "#/components/schemas/S"}}, "type": "object"},
            },
            "parameters": {"P": {"name": "p", "in": "query", "schema": {"$ref": "#/components/schemas/T"}}},
            "headers": {"H": {"schema": {"type": "string"}}},
            "responses": {"R": {"description": "gone"}},
            "requestBodies": {"B": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}}},
            "examples": {"E": {"value": {"$ref": "#/components/schemas/T"}}},
            "links": {"L": {"operationId": "getX"}},
        },
    }
    merged = merge([service("a", document)], OUTLINE)
    schema = merged["components"]["schemas"]["a.S"]
    assert schema["properties"] == {
        "example": {"type": "string"},
        "default": {"$ref": "#/components/schemas/a.T"},
        "$ref": {"type": "string"},
    }
    assert schema["oneOf"] == [{"$ref": "#/components/schemas/a.T"}, {"$ref": "https://elsewhere.example/schema"}]
    assert schema["discriminator"]["mapping"] == {
        "t": "#/components/schemas/a.T",
        "bare": "#/components/schemas/a.T",
        "far": "https://elsewhere.example/x",
    }
    literal = {"$ref": "#/components/schemas/T"}
    assert (schema["example"], schema["examples"], schema["const"]) == (literal, [literal], literal)
    assert merged["components"]["schemas"]["a.T"]["$defs"]["enum"] == {"$ref": "#/components/schemas/a.S"}
    assert merged["components"]["examples"]["a.E"] == {"value": literal}
    get = merged["paths"]["/a/x"]["get"]
    assert get["operationId"] == "a_getX"
    assert get["responses"]["200"]["links"] == {
        "self": {"operationId": "a_getX"},
        "there": {"operationRef": "#/paths/~1a~1x/get"},
        "shared": {"$ref": "#/components/links/a.L"},
    }
    assert merged["components"]["links"]["a.L"] == {"operationId": "a_getX"}
    assert get["responses"]["200"]["headers"]["X-Y"] == {"$ref": "#/components/headers/a.H"}
    content = get["responses"]["200"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/a.S/properties/example"}
    assert content["examples"] == {"one": {"$ref": "#/components/examples/a.E"}, "two": {"value": 1}}
    assert merged["paths"]["/a/x"]["parameters"] == [{"$ref": "#/components/parameters/a.P"}]
    assert document["paths"]["/x"]["get"]["operationId"] == "getX"  # the original is untouched


def test_operation_ids_are_unique_and_made_where_missing() -> None:
    paths = {
        "/x": {"get": operation(operationId="read"), "post": operation()},
        "/y": {"get": operation(operationId="read"), "put": operation()},
    }
    merged = merge([service("a", {"paths": paths}), service("b", {"paths": paths})], OUTLINE)
    validate(merged)
    ids = [op["operationId"] for item in merged["paths"].values() for op in item.values()]
    assert ids[:4] == ["a_read", "a_post_x", "a_read_2", "a_put_y"]
    assert len(set(ids)) == 8


def test_tags_are_grouped_by_capability() -> None:
    one = {
        "tags": [{"name": "Quotes", "description": "What it will cost"}],
        "paths": {"/x": {"get": operation(tags=["Quotes"]), "put": operation(tags=["A"]), "post": operation()}},
    }
    merged = merge([service("a", one), service("b", one)], OUTLINE)
    assert [tag["name"] for tag in merged["tags"]] == ["A: Quotes", "A", "B: Quotes", "B: A", "B"]
    assert merged["tags"][0]["description"] == "What it will cost"
    assert merged["x-tagGroups"][0] == {"name": "A", "tags": ["A: Quotes", "A"]}
    assert merged["paths"]["/a/x"]["get"]["tags"] == ["A: Quotes"]


def test_security_schemes_that_agree_are_one_and_others_stay_apart() -> None:
    def secured(**schemes: Any) -> dict[str, Any]:
        return {
            "security": [{"bearer": []}],
            "paths": {
                "/x": {"get": operation(), "put": operation(security=[]), "post": operation(security=[{"key": []}])}
            },
            "components": {"securitySchemes": {"bearer": BEARER} | schemes},
        }

    key_a = {"type": "apiKey", "in": "header", "name": "A"}
    key_b = {"type": "apiKey", "in": "header", "name": "B"}
    merged = merge([service("a", secured(key=key_a)), service("b", secured(key=key_b))], OUTLINE)
    validate(merged)
    assert merged["components"]["securitySchemes"] == {"bearer": BEARER, "a.key": key_a, "b.key": key_b}
    item = merged["paths"]["/b/x"]
    assert item["get"]["security"] == [{"bearer": []}]  # the service's default, written out
    assert item["put"]["security"] == []
    assert item["post"]["security"] == [{"b.key": []}]


def test_a_service_that_is_away_is_marked_and_one_never_seen_is_named() -> None:
    here = service("a", {"paths": {"/x": {"get": operation()}}})
    away = service("b", {"paths": {"/x": {"get": operation()}}}, stale_since="2026-11-24T10:00:00Z")
    merged = merge([here, away], Outline("Suite", "1", "", missing=("c",)))
    validate(merged)
    assert merged["x-itaas-stale"] == {"b": "2026-11-24T10:00:00Z"}
    assert merged["x-itaas-missing"] == ["c"]
    assert merged["paths"]["/b/x"]["get"]["x-itaas-stale"] is True
    assert "x-itaas-stale" not in merged["paths"]["/a/x"]["get"]
    assert "x-itaas-stale" not in merge([here], OUTLINE)


def test_the_doors_own_answers_are_documented_behind_prefixes_only() -> None:
    gone = {"description": "the service is away"}
    own = ServiceDocument("gateway", "", "Gateway", {"openapi": "3.1.0", "paths": {"/y": {"get": operation()}}})
    paths = {"/x": {"get": operation(), "put": {"responses": {"502": {"description": "its own"}}}}}
    merged = merge([own, service("a", {"paths": paths})], Outline("S", "1", "", door_responses={"502": gone}))
    validate(merged)
    assert merged["components"]["responses"] == {"door.502": gone}
    assert merged["paths"]["/a/x"]["get"]["responses"]["502"] == {"$ref": "#/components/responses/door.502"}
    assert merged["paths"]["/a/x"]["put"]["responses"]["502"] == {"description": "its own"}
    assert "502" not in merged["paths"]["/y"]["get"]["responses"]


def test_what_does_not_pass_the_door_is_not_documented() -> None:
    paths = {"/metrics": {"get": operation()}, "/v1/x": {"get": operation()}}
    merged = merge([service("a", {"paths": paths}, hidden_paths=frozenset({"/metrics"}))], OUTLINE)
    assert list(merged["paths"]) == ["/a/v1/x"]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"{}", b'{"openapi":"2.0"}', b'{"openapi":"3.0.3"}', b'{"openapi":"3.1.0","paths":[]}',
     b'{"openapi":"3.1.0","components":7}', b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(NotADocument):
        parse_document(content)


def test_real_services_merge_into_a_valid_document() -> None:
    """Two FastAPI apps with generics, unions and security, whose models share names."""

    def app(title: str) -> FastAPI:
        made = FastAPI(title=title)

        class Cat(BaseModel):
            kind: str = "cat"
            parent: "Cat | None" = None

        class Dog(BaseModel):
            kind: str = "dog"

        @made.get("/v1/pets/{pet_id}", response_model=Cat | Dog, tags=["Pets"], dependencies=[Security(HTTPBearer())])
        def read_pet(pet_id: int) -> Any: ...

        @made.post("/v1/pets", response_model=list[Cat], tags=["Pets"])
        def make_pet(cat: Cat) -> Any: ...

        return made

    documents = [
        ServiceDocument(name, f"/{name}", name, parse_document(json.dumps(app(name).openapi()).encode()))
        for name in "ab"
    ]
    merged = merge(documents, OUTLINE)
    validate(merged)
    assert not list(OpenAPIV31SpecValidator(merged).iter_errors())


names = st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,8}", fullmatch=True)


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.lists(names, unique=True)), unique_by=lambda s: s[0]
    )
)
def test_nothing_ever_collides(services: list[tuple[str, list[str]]]) -> None:
    documents = [
        service(
            name,
            {
                "paths": {f"/{schema}": {"get": operation(operationId=schema.lower())} for schema in schemas},
                "components": {"schemas": {schema: {"title": schema} for schema in schemas}},
            },
        )
        for name, schemas in services
    ]
    merged = merge(documents, OUTLINE)
    total = sum(len(schemas) for _, schemas in services)
    assert len(merged["components"].get("schemas", {})) == total == len(merged["paths"])
    ids = [item["get"]["operationId"] for item in merged["paths"].values()]
    assert len(ids) == len(set(ids))
