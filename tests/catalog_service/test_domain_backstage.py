"""Backstage's entities as entries of a catalogue."""

from typing import Any

import pytest

from catalog_service.documents import Entry, FaultList
from catalog_service.domain.backstage import converted, reference


def entity(kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name} | metadata,
        "spec": spec or {},
    }


def convert(*entities: Any) -> tuple[list[Any], list[str], dict[str, int]]:
    faults, skipped = FaultList(), dict[str, int]()
    entries = [
        Entry("entities", number, None, f"/{number}", value, [number + 1]) for number, value in enumerate(entities)
    ]
    found = list(converted(entries, faults.add, skipped))
    return found, [f"{fault.pointer} {fault.message}" for fault in faults.shown()], skipped


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("artist-lookup", "component:default/artist-lookup"),
        ("system:podcast", "system:default/podcast"),
        ("Team/Shop", "component:team/shop"),
        ("Resource:external/artists_db.v2", "resource:external/artists_db.v2"),
        *[(wrong, None) for wrong in ("", ":", "a:b:c", "a/b/c", "a b", "-a", "a-", "x" * 64, "/a", "a:", "${{ x }}")],
    ],
)
def test_references_are_read_in_full(text: str, full: str | None) -> None:
    assert reference(text, "component") == full


def test_a_component_becomes_a_service_at_the_node_of_its_systems_domain() -> None:
    component = entity(
        "Component",
        "artist-lookup",
        {"type": "service", "lifecycle": "production", "owner": "team-a", "system": "portal"},
        title="Artist lookup",
        description="Looks up artists.",
        tags=["java"],
        links=[{"url": "https://example.com/user", "title": "Users"}, {"url": "https://example.com/bare"}],
    )
    # The system comes after its component, as a directory's order has it.
    found, faults, skipped = convert(
        component, entity("System", "Portal", {"domain": "artists"}), entity("Domain", "artists")
    )
    assert (faults, skipped) == ([], {})
    assert {entry.section: entry.value for entry in found if entry.section == "taxonomy"} == {
        "taxonomy": {
            "name": "artists",
            "description": "",
            "external_ids": [{"system": "backstage", "id": "domain:default/artists"}],
        }
    }
    service = found[-1].value
    assert service["name"] == "Artist lookup"
    assert service["state"] == "under_evaluation"
    assert service["taxonomy_node_id"] == "backstage:domain:default/artists"
    assert service["external_ids"] == [{"system": "backstage", "id": "component:default/artist-lookup"}]
    assert service["description"] == (
        "Looks up artists.\n\nType: service\nLifecycle: production\nOwner: team-a\nTags: java\n"
        "Link: Users: https://example.com/user\nLink: https://example.com/bare"
    )


def test_what_has_no_place_is_skipped_and_counted() -> None:
    kinds = ("API", "Resource", "Group", "User", "Location", "Template", "Sprocket", "7 odd ones")
    other = entity("Component", "a") | {"apiVersion": "example.com/v1"}
    found, faults, skipped = convert(*[entity(kind, "x") for kind in kinds], other)
    assert (found, faults) == ([], [])
    assert skipped == dict.fromkeys((*kinds[:-1], "Component"), 1) | {"other": 1}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, "/0 line 1: an entity has an apiVersion and a kind"),
        ({"apiVersion": "backstage.io/v1alpha1", "kind": 7}, "/0 line 1: an entity has an apiVersion and a kind"),
        ({"apiVersion": "backstage.io/v1alpha1", "kind": "System"}, "/0/metadata/name line 1: must be"),
        (entity("System", "${{ values.name | dump }}"), "/0/metadata/name line 1: must be"),
        (entity("System", "a", namespace="no way"), "/0/metadata/namespace line 1: must be"),
        (entity("System", "a") | {"spec": []}, "/0/spec line 1: must be a mapping"),
        (entity("System", "a", {"domain": "a b"}), "/0/spec/domain line 1: is no reference"),
        (entity("Component", "a", {"system": ["b"]}), "/0/spec/system line 1: is no reference"),
    ],
)
def test_what_is_no_entity_is_a_fault(value: dict[str, Any], fault: str) -> None:
    _, faults, _ = convert(value)
    assert len(faults) == 1
    assert faults[0].startswith(fault)
