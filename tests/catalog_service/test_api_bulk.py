"""A whole catalogue in and out: the same again, all or nothing, and what would change."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from sqlalchemy import select

from catalog_service.app import definition
from catalog_service.use_cases.import_checks import Checks
from catalog_service.use_cases.import_names import Names
from catalog_service.use_cases.import_reading import Reading, read
from catalog_service.use_cases.import_rows import CatalogueChanged
from catalog_service.use_cases.import_rules import Actor
from catalog_service.use_cases.import_writes import Writes
from services import context
from services.clock import utc_now
from services.db.chassis_tables import Timer
from services.testing import ServiceHarness
from tests.catalog_service.samples import OFFERING, created, done, published_offering, published_service

pytestmark = pytest.mark.anyio
YAML = {"Content-Type": "application/yaml"}


async def imported(
    service: ServiceHarness, client: httpx.AsyncClient, text: str, query: str = "", **headers: str
) -> Any:
    answer = await client.post(f"/v1/imports{query}", content=text, headers=YAML | headers)
    assert answer.status_code == 202, answer.text
    return await service.finished_job(answer.json()["id"])


async def exported(client: httpx.AsyncClient, query: str = "") -> str:
    answer = await client.get(f"/v1/export{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_export_then_import_is_the_same_catalogue(catalog: ServiceHarness, tmp_path: Path) -> None:
    owner, admin = catalog.client(["service_owner"]), catalog.client(["admin"])
    node = await created(owner, "/v1/taxonomy-nodes", {"name": "Servers"})
    skill = await created(owner, "/v1/capabilities", {"name": "Compute"})
    service = await published_service(owner, taxonomy_node_id=node["id"], capability_ids=[skill["id"]])
    await published_offering(owner, service["id"])
    await created(owner, "/v1/offerings", OFFERING | {"service_id": service["id"], "external_ids": [], "name": "no"})
    revisions = f"/v1/services/{service['id']}/revisions"
    await created(
        owner, f"{revisions}/next", {"content": {"capability_ids": [skill["id"]]}, "theme_ids": [skill["id"]]}
    )
    await done(owner, f"{revisions}/2/schedule", {"live_at": "2040-01-01T00:00:00Z"})
    text = await exported(owner)
    assert await exported(owner) == text
    again = await imported(catalog, admin, text)
    assert again.problem is None
    assert (again.result["created"], again.result["updated"], again.result["unchanged"]) == (0, 0, 7)
    (tmp_path / "other").mkdir()
    async with ServiceHarness(definition, tmp_path / "other") as other:
        into = other.client(["admin"])
        job = await imported(other, into, text)
        assert job.problem is None, job.problem
        assert job.result["created"] == 7
        assert await exported(into) == text
        read = (await into.get(f"/v1/services/{service['id']}")).json()
        assert (read["state"], read["active_revision"]) == ("published", 1)
        async with other.runtime.database.reading() as session:
            assert (await session.scalars(select(Timer.due_at))).one().year == 2040  # goes live there as well


HEAD = "itaas_catalogue: 1\n"
NEW = """\
itaas_catalogue: 1
taxonomy:
- key: apps
  name: Applications
  parent_id: it
- key: it
  name: IT
services:
- key: mail
  name: Mail
  unit_of_measure: mailbox
  offerings:
  - key: mail-basic
    name: Mailbox
    tier: {name: Basic, rank: 1, attributes: {quota_gb: 2}}
    audience: {roles: [consumer]}
"""


def faults_of(job: Any) -> list[str]:
    assert (job.state, job.problem["type"]) == ("failed", "urn:itaas:problem:catalogue-not-valid"), job.problem
    return [f"{fault['pointer']} {fault['message']}" for fault in job.problem["errors"]]


async def told(service: ServiceHarness) -> list[str]:
    return [event.type.removeprefix("itaas.catalog.") for event in await service.published()]


async def test_a_dry_run_says_what_would_change_and_writes_nothing(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    before = await exported(admin)
    job = await imported(catalog, admin, NEW, "?dry_run=true")
    assert job.problem is None
    assert {name: job.result[name] for name in ("dry_run", "created", "updated", "unchanged", "more")} == {
        "dry_run": True,
        "created": 4,
        "updated": 0,
        "unchanged": 0,
        "more": 0,
    }
    assert [(each["change"], each["kind"], each["line"]) for each in job.result["diff"]] == [
        ("created", "taxonomy node", 3),
        ("created", "taxonomy node", 6),
        ("created", "service", 9),
        ("created", "offering", 13),
    ]
    assert await exported(admin) == before
    assert await told(catalog) == []
    assert (job.done, job.total) == (8, 8)


async def test_an_import_is_known_again_and_changes_only_what_it_names(catalog: ServiceHarness) -> None:
    owner = catalog.client(["service_owner"])
    assert (await imported(catalog, owner, NEW)).result["created"] == 4
    again = await imported(catalog, owner, NEW)
    assert (again.result["unchanged"], again.done) == (4, again.total)
    [service] = (await owner.get("/v1/services?external_id=key:mail")).json()["items"]
    [offering] = (await owner.get("/v1/offerings")).json()["items"]
    assert (service["state"], offering["service_id"], offering["unit_of_measure"]) == (
        "draft",
        service["id"],
        "mailbox",
    )
    assert await told(catalog) == ["service.created.v1"]
    changed = NEW.replace("rank: 1", "rank: 2").replace("name: Mail\n", "name: Post\n")
    job = await imported(catalog, owner, changed)
    assert (job.result["created"], job.result["updated"], job.result["unchanged"]) == (0, 2, 2)
    assert {each["kind"]: each["differences"] for each in job.result["diff"]} == {
        "service": [{"pointer": "/name", "old": "Mail", "new": "Post"}],
        "offering": [{"pointer": "/tier/rank", "old": 1, "new": 2}],
    }
    # What is left out stays as it is; a list is replaced as a whole.
    alone = (
        HEAD + f"services:\n- id: {service['id']}\n  name: Post\n  unit_of_measure: mailbox\n  description: Letters.\n"
    )
    assert (await imported(catalog, owner, alone)).result["updated"] == 1
    assert len((await owner.get("/v1/offerings")).json()["items"]) == 1
    assert await told(catalog) == ["service.created.v1", "service.changed.v1", "service.changed.v1"]


async def test_one_bad_entry_imports_nothing_and_every_fault_has_its_line(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    text = """\
itaas_catalogue: 1
taxonomy:
- {key: a, name: A, parent_id: b}
- {key: b, name: B, parent_id: a}
- name: Nameless
services:
- key: good
  name: Good
  unit_of_measure: piece
- key: bad
  name: "two\\nlines"
  owner: x
  unit_of_measure: piece
- key: good
  name: Again
  unit_of_measure: piece
- key: live
  name: Live
  unit_of_measure: piece
  state: published
  taxonomy_node_id: nowhere
  offerings:
  - key: o1
    name: Offer
    state: published
  - key: o2
    name: Offer
    commitments:
    - {kind: availability, target: "101", unit: percent}
    request_form: {type: object, properties: {a: {pattern: "(a+)+$("}}}
    audience: {everyone: true, roles: [consumer]}
"""
    found = faults_of(await imported(catalog, admin, text))
    assert [fault.split(":")[0] for fault in found] == sorted(
        (fault.split(":")[0] for fault in found), key=lambda fault: int(fault.rsplit(" ", 1)[1])
    )
    places = [fault.split(":")[0] for fault in found]
    for expected in (
        "/taxonomy/0/parent_id line 3",
        "/taxonomy/1/parent_id line 4",
        "/taxonomy/2 line 5",
        "/services/1/name line 11",
        "/services/1/owner line 12",
        "/services/2 line 14",
        "/services/3/state line 20",
        "/services/3/taxonomy_node_id line 21",
        "/services/3/offerings/0/tier line 23",
        "/services/3/offerings/1/commitments/0/target line 29",
        "/services/3/offerings/1/request_form/properties/a/pattern line 30",
        "/services/3/offerings/1/audience line 31",
    ):
        assert expected in places, found
    assert len(places) == len(set(places)), "each part is told of once"
    assert (await admin.get("/v1/services")).json()["items"] == []
    assert await told(catalog) == []


@pytest.mark.parametrize(
    ("text", "headers", "status"),
    [
        ("", {}, 422),
        ("a: 1", {"Content-Type": "text/html"}, 422),
        ("a: 1", {"Content-Encoding": "gzip"}, 422),
    ],
)
async def test_what_is_no_catalogue_is_refused_at_once(
    catalog: ServiceHarness, text: str, headers: dict[str, str], status: int
) -> None:
    answer = await catalog.client(["admin"]).post("/v1/imports", content=text, headers=YAML | headers)
    assert answer.status_code == status, answer.text


async def test_json_is_read_and_written_too(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    text = json.dumps({"itaas_catalogue": 1, "services": [{"key": "s", "name": "😀 no", "unit_of_measure": "x"}]})
    assert (await imported(catalog, admin, text, **{"Content-Type": "application/json"})).result["created"] == 1
    asked = await admin.get("/v1/export", headers={"Accept": "application/json"})
    assert asked.headers["content-type"] == "application/json"
    assert asked.text == await exported(admin, "?format=json")
    document = asked.json()
    assert [service["name"] for service in document["services"]] == ["😀 no"]
    assert yaml.safe_load(await exported(admin)) == document
    schema = (await admin.get("/v1/import-schema")).json()
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)) == []
    wrong = document | {"services": [{"name": 7, "taxonomy_node_id": "any"}]}
    assert {".".join(map(str, error.path)) for error in jsonschema.Draft202012Validator(schema).iter_errors(wrong)} == {
        "services.0",
        "services.0.name",
    }


async def test_a_service_owner_imports_only_what_is_theirs(catalog: ServiceHarness) -> None:
    mine, other = catalog.client(["service_owner"], person="ann"), catalog.client(["service_owner"], person="ben")
    admin, consumer = catalog.client(["admin"]), catalog.client(["consumer"])
    text = HEAD + "services:\n- key: s\n  name: S\n  unit_of_measure: x\n"
    assert (await imported(catalog, mine, text)).state == "succeeded"
    [service] = (await mine.get("/v1/services")).json()["items"]
    person = (await imported(catalog, mine, text, "?dry_run=true")).created_by
    assert (await imported(catalog, mine, text + f"  owner_id: {person}\n")).state == "succeeded"
    found = faults_of(await imported(catalog, other, text.replace("name: S", "name: T")))
    assert found == ["/services/0 line 3: the service is owned by somebody else"]
    found = faults_of(await imported(catalog, other, text + "  offerings:\n  - key: o\n    name: O\n"))
    assert found == ["/services/0/offerings/0 line 7: the service is owned by somebody else"]
    assert (await imported(catalog, other, text)).result["unchanged"] == 1
    found = faults_of(await imported(catalog, mine, text + "  state: published\n"))
    assert found[0] == "/services/0/state line 6: only an admin's import may make it published"
    found = faults_of(await imported(catalog, mine, text + "  owner_id: someone.else\n"))
    assert found == ["/services/0/owner_id line 6: only an admin may make it somebody else's"]
    assert (await imported(catalog, admin, text + "  owner_id: someone.else\n")).result["updated"] == 1
    assert (await consumer.get("/v1/export")).status_code == 403
    assert (await consumer.post("/v1/imports", content=text, headers=YAML)).status_code == 403
    assert service["owner_id"] is None


async def test_states_of_what_is_there_move_only_as_their_tables_allow(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    text = HEAD + "services:\n- key: s\n  name: S\n  unit_of_measure: x\n"
    live = text + "  state: published\n  revisions:\n  - {number: 1, summary: First, state: active}\n"
    assert (await imported(catalog, admin, text)).result["created"] == 1
    job = await imported(catalog, admin, live)
    assert (job.result["created"], job.result["updated"]) == (1, 1)
    [service] = (await admin.get("/v1/services")).json()["items"]
    assert (service["state"], service["active_revision"]) == ("published", 1)
    moves = (await admin.get(f"/v1/services/{service['id']}/transitions")).json()["items"]
    assert [(move["to_state"], move["reason"]) for move in moves] == [
        ("draft", "imported"),
        ("under_evaluation", "imported"),
        ("published", "imported"),
    ]
    assert "service.revision-published.v1" in await told(catalog)
    described = text.replace("  unit", "  description: Now with words.\n  unit")
    assert (await imported(catalog, admin, described)).result["updated"] == 1, "its revisions need not be named again"
    [fault] = faults_of(await imported(catalog, admin, live.replace("state: published", "state: draft")))[:1]
    assert fault.startswith("/services/0/state line 6: it is published, and cannot become draft")
    [fault] = faults_of(await imported(catalog, admin, live.replace("First", "Other")))
    assert fault == "/services/0/revisions/0/summary line 8: the revision is active; what has been live never changes"


async def test_a_draft_that_is_there_is_published_only_through_the_gate(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    service = (
        "services:\n- key: s\n  name: S\n  unit_of_measure: x\n  state: published\n"
        "  revisions: [{number: 1, summary: First, state: active}]\n"
    )
    whole = {
        name: OFFERING[name] for name in ("name", "description", "tier", "commitments", "fulfilment", "request_form")
    }
    offering = f"  offerings:\n  - {json.dumps(whole | {'key': 'o', 'audience': {'everyone': True}})}\n"
    assert (await imported(catalog, admin, HEAD + service + offering)).result["created"] == 3
    live = HEAD + service + offering.replace('"key": "o"', '"state": "published", "key": "o"')
    found = faults_of(await imported(catalog, admin, live))
    assert [fault.split(" it needs ")[1].split(":")[0] for fault in found] == [
        "a unit cost",
        "a price plan",
        "an owner of its service",
        "a support contact of its service",
    ]
    new = live.replace('"key": "o"', '"key": "elsewhere"').replace('"name": "Virtual', '"name": "Other virtual')
    assert (await imported(catalog, admin, new)).result["created"] == 1


async def test_a_change_between_the_check_and_the_write_fails_the_import(catalog: ServiceHarness) -> None:
    admin, database = catalog.client(["admin"]), catalog.runtime.database
    text = HEAD + "services:\n- key: s\n  name: S\n  unit_of_measure: x\n"
    assert (await imported(catalog, admin, text)).state == "succeeded"
    changed = text.replace("name: S", "name: U") + "- key: t\n  name: T\n  unit_of_measure: x\n"
    reading = Reading()
    assert list(read(io.BytesIO(changed.encode()), reading, is_json=False, entities=None)) == [1, 2]
    names = Names(reading)
    checks = Checks(reading, names, Actor("somebody", is_admin=True))
    async with database.reading() as session:
        await names.place_entries(session)
        assert [done async for done in checks.run(session)] == [2]
    assert (checks.plan.total("created"), checks.plan.total("updated"), reading.faults.count) == (1, 1, 0)
    [service] = (await admin.get("/v1/services")).json()["items"]
    faster = await admin.patch(f"/v1/services/{service['id']}", json={"name": "V"}, headers={"If-Match": "*"})
    assert faster.status_code == 200, faster.text
    with context.entered(context.WorkContext("thread", "cause", "request")), pytest.raises(CatalogueChanged):
        async with database.transaction() as session:
            await Writes(session, checks.plan, names, now=utc_now()).run()
    assert [each["name"] for each in (await admin.get("/v1/services")).json()["items"]] == ["V"]
    checks.plan.close()
    reading.close()


async def test_a_cancelled_import_leaves_nothing(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    many = "".join(f"- key: s{n}\n  name: S\n  unit_of_measure: x\n" for n in range(4_000))
    answer = await admin.post("/v1/imports", content=HEAD + "services:\n" + many, headers=YAML)
    assert (await admin.post(f"{answer.headers['location']}/cancel")).status_code == 200
    assert (await catalog.finished_job(answer.json()["id"])).state == "cancelled"
    assert (await admin.get("/v1/services")).json()["items"] == []


async def test_backstages_own_examples_are_imported(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    folder = Path(__file__).parent / "backstage"
    together = "\n---\n".join((folder / name).read_text() for name in ("entities.yaml", "org.yaml", "template.yaml"))
    job = await imported(catalog, admin, together)
    assert job.problem is None, job.problem
    assert (job.result["created"], job.result["skipped"]) == (2, {"API": 1, "Group": 1, "User": 1, "Template": 1})
    found = (await admin.get("/v1/services?external_id=backstage:component:default/example-website")).json()["items"]
    assert [(each["name"], each["state"], each["unit_of_measure"]) for each in found] == [
        ("example-website", "draft", "component")
    ]
    assert (await imported(catalog, admin, together)).result["unchanged"] == 2
    # Its life here is ours: what Backstage says of a lifecycle counts for what is new.
    await done(admin, f"/v1/services/{found[0]['id']}/evaluate", {"reason": "wanted"})
    assert (await imported(catalog, admin, together)).result["unchanged"] == 2
    [fault] = faults_of(await imported(catalog, admin, (folder / "unrendered-catalog-info.yaml").read_text()))
    assert "line 1: this is not YAML" in fault or "/metadata/name" in fault


async def test_what_an_entity_depends_on_is_found_in_the_file_or_the_catalogue(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])

    def component(name: str, spec: str) -> str:
        metadata = f"{{name: {name}, links: [{{url: 'https://chat.example/{name}'}}]}}"
        return f"---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {metadata}\nspec: {spec}\n"

    assert (await imported(catalog, admin, component("db", "{owner: ops}"))).result["created"] == 1
    needed = "{owner: shop, dependsOn: [gone, db, 'component:cache', 'system:lost', 'resource:disk']}"
    job = await imported(catalog, admin, component("web", needed) + component("cache", "{owner: 'user:ann'}"))
    assert job.problem is None, job.problem
    assert job.result["skipped"] == {"dependency on resource": 1, "unknown references": 2}
    out = {each["name"]: each for each in yaml.safe_load(await exported(admin))["services"]}
    assert sorted(each["on_id"] for each in out["web"]["dependencies"]) == [
        "backstage:component:default/cache",
        "backstage:component:default/db",
    ]
    assert out["web"]["support_contact"] == {"team": "group:default/shop", "channel": "https://chat.example/web"}
    assert out["cache"]["support_contact"] is None
    assert "Owner: user:ann" in out["cache"]["description"]
    assert (await imported(catalog, admin, component("web", needed))).result["unchanged"] == 1
    circle = component("db", "{owner: ops, dependsOn: [web]}")
    assert faults_of(await imported(catalog, admin, circle))[0].startswith("/0/dependencies line 2: services would")


async def test_dependencies_are_imported_once_all_services_are_there(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    text = """\
itaas_catalogue: 1
services:
- key: web
  name: Web
  unit_of_measure: x
  dependencies: [{on_id: db, kind: requires, note: Sessions}]
- key: db
  name: Database
  unit_of_measure: x
"""
    assert (await imported(catalog, admin, text)).result["created"] == 2
    assert (await imported(catalog, admin, text)).result["unchanged"] == 2
    assert await told(catalog) == ["service.created.v1", "service.created.v1", "service.dependencies-changed.v1"]
    out = yaml.safe_load(await exported(admin))
    assert [service["dependencies"] for service in out["services"]] == [
        [{"on_id": "key:db", "kind": "requires", "note": "Sessions"}],
        [],
    ]
    circle = text + "  dependencies: [{on_id: web, kind: uses}]\n"
    assert faults_of(await imported(catalog, admin, circle)) == [
        "/services/0/dependencies line 3: services would depend on each other in a circle: "
        "/services/0 -> /services/1 -> /services/0"
    ]
    job = await imported(catalog, admin, text.replace("note: Sessions", "note: State"))
    assert [each["differences"] for each in job.result["diff"]] == [
        [{"pointer": "/dependencies/0/note", "old": "Sessions", "new": "State"}]
    ]


WHOLE = {name: OFFERING[name] for name in ("name", "description", "tier", "commitments", "fulfilment", "request_form")}
WHOLE |= {"audience": {"everyone": True}, "state": "published"}
SERIES, OTHER = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"


def laid_out(*offerings: dict[str, Any], key: str = "s") -> str:
    """A published service whose offerings stand on lines 7, 8, ..."""
    head = f"services:\n- key: {key}\n  name: S\n  unit_of_measure: x\n  offerings:\n"
    tail = "  state: published\n  revisions: [{number: 1, summary: First, state: active}]\n"
    return HEAD + head + "".join(f"  - {json.dumps(each)}\n" for each in offerings) + tail


async def refused(service: ServiceHarness, client: httpx.AsyncClient, text: str) -> list[str]:
    """The faults of a file, which a dry run finds as well; without the pointer's beginning that all have."""
    found = faults_of(await imported(service, client, text))
    assert faults_of(await imported(service, client, text, "?dry_run=true")) == found
    return [fault.removeprefix("/services/0/offerings/") for fault in found]


async def test_versions_of_a_series_have_their_own_numbers_and_times(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    first = WHOLE | {"key": "v1", "series_id": SERIES, "name": "One", "valid_from": "2026-01-01T00:00:00Z"}
    second = WHOLE | {"key": "v2", "series_id": SERIES, "number": 2, "name": "Two"}
    second |= {"state": "scheduled", "valid_from": "2190-03-01T00:00:00Z", "valid_until": "2190-06-01T00:00:00Z"}
    assert await refused(catalog, admin, laid_out(first | {"valid_until": "2190-03-02T00:00:00Z"}, second)) == [
        "1/valid_from line 8: meets the window of version 1 'One' (line 7), "
        "valid from 2026-01-01T00:00:00Z until 2190-03-02T00:00:00Z"
    ]
    assert await refused(catalog, admin, laid_out(second, second | {"key": "v3", "state": "draft"})) == [
        "1/number line 8: this number of the series is that of version 2 'Two' (line 7)"
    ]
    assert await refused(
        catalog, admin, laid_out(first, second | {"state": "published"}, {"key": "o", "name": "O", "number": True})
    ) == [
        "1/state line 8: of a series one version at most is published, and so is version 1 'One' (line 7)",
        "2/number line 9: Input should be a valid integer",
    ]
    # An open window ends where that of a later version begins; what is as it was is not judged again.
    text = laid_out(first, second)
    assert (await imported(catalog, admin, text)).problem is None
    assert (await imported(catalog, admin, await exported(admin))).result["unchanged"] == 4
    third = second | {"key": "v3", "number": 3, "valid_from": "2190-05-01T00:00:00Z"}
    assert await refused(catalog, admin, laid_out(third)) == [
        "0/valid_from line 7: meets the window of version 2 'Two' (in the catalogue), "
        "valid from 2190-03-01T00:00:00Z until 2190-06-01T00:00:00Z"
    ]
    taken = {"key": "v4", "name": "N", "series_id": SERIES, "number": 2}
    assert await refused(catalog, admin, laid_out(taken, key="other")) == [
        "0/series_id line 7: is the series of another service: version 1 'One' (in the catalogue)",
        "0/number line 7: this number of the series is that of version 2 'Two' (in the catalogue)",
    ]
    earlier = text.replace('"valid_from": "2026-01-01T00:00:00Z"', '"valid_until": "2190-04-01T00:00:00Z"')
    [fault] = await refused(catalog, admin, earlier)
    assert fault.startswith("0/valid_from line 7: meets the window of version 2 'Two' (line 8)"), fault


async def test_a_bundle_on_offer_holds_what_is_on_offer(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    part = WHOLE | {"key": "part", "series_id": OTHER, "name": "Part"}
    bundle = WHOLE | {"key": "all", "name": "All", "bundle": [{"offering_id": "part", "quantity": "1"}]}
    for state in ("draft", "retired"):
        assert await refused(catalog, admin, laid_out(bundle, part | {"state": state})) == [
            "0/bundle/0/offering_id line 7: no version of 'Part' is published"
        ]
    assert await refused(catalog, admin, laid_out(bundle, part | {"valid_until": "2190-01-01T00:00:00Z"})) == [
        "0/bundle/0/offering_id line 7: 'Part' ends at 2190-01-01T00:00:00Z, before the bundle does"
    ]
    # Of a part whose state nobody can read nothing is said; a draft may hold anything; a later version will do.
    [fault] = await refused(catalog, admin, laid_out(bundle, part | {"state": "sold"}))
    assert fault.startswith("1/state line 8: Input should be"), fault
    later = part | {"key": "later", "number": 2}
    assert (await imported(catalog, admin, laid_out(bundle, part | {"state": "retired"}, later))).problem is None
    assert await refused(catalog, admin, laid_out(later | {"state": "retired"})) == [
        "0/state line 7: it is part of the bundle 'All': no version of 'Part' is published"
    ]
    assert await refused(catalog, admin, laid_out(later | {"valid_until": "2190-01-01T00:00:00Z"})) == [
        "0/valid_until line 7: it is part of the bundle 'All': 'Part' ends at 2190-01-01T00:00:00Z, before the bundle "
        "does"
    ]


async def test_relations_do_not_contradict_each_other(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])

    def related(key: str, **others: str) -> dict[str, Any]:
        return {
            "key": key,
            "name": key,
            "relations": [{"kind": kind, "other_id": other} for kind, other in others.items()],
        }

    a, b, c = related("a", requires="b"), related("b", requires="c"), related("c")
    [fault] = await refused(catalog, admin, laid_out(related("a", requires="b", excludes="b"), related("b")))
    assert fault == (
        "0/relations line 7: is required and excluded: "
        "/services/0/offerings/0 (line 7) -> /services/0/offerings/1 (line 8)"
    )
    # By way of others, and from the other side.
    [fault] = await refused(catalog, admin, laid_out(a, b, related("c", excludes="a")))
    assert fault.startswith("0/relations line 7: is required and excluded: /services/0/offerings/0 (line 7) -> "), fault
    assert (await imported(catalog, admin, laid_out(a, b, c))).problem is None
    [fault] = await refused(catalog, admin, laid_out(related("c", excludes="a")))
    assert fault.startswith("0/relations line 7: is required and excluded: "), fault
    [fault] = await refused(catalog, admin, laid_out(related("c", requires="a")))
    assert fault.startswith("0/relations line 7: requires leads back: "), fault
    wrong = [related("x", requires="no", excludes="nothing")]
    assert len(await refused(catalog, admin, laid_out(*wrong))) == 2


async def test_an_entry_with_a_wrong_form_does_not_hide_the_rest(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    text = """\
itaas_catalogue: 1
taxonomy:
- {key: a, name: 1}
- {key: b, name: 2}
services:
- key: s
  name: 7
  unit_of_measure: x
  state: published
  dependencies: [{on_id: t, kind: requires}]
  revisions: [{number: one, summary: First, state: active}]
  offerings:
  - key: o
    name: O
    state: published
    tier: {name: T}
    commitments: [{kind: availability, target: "101", unit: percent}]
- key: t
  unit_of_measure: x
  dependencies: [{on_id: s, kind: requires}]
campaigns:
- {key: c, name: 7}
"""
    found = [fault.partition(":")[0] for fault in faults_of(await imported(catalog, admin, text))]
    assert sorted(fault for fault in found if "/campaigns" not in fault) == sorted(
        [
            "/taxonomy/0/name line 3",
            "/taxonomy/1/name line 4",
            "/services/0/dependencies line 6",
            "/services/0/name line 7",
            "/services/0/revisions/0/number line 11",
            "/services/0/offerings/0/description line 13",
            "/services/0/offerings/0/audience line 13",
            "/services/0/offerings/0/request_form line 13",
            "/services/0/offerings/0/fulfilment line 13",
            "/services/0/offerings/0/tier/rank line 16",
            "/services/0/offerings/0/commitments/0/target line 17",
            "/services/1/name line 18",
        ]
    )


async def test_scorecards_are_known_by_their_keys(catalog: ServiceHarness) -> None:
    admin, owner = catalog.client(["admin"]), catalog.client(["service_owner"], person="ann")
    other = catalog.client(["service_owner"], person="ben")
    card = {
        "key": "ready",
        "name": "Ready",
        "levels": [{"key": "bronze", "name": "Bronze"}],
        "rules": [
            {
                "key": "owner",
                "level": "bronze",
                "title": "Owned",
                "check": {"fact": "has_owner", "op": "==", "value": True},
            }
        ],
    }
    text = json.dumps({"itaas_catalogue": 1, "scorecards": [card]})
    assert (await imported(catalog, owner, text)).result["created"] == 1
    assert (await imported(catalog, owner, text)).result["unchanged"] == 1
    out = await exported(admin)
    assert (await imported(catalog, admin, out)).result["unchanged"] == 1
    assert yaml.safe_load(out)["scorecards"][0]["rules"][0]["check"] == card["rules"][0]["check"]
    [fault] = faults_of(await imported(catalog, other, text.replace("Ready", "Not ready")))
    assert fault == "/scorecards/0 line 1: the scorecard ready was made by somebody else"
    [fault] = faults_of(await imported(catalog, owner, text.replace("has_owner", "has_horns")))
    assert fault.startswith("/scorecards/0/rules/0/check"), fault
    assert (await imported(catalog, owner, text.replace("Ready", "Not ready"))).result["updated"] == 1
    assert (await admin.get("/v1/scorecards/ready")).json()["name"] == "Not ready"


async def test_campaigns_that_have_not_started_are_imported(catalog: ServiceHarness) -> None:
    admin, owner = catalog.client(["admin"]), catalog.client(["service_owner"])
    whole = {
        name: OFFERING[name] for name in ("name", "description", "tier", "commitments", "fulfilment", "request_form")
    }
    whole |= {"key": "o", "audience": {"everyone": True}, "state": "published"}
    service = {"key": "s", "name": "S", "unit_of_measure": "x", "state": "published", "offerings": [whole]}
    service["revisions"] = [{"number": 1, "summary": "First", "state": "active"}]
    campaign = {
        "key": "c",
        "name": "Autumn",
        "state": "scheduled",
        "offering_ids": ["o"],
        "message": {"title": "A", "text": "B", "call_to_action": "C"},
        "starts_at": "2190-01-01T00:00:00Z",
        "ends_at": "2190-02-01T00:00:00Z",
        "audience": {"everyone": True, "roles": ["consumer"]},
    }
    text = json.dumps({"itaas_catalogue": 1, "services": [service], "campaigns": [campaign]})
    wrong = text.replace("2190-02", "2189-02").replace(', "state": "published"}], "revisions"', '}], "revisions"')
    assert faults_of(await imported(catalog, admin, wrong)) == [
        "/campaigns/0/ends_at line 1: must be after starts_at",
        "/campaigns/0/offering_ids/0 line 1: the offering is draft; only what is published is brought",
    ]
    [fault] = faults_of(await imported(catalog, admin, text.replace("scheduled", "running")))
    assert "only a campaign that has not started" in fault
    assert (await imported(catalog, admin, text)).result["created"] == 4
    assert (await imported(catalog, admin, text)).result["unchanged"] == 4
    out = await exported(admin)
    assert (await imported(catalog, admin, out)).result["unchanged"] == 4
    [shown] = yaml.safe_load(out)["campaigns"]
    assert (shown["state"], shown["offering_ids"], shown["audience"]["roles"]) == ("scheduled", ["key:o"], ["consumer"])
    alone = json.dumps({"itaas_catalogue": 1, "campaigns": [campaign | {"name": "Winter"}]})
    assert faults_of(await imported(catalog, owner, alone)) == [
        "/campaigns/0 line 1: campaigns are an admin's to import"
    ]
    assert (await imported(catalog, admin, alone)).result["updated"] == 1
    await done(admin, f"/v1/campaigns/{shown['id']}/cancel", {"reason": "no"})
    assert yaml.safe_load(await exported(admin))["campaigns"] == []


async def test_offerings_may_name_others_that_come_later_in_the_file(catalog: ServiceHarness) -> None:
    admin = catalog.client(["admin"])
    whole = {
        name: OFFERING[name] for name in ("name", "description", "tier", "commitments", "fulfilment", "request_form")
    }
    whole |= {"audience": {"everyone": True}, "state": "published"}
    first = whole | {
        "key": "first",
        "relations": [{"kind": "upgrades_to", "other_id": "o449"}, {"kind": "excludes", "other_id": "o448"}],
        "bundle": [{"offering_id": "o447", "quantity": "2"}],
        "options": [{"key": "more", "name": "More", "kind": "add_on", "offering_id": "o446"}],
    }
    service = {"key": "s", "name": "S", "unit_of_measure": "x", "state": "published"}
    service["revisions"] = [{"number": 1, "summary": "First", "state": "active"}]
    many: list[Any] = [first, *({"key": f"o{number}", "name": "O"} for number in range(450))]
    many[-1] |= {"relations": [{"kind": "excludes", "other_id": "first"}]}
    many[448] |= whole

    def text() -> str:
        return json.dumps({"itaas_catalogue": 1, "services": [service | {"offerings": many}]})

    job = await imported(catalog, admin, text())
    assert job.problem is None, job.problem
    assert (await imported(catalog, admin, text())).result["unchanged"] == 453
    out = await exported(admin)
    assert (await imported(catalog, admin, out)).result["unchanged"] == 453
    _, published = await catalog.published("itaas.catalog.offering.published.v1")
    assert sorted(line["kind"] for line in published.data["relations"]) == ["excludes", "upgrades_to"]
    assert len(published.data["bundle"]) == 1
    # What is on offer and changes is told of as changed, once.
    first["relations"] = first["relations"][:1]
    assert (await imported(catalog, admin, text())).result["updated"] == 1
    first["audience"] = {"roles": ["consumer"]}
    assert (await imported(catalog, admin, text())).result["updated"] == 1
    changed = await catalog.published("itaas.catalog.offering.changed.v1")
    assert [(len(event.data["relations"]), event.data["audience"]["everyone"]) for event in changed] == [
        (1, True),
        (1, False),
    ]
    many[-1]["relations"] = [{"kind": "upgrades_to", "other_id": "first"}, {"kind": "requires", "other_id": "o449"}]
    assert faults_of(await imported(catalog, admin, text())) == [
        "/services/0/offerings/450/relations/1/other_id line 1: is this offering itself",
        "/services/0/offerings/0/relations line 1: upgrades_to leads back: "
        "/services/0/offerings/0 -> /services/0/offerings/450 -> /services/0/offerings/0",
    ]
    first["name"] = "Other"
    many[-1]["relations"] = []
    assert faults_of(await imported(catalog, admin, text())) == [
        "/services/0/offerings/0/name line 1: the offering is published; draft its next version"
    ]
