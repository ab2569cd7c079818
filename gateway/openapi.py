"""The OpenAPI documents of the services as one.

Every component takes its service's name in front (`catalog.OfferingRead`), colliding or not: a name that depended
on what other services happen to have would change under a client's feet, and a dot cannot occur in a service's
name, so that two can never meet. Security schemes alone keep their names while all services mean the same by them,
so that one authorisation serves the whole document.

    paths         behind the service's prefix; `servers` of the service are dropped, since they lead past the door
    components    `<service>.<name>`, with every `$ref`, discriminator mapping and link following
    operationId   `<service>_<id>`, made where it is missing, numbered where a service has it twice
    tags          `<Title>: <tag>`, ordered by service, with `x-tagGroups` for renderers that group
    security      a service's default is written into its operations, since the merged document has none
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Keywords under which anything may stand that only looks like a document.
_LITERAL = frozenset({"const", "default", "enum", "example"})
# Keywords whose value maps free names to objects, so that those names are no keywords.
_MAPS = frozenset(
    {
        "$defs", "callbacks", "content", "definitions", "dependentSchemas", "encoding", "headers", "links",
        "parameters", "pathItems", "paths", "patternProperties", "properties", "requestBodies", "responses",
        "schemas", "webhooks",
    }
)  # fmt: skip
_COMPONENT = re.compile(r"#/components/([^/]+)/([^/]+)(.*)", re.DOTALL)
_PATH = re.compile(r"#/paths/([^/]+)(.*)", re.DOTALL)


class NotADocument(ValueError):
    """What a service gave for its OpenAPI document is none."""


@dataclass(frozen=True, slots=True)
class ServiceDocument:
    """One service's document. `stale_since` is when it was last seen, where the service does not answer now;
    `hidden_paths` are there but do not pass the door."""

    name: str
    prefix: str
    title: str
    document: Mapping[str, Any]
    stale_since: str | None = None
    hidden_paths: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outline:
    """What the merged document says about itself. `door_responses` go into every operation behind a prefix."""

    title: str
    version: str
    description: str
    missing: tuple[str, ...] = ()
    door_responses: Mapping[str, Any] = field(default_factory=dict)


def parse_document(content: bytes) -> JsonObject:
    """The document in `content`. Raises NotADocument."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise NotADocument("it is not JSON") from error
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith(("3.1", "3.2")):
        raise NotADocument("it is not OpenAPI 3.1")
    if not isinstance(document.get("paths", {}), dict) or not isinstance(document.get("components", {}), dict):
        raise NotADocument("its paths or components are no objects")
    return document


def merge(services: Iterable[ServiceDocument], outline: Outline) -> JsonObject:
    """One valid OpenAPI 3.1 document of all `services`, in their order."""
    services = list(services)
    schemes = _security_schemes(services)
    merged = _Merged(outline, {})
    for service in services:
        renamed = {old: new for (name, old), new in schemes.names.items() if name == service.name}
        _Absorption(service, renamed, merged).run()
    components = merged.components
    if schemes.merged:
        components["securitySchemes"] = schemes.merged
    if outline.door_responses:
        components.setdefault("responses", {}).update(
            {f"door.{status}": response for status, response in outline.door_responses.items()}
        )
    document: JsonObject = {
        "openapi": "3.1.0",
        "info": {"title": outline.title, "version": outline.version, "description": outline.description},
        "servers": [{"url": "/", "description": "This gateway"}],
        "tags": merged.tags,
        "x-tagGroups": merged.tag_groups,
        "x-itaas-services": merged.services,
        "paths": merged.paths,
        "components": {section: components[section] for section in sorted(components)},
    }
    if stale := {service.name: service.stale_since for service in services if service.stale_since}:
        document["x-itaas-stale"] = stale
    if outline.missing:
        document["x-itaas-missing"] = list(outline.missing)
    if merged.webhooks:
        document["webhooks"] = merged.webhooks
    return document


@dataclass(slots=True)
class _Merged:
    """The document as it grows."""

    outline: Outline
    paths: JsonObject
    components: JsonObject = field(default_factory=dict)
    webhooks: JsonObject = field(default_factory=dict)
    tags: list[JsonObject] = field(default_factory=list)
    tag_groups: list[JsonObject] = field(default_factory=list)
    services: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Schemes:
    merged: JsonObject
    names: dict[tuple[str, str], str]


def _security_schemes(services: list[ServiceDocument]) -> _Schemes:
    """Same name, same meaning: one scheme. Same name, other meaning: each behind its service's name."""
    by_name: dict[str, list[tuple[str, Any]]] = {}
    for service in services:
        for name, scheme in service.document.get("components", {}).get("securitySchemes", {}).items():
            by_name.setdefault(name, []).append((service.name, scheme))
    merged: JsonObject = {}
    names: dict[tuple[str, str], str] = {}
    for name, uses in by_name.items():
        agreed = all(scheme == uses[0][1] for _, scheme in uses)
        for service_name, scheme in uses:
            names[service_name, name] = outer = name if agreed else f"{service_name}.{name}"
            merged[outer] = scheme
    return _Schemes(merged, names)


class _Absorption:
    """One service's document on its way into the merged one."""

    def __init__(self, service: ServiceDocument, schemes: Mapping[str, str], merged: _Merged) -> None:
        self.service = service
        self.schemes = schemes
        self.merged = merged
        self.operation_ids = _operation_ids(service)
        self.tags: dict[str, JsonObject] = {}

    def run(self) -> None:
        service, document, merged = self.service, self.service.document, self.merged
        for tag in document.get("tags", ()):
            if isinstance(tag, dict) and "name" in tag:
                self._tag(tag["name"])["description"] = tag.get("description", "")
        for path, item in document.get("paths", {}).items():
            if path in service.hidden_paths:
                continue
            merged.paths[service.prefix + path] = self._path_item(path, item)
        for name, item in document.get("webhooks", {}).items():
            merged.webhooks[f"{service.name}.{name}"] = self._path_item(name, item)
        for section, entries in document.get("components", {}).items():
            if section == "securitySchemes" or section.startswith("x-"):
                continue
            copied = self._examples(entries) if section == "examples" else self._copy(entries, is_map=True)
            merged.components.setdefault(section, {}).update(
                {f"{service.name}.{name}": entry for name, entry in copied.items()}
            )
        merged.tags.extend(self.tags.values())
        if self.tags:
            merged.tag_groups.append({"name": service.title, "tags": [tag["name"] for tag in self.tags.values()]})
        merged.services[service.name] = {
            "title": service.title,
            "version": document.get("info", {}).get("version", ""),
            "prefix": service.prefix,
        }

    def _tag(self, name: str) -> JsonObject:
        """The merged document's tag for this service's `name`, made on first use."""
        title = self.service.title
        name = "" if name == title else name
        if name not in self.tags:
            tag: JsonObject = {"name": f"{title}: {name}" if name else title}
            if self.service.stale_since:
                tag["x-itaas-stale"] = True
            self.tags[name] = tag
        return self.tags[name]

    def _path_item(self, path: str, item: Any) -> Any:
        if not isinstance(item, dict):
            raise NotADocument(f"the path {path} is no object")
        copied = {key: value for key, value in self._copy(item).items() if key != "servers"}
        for method in METHODS:
            operation = copied.get(method)
            if not isinstance(operation, dict):
                continue
            operation.pop("servers", None)
            operation["operationId"] = self.operation_ids[path, method]
            operation["tags"] = [self._tag(name)["name"] for name in operation.get("tags") or ("",)]
            security = item[method].get("security", self.service.document.get("security"))
            if security is not None:
                operation["security"] = [
                    {self.schemes.get(name, name): scopes for name, scopes in requirement.items()}
                    for requirement in security
                ]
            if self.service.stale_since:
                operation["x-itaas-stale"] = True
            if self.service.prefix:
                for status in self.merged.outline.door_responses:
                    operation.setdefault("responses", {}).setdefault(
                        status, {"$ref": f"#/components/responses/door.{status}"}
                    )
        return copied

    def _copy(self, node: Any, *, is_map: bool = False) -> Any:
        """A copy of `node` with every reference following its target. In a map the keys are names, not keywords."""
        if isinstance(node, list):
            return [self._copy(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        if is_map:
            return {key: self._copy(value) for key, value in node.items()}
        copied: JsonObject = {}
        for key, value in node.items():
            if key in ("$ref", "operationRef") and isinstance(value, str):
                copied[key] = self._reference(value)
            elif key == "operationId" and isinstance(value, str) and "responses" not in node:
                copied[key] = self._linked_operation(value)
            elif key in _LITERAL or key.startswith("x-"):
                copied[key] = value
            elif key == "examples":
                copied[key] = self._examples(value)
            elif key == "discriminator" and isinstance(value, dict):
                copied[key] = self._discriminator(value)
            else:
                copied[key] = self._copy(value, is_map=key in _MAPS)
        return copied

    def _reference(self, reference: str) -> str:
        if component := _COMPONENT.fullmatch(reference):
            section, name, rest = component.groups()
            if section == "securitySchemes":
                return f"#/components/{section}/{self.schemes.get(name, name)}{rest}"
            return f"#/components/{section}/{self.service.name}.{name}{rest}"
        if path := _PATH.fullmatch(reference):
            return f"#/paths/{self.service.prefix.replace('/', '~1')}{path[1]}{path[2]}"
        return reference

    def _discriminator(self, value: Mapping[str, Any]) -> JsonObject:
        """A mapping's value is a reference, or the bare name of a schema (OpenAPI 3.1 §4.8.25)."""
        copied = dict(value)
        if isinstance(mapping := value.get("mapping"), dict):
            known = self.service.document.get("components", {}).get("schemas", {})
            copied["mapping"] = {
                key: f"#/components/schemas/{self.service.name}.{target}"
                if target in known
                else self._reference(target)
                for key, target in mapping.items()
            }
        return copied

    def _examples(self, value: Any) -> Any:
        """In a schema a list of literals; elsewhere a map of Example objects, which may be references."""
        if not isinstance(value, dict):
            return value
        return {
            name: {"$ref": self._reference(example["$ref"])}
            if isinstance(example, dict) and isinstance(example.get("$ref"), str)
            else example
            for name, example in value.items()
        }

    def _linked_operation(self, operation_id: str) -> str:
        for (path, method), outer in self.operation_ids.items():
            if self.service.document["paths"][path][method].get("operationId") == operation_id:
                return outer
        return operation_id


def _operation_ids(service: ServiceDocument) -> dict[tuple[str, str], str]:
    """(path, method) to the merged document's operationId."""
    taken: set[str] = set()
    ids: dict[tuple[str, str], str] = {}
    paths: dict[str, Any] = {**service.document.get("paths", {}), **service.document.get("webhooks", {})}
    for path, item in paths.items():
        for method in METHODS:
            if not isinstance(item, dict) or not isinstance(item.get(method), dict):
                continue
            own = item[method].get("operationId") or re.sub(r"\W+", "_", f"{method}{path}").strip("_")
            candidate, number = f"{service.name}_{own}", 1
            while candidate in taken:
                number += 1
                candidate = f"{service.name}_{own}_{number}"
            taken.add(candidate)
            ids[path, method] = candidate
    return ids
