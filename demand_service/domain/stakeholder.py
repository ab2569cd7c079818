"""The stakeholder register: who has a say in a demand, how much, and which way they lean."""

from enum import StrEnum

from services.errors import Fault, Invalid


class Stance(StrEnum):
    SUPPORTS = "supports"
    NEUTRAL = "neutral"
    OPPOSES = "opposes"
    UNKNOWN = "unknown"


class StakeholderUnnamed(Invalid): ...


# Mendelow (1991): what to do with whom, by influence and interest above the middle of 1 to 5.
APPROACH = {
    (True, True): "manage_closely",
    (True, False): "keep_satisfied",
    (False, True): "keep_informed",
    (False, False): "monitor",
}


def approach(influence: int, interest: int) -> str:
    return APPROACH[influence > 3, interest > 3]


def require_named(person_id: str | None, role: str | None) -> None:
    if (person_id is None) == (role is None):
        raise StakeholderUnnamed(
            "a stakeholder is a person or a role",
            faults=[Fault("/person_id", "give this or role, and not both"), Fault("/role", "or this")],
        )
