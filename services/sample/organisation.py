"""The sample organisation as its file has it: deploy/sample/organisation.yaml, read and checked."""

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

ORGANISATION = Path(__file__).parents[2] / "deploy" / "sample" / "organisation.yaml"
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one, where PyYAML has it, takes a fifth of the time

Json = dict[str, Any]


class SampleNotLoaded(ConnectionError):
    """The sample is not (wholly) there; the message is one line for the operator."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleGoal(_Part):
    name: str
    metric: str
    baseline: str
    target: str
    due: date


class SampleBudget(_Part):
    amount: str
    hard: bool


class SampleUnit(_Part):
    key: str
    name: str
    parent: str | None = None
    cost_centre: str
    headcount: int
    goals: list[SampleGoal]
    budget: SampleBudget


class SampleNode(_Part):
    """A taxonomy node or a business capability."""

    key: str
    name: str
    description: str = ""
    parent: str | None = None


class SampleAudience(_Part):
    """Business units by key; everybody where neither is named."""

    business_units: list[str] = []
    roles: list[str] = []


class SampleOffering(_Part):
    """What the catalogue takes, as it takes it; `charges` are its price plan."""

    key: str
    name: str
    description: str
    tier: Json
    commitments: list[Json]
    request_form: Json
    fulfilment: list[Json]
    audience: SampleAudience = SampleAudience()
    charges: list[Json]


class SamplePlan(_Part):
    """What a month is planned to cost, and how much could be delivered in it."""

    cost: str
    capacity: str


class SampleService(_Part):
    key: str
    name: str
    description: str
    unit_of_measure: str
    taxonomy: str
    capabilities: list[str]
    support_contact: Json
    volume: str
    plan: SamplePlan
    revision: Json
    offerings: list[SampleOffering]


class SamplePool(_Part):
    name: str
    rules: list[Json]
    shares: dict[str, str]


class SamplePolicy(_Part):
    key: str
    name: str
    description: str
    position: int
    rules: list[Json]


class Organisation(_Part):
    """organisation.yaml. Everything refers to everything else by key."""

    system: str
    name: str
    currency: str
    business_units: list[SampleUnit]
    taxonomy: list[SampleNode]
    capabilities: list[SampleNode]
    shared: Json
    services: list[SampleService]
    cost_pools: list[SamplePool]
    approval_policies: list[SamplePolicy]
    surveys: list[Json]


def read_organisation(path: Path = ORGANISATION) -> Organisation:
    """Raises SampleNotLoaded with the first thing that is wrong with the file."""
    try:
        return Organisation.model_validate(yaml.load(path.read_text(encoding="utf-8"), _YAML))  # noqa: S506  # a safe one
    except OSError as error:
        raise SampleNotLoaded(f"the sample organisation cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise SampleNotLoaded(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = "/".join(str(part) for part in fault["loc"])
        raise SampleNotLoaded(f"{path}: {where}: {fault['msg']}") from error
