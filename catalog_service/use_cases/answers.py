"""What a request would say, held against the offering before anybody asks: form, options and quantity."""

import asyncio
from typing import Any

from catalog_service.domain import options
from catalog_service.domain.options import Option
from catalog_service.schemas import FormAnswers
from catalog_service.schemas import Option as OptionBody
from catalog_service.tables import Offering
from services.errors import Conflict, Fault
from services.forms import MAX_FAULTS, misfits, oddities


class RequestFormMissing(Conflict): ...


async def verdict(offering: Offering, body: FormAnswers) -> list[Fault]:
    """What is wrong, at most MAX_FAULTS; [] if it could be asked for. Raises RequestFormMissing, FormTooHeavy."""
    if offering.request_form is None:
        raise RequestFormMissing("the offering has no request form yet")
    if faults := [*oddities(body.form, at="/form"), *oddities(body.options, at="/options")]:
        return faults[:MAX_FAULTS]
    # Off the event loop, which everybody shares: at its heaviest it takes a second.
    faults = await asyncio.to_thread(misfits, offering.request_form, body.form)
    faults += options.misfits(described(offering.options), body.options)
    if body.quantity is not None and body.quantity <= 0:
        faults.append(Fault("/quantity", "must be above zero"))
    return faults[:MAX_FAULTS]


def described(stored: list[dict[str, Any]]) -> list[Option]:
    """Options as the rules take them, from what is stored."""
    return [rule_of(OptionBody.model_validate(option)) for option in stored]


def rule_of(option: OptionBody) -> Option:
    fields = option.model_dump(exclude={"name", "charge_key"})
    return Option(**fields | {"choices": tuple(option.choices)})
