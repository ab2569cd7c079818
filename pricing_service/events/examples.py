"""Identifiers and amounts that the examples of the payloads share."""

_ID = "0192f0c1-7b00-7000-8000-00000000000{}"
QUOTE, DEMAND, UNIT, OFFERING, SERVICE, BUDGET, RUN, PLAN, STATEMENT = (_ID.format(n) for n in range(1, 10))
SUBSCRIPTION, LINE, CHANGE = _ID.format("a"), _ID.format("b"), _ID.format("c")
PERIOD = _ID.format("c")
DISPUTE, CREDIT_NOTE, CREDIT_NOTE_LINE = _ID.format("d"), _ID.format("e"), _ID.format("f")


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}
