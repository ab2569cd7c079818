"""Cost sources: on which terms each delivers, and how its ledger is read."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pricing_service.domain.cost_rows import CostBasis
from pricing_service.domain.cost_terms import SourceKind
from pricing_service.domain.ledger import DIMENSIONS, DateFormat, DecimalFormat, Delimiter, MinusSign, PeriodFormat
from pricing_service.schemas.cost_rules import CostRule, TagKey
from pricing_service.schemas.numbers import Quantity
from services.http import Body, CurrencyCode, Read

Account = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f/]+$"), Field(examples=["654010"])
]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


def _at_most_one(share: Decimal) -> Decimal:
    if share > 1:
        raise ValueError("must be at most 1")
    return share


Share = Annotated[Quantity, AfterValidator(_at_most_one)]


class RecoverableTaxBody(Body):
    """Which share of tax comes back, and is therefore no cost: 0 to 1."""

    share: Share = Decimal(0)
    codes: dict[Annotated[str, StringConstraints(min_length=1, max_length=60)], Share] = Field(
        default_factory=dict, description="By the ledger's tax code, in place of `share`", max_length=500
    )


class AccountRuleBody(Body):
    """Rows that meet all rules detail this account."""

    account: Account
    rules: list[CostRule] = Field(min_length=1, max_length=20)


class LedgerMappingBody(Body):
    """Which column of the ledger says what, by its name in the header, and how it is written."""

    account: ColumnName
    date: ColumnName | None = Field(None, description="Day of posting; or name `period`")
    period: ColumnName | None = None
    amount: ColumnName | None = Field(None, description="Or name `debit` and `credit`: the amount is their difference")
    debit: ColumnName | None = None
    credit: ColumnName | None = None
    currency: ColumnName | None = Field(None, description="Absent: the currency of the source")
    cost_centre: ColumnName | None = None
    text: ColumnName | None = Field(None, description="Becomes ChargeDescription")
    tax_code: ColumnName | None = None
    tax_amount: ColumnName | None = Field(None, description="Tax that the amount contains")
    tax_accounts: list[Account] = Field(default_factory=list, max_length=500, description="Whose rows are tax")
    columns: dict[str, ColumnName] = Field(
        default_factory=dict, max_length=40, description="FOCUS column: column of the ledger"
    )
    tags: dict[TagKey, ColumnName] = Field(default_factory=dict, max_length=100)
    decimal_format: DecimalFormat = Field(description="How 1234.56 is written; never guessed", examples=["1.234,56"])
    minus_sign: MinusSign = MinusSign.LEADING
    date_format: DateFormat = DateFormat.ISO
    period_format: PeriodFormat = PeriodFormat.FISCAL
    delimiter: Delimiter = Delimiter.COMMA
    encoding: Literal["utf-8-sig", "windows-1252", "iso-8859-15"] = "utf-8-sig"

    @model_validator(mode="after")
    def complete(self) -> Self:
        if (self.date is None) == (self.period is None):
            raise ValueError("name either date or period")
        if self.amount is None and (self.debit is None or self.credit is None):
            raise ValueError("name amount, or debit and credit")
        if self.amount is not None and (self.debit is not None or self.credit is not None):
            raise ValueError("name amount, or debit and credit, not both")
        strangers = sorted(set(self.columns) - DIMENSIONS)
        if strangers:
            raise ValueError(f"columns: {strangers[0][:60]!r} is none of {', '.join(sorted(DIMENSIONS))}")
        return self


class CostSourcePut(Body):
    """The terms of a source. What it details is cleared from the ledger at once, in all open periods."""

    kind: SourceKind = SourceKind.FOCUS
    cost_basis: CostBasis = Field(description="Which column is the cost of this source")
    currency: CurrencyCode | None = Field(None, description="Rows in another currency are refused")
    accounts: list[Account] = Field(
        default_factory=list,
        max_length=500,
        description="Ledger accounts that its rows detail, in place of the ledger's",
    )
    account_rules: list[AccountRuleBody] = Field(
        default_factory=list, max_length=100, description="Which row details which account; else the first account"
    )
    recoverable_tax: RecoverableTaxBody | None = None
    mapping: LedgerMappingBody | None = Field(None, description="Of a ledger, which needs one")

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if len(set(self.accounts)) != len(self.accounts):
            raise ValueError("an account stands in accounts twice")
        if self.kind is SourceKind.FOCUS:
            if self.mapping is not None:
                raise ValueError("a FOCUS source has no mapping")
        elif self.mapping is None:
            raise ValueError("a ledger needs a mapping")
        elif self.accounts or self.account_rules:
            raise ValueError("a ledger details no accounts: it is what is detailed")
        elif self.cost_basis not in (CostBasis.BILLED, CostBasis.EFFECTIVE):
            raise ValueError("a ledger has one amount: its cost basis is billed")
        elif self.mapping.currency is None and self.currency is None:
            raise ValueError("name the currency of the source, or the column that says it")
        for rule in self.account_rules:
            if rule.account not in self.accounts:
                raise ValueError(f"account_rules: {rule.account} is none of the accounts")
            if any(each.column in ("account", "origin", "Source") for each in rule.rules):
                raise ValueError("account_rules: a row is matched by what the provider says of it")
        return self


class CostSourceRead(Read):
    id: UUID
    name: str
    kind: SourceKind
    declared: bool = Field(description="False where imports alone have said what is known of it")
    cost_basis: CostBasis
    currency: str | None
    accounts: list[str]
    account_rules: list[dict[str, Any]]
    recoverable_tax: dict[str, Any]
    mapping: dict[str, Any]
    created_at: datetime
    updated_at: datetime
