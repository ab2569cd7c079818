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
        "Looks up artists.\n\nType: service\nLifecycle: production\nTags: java\n"
        "Link: Users: https://example.com/user\nLink: https://example.com/bare"
    )


@pytest.mark.parametrize(
    ("owner", "metadata", "contact"),
    [
        ("team-a", {"links": [{"url": "https://a"}, {"url": "mailto:a@b"}]}, ("group:default/team-a", "mailto:a@b")),
        ("Group:Ops/A", {"links": [{"url": "https://a"}]}, ("group:ops/a", "https://a")),
        ("a", {"annotations": {"backstage.io/source-location": "url:https://s/"}}, ("group:default/a", "https://s/")),
        ("a", {"links": ["x", {"url": "\n"}, {"url": "h" * 201}], "annotations": []}, None),
        ("user:a", {"links": [{"url": "https://a"}]}, None),  # a contact is never a person
        ("The A team", {"links": [{"url": "https://a"}]}, None),
        (["a"], {"links": [{"url": "https://a"}]}, None),
    ],
)
def test_an_owner_that_can_be_reached_is_the_support_contact(
    owner: Any, metadata: dict[str, Any], contact: tuple[str, str] | None
) -> None:
    [entry], faults, _ = convert(entity("Component", "c", {"owner": owner}, **metadata))
    assert faults == []
    said = entry.value.get("support_contact")
    assert said == (contact and {"team": contact[0], "channel": contact[1]})
    assert ("Owner: " in entry.value["description"]) is (contact is None and isinstance(owner, str))


def test_services_that_it_depends_on_are_its_dependencies() -> None:
    needed = ["b", "Component:B", "system:other/s", "resource:db", "API:a", "user:u", "b"]
    entries, faults, skipped = convert(
        entity("Component", "a", {"dependsOn": needed}, namespace="Team"), entity("Component", "b")
    )
    assert [each["on_id"] for each in entries[0].value["dependencies"]] == [
        "backstage:component:team/b",
        "backstage:system:other/s",
    ]
    assert {each["kind"] for each in entries[0].value["dependencies"]} == {"requires"}
    assert "dependencies" not in entries[1].value, "what is not said stays as it is"
    assert (faults, skipped) == (
        [],
        {"dependency on resource": 1, "dependency on api": 1, "dependency on other": 1},
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
        (entity("Component", "a", {"dependsOn": "b"}), "/0/spec/dependsOn line 1: must be a list"),
        (entity("Component", "a", {"dependsOn": ["b", 7]}), "/0/spec/dependsOn/1 line 1: is no reference"),
        (entity("Component", "a", {"system": ["b"]}), "/0/spec/system line 1: is no reference"),
    ],
)
def test_what_is_no_entity_is_a_fault(value: dict[str, Any], fault: str) -> None:
    _, faults, _ = convert(value)
    assert len(faults) == 1
    assert faults[0].startswith(fault)
