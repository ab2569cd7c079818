"""Backstage's entities (backstage.io, descriptor format v1alpha1) as entries of a catalogue.

    Domain      ──► taxonomy node
    System      ──► service, at the node of its domain
    Component   ──► service, at the node of its system's domain where the file holds the system
    all others      skipped and counted; a Location's targets are not fetched

A reference is `[<kind>:][<namespace>/]<name>`; kinds and namespaces are told apart without regard to case, a missing
namespace is `default`. What a service has no field for (type, lifecycle, owner, tags, links) stands at the end of its
description, so that nothing is lost that a person wants to know.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

SYSTEM = "backstage"
NAMESPACE = "default"
VERSIONS = ("backstage.io/v1alpha1", "backstage.io/v1beta1")
_NAME = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_NAMESPACE = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_REFERENCE = re.compile(r"(?:([^:/]+):)?(?:([^:/]+)/)?([^:/]+)")
_KINDS = ("domain", "system", "component")
_SERVICES = ("system", "component")
_SOURCE = "backstage.io/source-location"
_MOST_OF_A_CHANNEL = 200
# What is in use is at least worth an evaluation; publishing is for the people who answer for it.
_STATES = {"production": "under_evaluation"}
Note = Callable[[int, str, str], None]


class EntityEntry(Protocol):
    number: int
    within: int | None
    section: str
    pointer: str
    value: dict[str, Any]
    lines: list[int]
    origin: str


def converted(entities: Iterable[EntityEntry], note: Note, skipped: dict[str, int]) -> Iterator[EntityEntry]:
    """The entries that `entities` stand for; faults go to `note`, kinds that have no place here are counted.

    Components wait until all systems are known: a system may stand after them.
    """
    waiting: list[tuple[EntityEntry, str]] = []
    domains: dict[str, str] = {}  # system -> its domain
    for entity in entities:
        line = entity.lines[0]
        version, kind = entity.value.get("apiVersion"), entity.value.get("kind")
        if not isinstance(version, str) or not isinstance(kind, str):
            note(line, entity.pointer, "an entity has an apiVersion and a kind")
            continue
        if version not in VERSIONS or kind.lower() not in _KINDS:
            # Only what is like a kind becomes a name in the result.
            name = kind if re.fullmatch(r"[A-Za-z0-9]{1,63}", kind) else "other"
            skipped[name] = skipped.get(name, 0) + 1
            continue
        own = _own_reference(entity, kind.lower(), note)
        if own is None:
            continue
        entity.section = "taxonomy" if kind.lower() == "domain" else "services"
        if kind.lower() == "system" and (domain := _reference(entity, "domain", "domain", note)):
            domains[own] = domain
        if kind.lower() == "component":
            waiting.append((entity, own))
        else:
            yield _entry(entity, own, domains.get(own), note, skipped)
    for entity, own in waiting:
        system = _reference(entity, "system", "system", note)
        yield _entry(entity, own, domains.get(system or ""), note, skipped)


def reference(text: str, kind: str, namespace: str = NAMESPACE) -> str | None:
    """`text` in full, in lower case: `component:default/artist-lookup`; None if it is no reference."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    said_kind, said_namespace, name = found.groups()
    if not _NAME.fullmatch(name) or (said_namespace is not None and not _NAMESPACE.fullmatch(said_namespace)):
        return None
    return f"{said_kind or kind}:{said_namespace or namespace}/{name}".lower()


def _own_reference(entity: EntityEntry, kind: str, note: Note) -> str | None:
    metadata = entity.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    namespace = metadata.get("namespace", NAMESPACE) if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        note(entity.lines[0], f"{entity.pointer}/metadata/name", "must be 1 to 63 letters, digits, '-', '_' or '.'")
        return None
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        note(entity.lines[0], f"{entity.pointer}/metadata/namespace", "must be 1 to 63 letters, digits or '-'")
        return None
    if not isinstance(entity.value.get("spec", {}), Mapping):
        note(entity.lines[0], f"{entity.pointer}/spec", "must be a mapping")
        return None
    return f"{kind}:{namespace}/{name}".lower()


def _reference(entity: EntityEntry, field: str, kind: str, note: Note) -> str | None:
    said = entity.value.get("spec", {}).get(field)
    return None if said is None else _read(entity, said, kind, field, note)


def _read(entity: EntityEntry, said: Any, kind: str, where: str, note: Note) -> str | None:
    namespace = entity.value["metadata"].get("namespace", NAMESPACE)
    found = reference(said, kind, namespace) if isinstance(said, str) else None
    if found is None:
        note(entity.lines[0], f"{entity.pointer}/spec/{where}", "is no reference: [<kind>:][<namespace>/]<name>")
    return found


def _dependencies(entity: EntityEntry, note: Note, skipped: dict[str, int]) -> list[dict[str, str]]:
    """What else than services it depends on is counted as skipped; what is said twice counts once."""
    said = entity.value["spec"]["dependsOn"]
    if not isinstance(said, list):
        note(entity.lines[0], f"{entity.pointer}/spec/dependsOn", "must be a list")
        return []
    needed: dict[str, None] = {}
    for number, text in enumerate(said):
        found = _read(entity, text, "component", f"dependsOn/{number}", note)
        if found is None:
            continue
        kind = found.partition(":")[0]
        if kind in _SERVICES:
            needed[found] = None
        else:
            name = f"dependency on {kind if kind in ('resource', 'api') else 'other'}"
            skipped[name] = skipped.get(name, 0) + 1
    return [{"on_id": f"{SYSTEM}:{found}", "kind": "requires"} for found in needed]


def _contact(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, str] | None:
    """The owner and where it can be reached; None if it is no group, or the entity does not say where."""
    owner = spec.get("owner")
    team = reference(owner, "group", metadata.get("namespace", NAMESPACE)) if isinstance(owner, str) else None
    if team is None or not team.startswith("group:"):
        return None
    urls = [link.get("url") for link in _list(metadata.get("links")) if isinstance(link, Mapping)]
    annotations = metadata.get("annotations")
    source = annotations.get(_SOURCE) if isinstance(annotations, Mapping) else None
    channels = [
        url.strip()
        for url in [*urls, source.removeprefix("url:") if isinstance(source, str) else None]
        if isinstance(url, str) and 0 < len(url.strip()) <= _MOST_OF_A_CHANNEL and url.isprintable()
    ]
    first = next((url for url in channels if url.lower().startswith("mailto:")), None) or next(iter(channels), None)
    return None if first is None else {"team": team, "channel": first}


def _entry(entity: EntityEntry, own: str, domain: str | None, note: Note, skipped: dict[str, int]) -> EntityEntry:
    metadata, spec = entity.value["metadata"], entity.value.get("spec", {})
    kind = own.partition(":")[0]
    value: dict[str, Any] = {
        "name": metadata.get("title") or metadata["name"],
        "description": metadata.get("description") or "",
        "external_ids": [{"system": SYSTEM, "id": own}],
    }
    if kind == "domain":
        if isinstance(parent := spec.get("subdomainOf"), str) and (above := reference(parent, "domain")):
            value["parent_id"] = f"{SYSTEM}:{above}"
    else:
        contact = _contact(metadata, spec)
        if contact is not None:
            value["support_contact"] = contact
        if spec.get("dependsOn") is not None:
            value["dependencies"] = _dependencies(entity, note, skipped)
        notes = _notes(metadata, spec, ("type", "lifecycle") if contact else ("type", "lifecycle", "owner"))
        if isinstance(value["description"], str) and notes:
            value["description"] = "\n\n".join(part for part in (value["description"].strip(), notes) if part)
        value["unit_of_measure"] = kind
        value["state"] = _STATES.get(str(spec.get("lifecycle")), "draft")
        if domain is not None:
            value["taxonomy_node_id"] = f"{SYSTEM}:{domain}"
    entity.value, entity.lines, entity.origin = value, entity.lines[:1], SYSTEM
    return entity


def _notes(metadata: Mapping[str, Any], spec: Mapping[str, Any], fields: Iterable[str]) -> str:
    lines = [f"{field.capitalize()}: {spec[field]}" for field in fields if _is_text(spec.get(field))]
    if tags := [tag for tag in _list(metadata.get("tags")) if _is_text(tag)]:
        lines.append(f"Tags: {', '.join(tags)}")
    for link in _list(metadata.get("links")):
        if isinstance(link, Mapping) and _is_text(link.get("url")):
            title = f"{link['title']}: " if _is_text(link.get("title")) else ""
            lines.append(f"Link: {title}{link['url']}")
    return "\n".join(lines)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
