"""On which terms a source delivers: what "the cost" is, which accounts it details, which tax comes back.

    cost = the column that the basis names − recoverable tax
    recoverable tax = tax × recoverable share (of its tax code, or of the source)

Tax is what a row of ChargeCategory Tax costs, or what a ledger row says that it contains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pricing_service.domain.cost_rows import CostBasis, CostRow
from pricing_service.domain.cost_rules import Condition
from services.errors import Conflict
from services.money import EXACT

ZERO = Decimal(0)


class SourceKind(StrEnum):
    FOCUS = "focus"
    LEDGER = "ledger"


class CostBasisContradicts(Conflict): ...


@dataclass(frozen=True, slots=True)
class RecoverableTax:
    """Shares from 0 to 1."""

    share: Decimal = ZERO
    codes: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, tax: Decimal, code: str | None = None) -> Decimal | None:
        """The part of `tax` that is recoverable; None where it is none of it."""
        share = self.share if code is None else self.codes.get(code, self.share)
        return EXACT.multiply(tax, share) if share and tax else None


@dataclass(frozen=True, slots=True)
class AccountRule:
    """Rows for which all of `conditions` hold belong to `account`."""

    account: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class SourceTerms:
    basis: CostBasis
    currency: str | None = None
    accounts: tuple[str, ...] = ()
    account_rules: tuple[AccountRule, ...] = ()
    tax: RecoverableTax = RecoverableTax()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "SourceTerms":
        """From the terms as they are stored with a source, and with its imports."""
        tax = document.get("recoverable_tax") or {}
        return cls(
            basis=CostBasis(document["cost_basis"]),
            currency=document.get("currency"),
            accounts=tuple(document.get("accounts") or ()),
            account_rules=tuple(
                AccountRule(rule["account"], tuple(Condition.of(each) for each in rule["rules"]))
                for rule in document.get("account_rules") or ()
            ),
            tax=RecoverableTax(
                Decimal(tax.get("share", 0)),
                {code: Decimal(share) for code, share in (tax.get("codes") or {}).items()},
            ),
        )

    def account_of(self, row: CostRow) -> str | None:
        """The ledger account that a row details: of the first rule that holds, else the first account."""
        for rule in self.account_rules:
            if all(condition.holds(row) for condition in rule.conditions):
                return rule.account
        return self.accounts[0] if self.accounts else None


def agree_on_basis(declared: CostBasis | None, asked: CostBasis | None) -> CostBasis:
    """The basis of an import. Raises CostBasisContradicts where the source was declared with another one."""
    if declared is not None and asked is not None and declared is not asked:
        raise CostBasisContradicts(f"the source is declared with the cost basis {declared}, not {asked}")
    basis = declared or asked
    if basis is None:
        raise CostBasisContradicts("the source is not declared, so that the import must name its cost basis")
    return basis


def detailed_accounts(sources: Sequence[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """Which source details an account; of several the first by name."""
    found: dict[str, str] = {}
    for name, accounts in sorted(sources):
        for account in accounts:
            found.setdefault(account, name)
    return found
