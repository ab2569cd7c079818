"""Which price plan version a business unit gets: the closest audience, then the latest, then the newer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest

from catalog_service.domain.price import in_force, specificity

TOP, FACULTY, LAB, OTHER = (UUID(int=number) for number in range(1, 5))
PATH = [TOP, FACULTY, LAB]
NOW = datetime(2026, 11, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Version:
    plan_version: int
    effective_from: datetime
    audience: list[str] = field(default_factory=list)


def version(number: int, *audience: UUID, day: int = 1) -> Version:
    return Version(number, datetime(2026, 11, day, tzinfo=UTC), [str(unit) for unit in audience])


@pytest.mark.parametrize(
    ("audience", "path", "close"),
    [
        ([], PATH, 0),
        ([], [], 0),
        ([TOP], PATH, 1),
        ([TOP, FACULTY], PATH, 2),
        ([LAB], PATH, 3),
        ([LAB], [TOP, FACULTY], None),
        ([OTHER], PATH, None),
        ([TOP], [], None),
    ],
)
def test_how_close_an_audience_is(audience: list[UUID], path: list[UUID], close: int | None) -> None:
    assert specificity([str(unit) for unit in audience], path) == close


@pytest.mark.parametrize(
    ("versions", "path", "chosen"),
    [
        ([], PATH, None),
        ([version(1), version(2, day=10)], PATH, 2),
        ([version(1, day=10), version(2)], PATH, 1),
        ([version(1), version(2)], PATH, 2),
        ([version(1), version(2, day=20)], PATH, 1),
        ([version(1, day=20)], PATH, None),
        ([version(1, day=15)], PATH, 1),
        ([version(1, FACULTY), version(2, TOP, day=5), version(3, day=10)], PATH, 1),
        ([version(1, FACULTY), version(2, TOP, day=5), version(3, day=10)], [TOP], 2),
        ([version(1, FACULTY), version(2, TOP, day=5), version(3, day=10)], [OTHER], 3),
        ([version(1, OTHER)], PATH, None),
        ([version(1, LAB)], [], None),
    ],
)
def test_the_version_that_counts(versions: list[Version], path: list[UUID], chosen: int | None) -> None:
    found = in_force(versions, path, NOW)
    assert (found and found.plan_version) == chosen
