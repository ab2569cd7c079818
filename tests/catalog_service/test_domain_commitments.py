"""Commitments: each kind's units and ranges."""

from decimal import Decimal

import pytest

from catalog_service.domain.commitment import UNITS, Commitment, CommitmentKind, CommitmentsInvalid, check


def promise(kind: CommitmentKind, target: str, unit: str) -> Commitment:
    return Commitment(kind, Decimal(target), unit)


@pytest.mark.parametrize(
    ("kind", "target", "unit"),
    [
        (CommitmentKind.AVAILABILITY, "99.95", "percent"),
        (CommitmentKind.AVAILABILITY, "100", "percent"),
        (CommitmentKind.LEAD_TIME, "2.5", "days"),
        (CommitmentKind.RESPONSE_TIME, "15", "minutes"),
        (CommitmentKind.SUPPORT_HOURS, "168", "hours_per_week"),
        (CommitmentKind.RTO, "4", "hours"),
        (CommitmentKind.RPO, "0", "minutes"),
    ],
)
def test_sane_promises_pass(kind: CommitmentKind, target: str, unit: str) -> None:
    check([promise(kind, target, unit)])


@pytest.mark.parametrize(
    ("kind", "target", "unit", "pointer"),
    [
        (CommitmentKind.AVAILABILITY, "100.01", "percent", "/commitments/0/target"),
        (CommitmentKind.AVAILABILITY, "0", "percent", "/commitments/0/target"),
        (CommitmentKind.LEAD_TIME, "30", "minutes", "/commitments/0/unit"),
        (CommitmentKind.LEAD_TIME, "0", "days", "/commitments/0/target"),
        (CommitmentKind.LEAD_TIME, "367", "days", "/commitments/0/target"),
        (CommitmentKind.SUPPORT_HOURS, "169", "hours_per_week", "/commitments/0/target"),
        (CommitmentKind.RTO, "-1", "hours", "/commitments/0/target"),
        (CommitmentKind.RPO, "-0.001", "hours", "/commitments/0/target"),
    ],
)
def test_a_promise_nobody_could_keep_is_refused(kind: CommitmentKind, target: str, unit: str, pointer: str) -> None:
    with pytest.raises(CommitmentsInvalid) as refused:
        check([promise(kind, target, unit)])
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_all_faults_come_at_once_and_a_kind_is_promised_once() -> None:
    with pytest.raises(CommitmentsInvalid) as refused:
        check(
            [
                promise(CommitmentKind.RTO, "4", "hours"),
                promise(CommitmentKind.AVAILABILITY, "101", "percent"),
                promise(CommitmentKind.RTO, "1", "fortnights"),
            ]
        )
    assert [fault.pointer for fault in refused.value.faults] == [
        "/commitments/1/target",
        "/commitments/2/unit",
        "/commitments/2/kind",
    ]


def test_every_kind_has_units() -> None:
    assert set(UNITS) == set(CommitmentKind)
