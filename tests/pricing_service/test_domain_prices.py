"""The worked cases of the price models, their refusals, and what must hold for every price."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.prices import (
    Charge,
    CostPlus,
    Flat,
    Graduated,
    NegativePrice,
    NegativeQuantity,
    Package,
    Percentage,
    PerUnit,
    PriceModel,
    Split,
    Stairstep,
    Tier,
    TierGap,
    TierOverlap,
    Volume,
    price,
)
from pricing_service.domain.prices.charge import MinimumAboveMaximum
from pricing_service.domain.prices.line import LineKind, PartKind
from pricing_service.domain.prices.package import EmptyPackage
from pricing_service.domain.prices.stairstep import StairstepHasUnitPrice
from services.errors import Refusal
from services.money import UnknownCurrency, exact_total

D = Decimal

FALLING = (Tier(D(5), D(7), D(0)), Tier(D(10), D("6.5")), Tier(None, D(6)))
MIXED = (
    Tier(D(5), flat_fee=D(100)),
    Tier(D(10), flat_fee=D(50)),
    Tier(D(15), unit_price=D(10)),
    Tier(None, unit_price=D(5)),
)


def total(model: PriceModel, quantity: str, currency: str = "USD", **limits: D) -> D:
    return price(Charge(model, **limits), D(quantity), currency).total


@pytest.mark.parametrize(("quantity", "due"), [("5", "35"), ("6", "39"), ("20", "120"), ("25", "150"), ("0", "0")])
def test_volume_prices_the_whole_quantity_by_the_tier_reached(quantity: str, due: str) -> None:
    assert total(Volume(FALLING), quantity) == D(due)


@pytest.mark.parametrize(
    ("quantity", "due"), [("0", "100"), ("5", "100"), ("5.001", "150"), ("12", "170"), ("22", "235")]
)
def test_graduated_owes_the_flat_fee_of_every_tier_entered(quantity: str, due: str) -> None:
    assert total(Graduated(MIXED), quantity) == D(due)


def test_graduated_preview_of_the_contract() -> None:
    assert total(Graduated(FALLING), "6") == D("41.50")


def test_a_charge_is_rounded_once_and_its_tiers_stay_unrounded() -> None:
    tiers = (Tier(D(1), D("0.333")), Tier(D(2), D("0.333")), Tier(None, D("0.333")))
    (line,) = price(Charge(Graduated(tiers)), D(3), "USD").lines
    assert [part.amount for part in line.parts if part.kind is PartKind.TIER] == [D("0.333")] * 3
    assert line.amount == D("1.00")  # 0.999; three rounded tiers would make 0.99
    assert [part.amount for part in line.parts if part.kind is PartKind.ROUNDING] == [D("0.001")]


def test_per_unit_rounds_half_even_to_the_exponent_of_the_currency() -> None:
    assert total(PerUnit(D("1.33333")), "10") == D("13.33")
    assert total(PerUnit(D("0.125")), "1") == D("0.12")
    assert total(PerUnit(D("0.375")), "1") == D("0.38")
    assert str(total(PerUnit(D("1.33333")), "10", "JPY")) == "13"
    assert str(total(PerUnit(D("1.33333")), "10", "KWD")) == "13.333"


def test_flat_does_not_depend_on_the_quantity() -> None:
    assert total(Flat(D("99.90")), "0") == total(Flat(D("99.90")), "17") == D("99.90")


@pytest.mark.parametrize(("quantity", "due"), [("0", "0"), ("1", "10"), ("15", "10"), ("15.1", "20"), ("16", "20")])
def test_package_owes_a_package_that_is_begun(quantity: str, due: str) -> None:
    assert total(Package(D(15), D(10)), quantity) == D(due)


@pytest.mark.parametrize(("quantity", "due"), [("5", "0"), ("5.5", "10"), ("20", "10"), ("21", "20")])
def test_package_with_a_free_allowance(quantity: str, due: str) -> None:
    assert total(Package(D(15), D(10), D(5)), quantity) == D(due)


@pytest.mark.parametrize(("quantity", "due"), [("0", "50"), ("10", "50"), ("10.5", "80"), ("1000", "200")])
def test_stairstep_is_the_flat_fee_of_the_tier_reached(quantity: str, due: str) -> None:
    tiers = (Tier(D(10), flat_fee=D(50)), Tier(D(20), flat_fee=D(80)), Tier(None, flat_fee=D(200)))
    assert total(Stairstep(tiers), quantity) == D(due)


def test_percentage_and_cost_plus() -> None:
    assert total(Percentage(D("2.5")), "1000") == D("25.00")
    assert total(CostPlus(D("12.5"), D(20)), "4") == D("60.00")
    assert total(CostPlus(D("12.5"), D(-100)), "4") == D("0.00")


def test_a_minimum_is_trued_up_by_a_line_of_its_own() -> None:
    lines = price(Charge(PerUnit(D(5)), minimum=D(100)), D(10), "USD").lines
    assert [(line.kind, line.amount) for line in lines] == [
        (LineKind.CHARGE, D("50.00")),
        (LineKind.TRUE_UP, D("50.00")),
    ]
    assert total(PerUnit(D("33.345")), "1", minimum=D("100.01")) == D("100.01")
    assert len(price(Charge(PerUnit(D(5)), minimum=D(50)), D(10), "USD").lines) == 1


def test_a_maximum_caps_the_line() -> None:
    (line,) = price(Charge(PerUnit(D(5)), maximum=D(40)), D(10), "USD").lines
    assert line.amount == D("40.00")
    assert [part.amount for part in line.parts if part.kind is PartKind.CAP] == [D(-10)]


@pytest.mark.parametrize(
    ("model", "quantity", "formula"),
    [
        (PerUnit(D("1.33333")), "10", "10 × 1.33333 = 13.3333 ≈ 13.33 USD"),
        (Graduated(FALLING), "6", "5 × 7 + 1 × 6.5 = 41.5 USD"),
        (Graduated(MIXED), "12", "100 + 50 + 2 × 10 = 170 USD"),
        (Volume(FALLING), "20", "20 × 6 = 120 USD"),
        (Package(D(15), D(10)), "16", "⌈16 ÷ 15⌉ = 2 packages × 10 = 20 USD"),
        (Package(D(15), D(10), D(5)), "21", "⌈(21 − 5 free) ÷ 15⌉ = 2 packages × 10 = 20 USD"),
        (Percentage(D("2.5")), "1000", "1000 × 2.5 % = 25 USD"),
        (CostPlus(D("12.5"), D(20)), "4", "4 × 12.5 × (1 + 20 %) = 60 USD"),
        (Flat(D(100)), "3", "100 USD"),
    ],
)
def test_the_formula_can_be_checked_by_hand(model: PriceModel, quantity: str, formula: str) -> None:
    assert price(Charge(model), D(quantity), "USD").lines[0].formula == formula


def test_recurring_charges_prorate_as_a_whole_and_usage_only_in_its_fees() -> None:
    half = Split(Fraction(1, 2), "15/30 days")
    (line,) = price(Charge(PerUnit(D(270))), D(4), "USD", half).lines
    assert (line.amount, line.formula) == (D("540.00"), "(4 × 270) × 15/30 days = 540 USD")
    tiers = (Tier(D(5), D(1), D(10)), Tier(None, D(2), D(20)))
    usage = Split(Fraction(1, 2), "15/30 days", units_too=False)
    assert price(Charge(Graduated(tiers)), D(7), "USD", usage).total == D("24.00")  # 5 + 5 + 10 + 4
    lines = price(Charge(PerUnit(D(1)), minimum=D(100)), D(10), "USD", usage).lines
    assert [line.amount for line in lines] == [D("10.00"), D("40.00")]


@pytest.mark.parametrize(
    ("tiers", "refusal", "pointer"),
    [
        ((), TierGap, "/tiers"),
        ((Tier(D(5)), Tier(D(10))), TierGap, "/tiers/1/up_to"),
        ((Tier(D(5)), Tier(None, above=D(6))), TierGap, "/tiers/1/above"),
        ((Tier(D(5)), Tier(None, above=D(4))), TierOverlap, "/tiers/1/above"),
        ((Tier(D(5)), Tier(D(5)), Tier(None)), TierOverlap, "/tiers/1/up_to"),
        ((Tier(D(5)), Tier(D(3)), Tier(None)), TierOverlap, "/tiers/1/up_to"),
        ((Tier(D(0)), Tier(None)), TierOverlap, "/tiers/0/up_to"),
        ((Tier(None), Tier(None)), TierOverlap, "/tiers/0/up_to"),
        ((Tier(D(5), D(-1)), Tier(None)), NegativePrice, "/tiers/0/unit_price"),
    ],
)
@pytest.mark.parametrize("model", [Graduated, Volume, Stairstep])
def test_a_broken_tier_table_is_refused_by_name(
    model: type[Graduated], tiers: tuple[Tier, ...], refusal: type[Refusal], pointer: str
) -> None:
    with pytest.raises(refusal) as caught:
        model(tiers)
    assert caught.value.faults[0].pointer == pointer


def test_other_refusals_have_names() -> None:
    with pytest.raises(NegativePrice):
        PerUnit(D(-1))
    with pytest.raises(NegativePrice):
        CostPlus(D(1), D(-101))
    with pytest.raises(NegativeQuantity):
        total(PerUnit(D(1)), "-1")
    with pytest.raises(EmptyPackage):
        Package(D(0), D(1))
    with pytest.raises(StairstepHasUnitPrice):
        Stairstep((Tier(None, D(1)),))
    with pytest.raises(MinimumAboveMaximum):
        Charge(Flat(D(1)), minimum=D(2), maximum=D(1))
    with pytest.raises(UnknownCurrency):
        total(PerUnit(D(1)), "1", "usd")


prices = st.decimals(min_value=0, max_value=10**9, places=6)
quantities = st.decimals(min_value=0, max_value=10**9, places=6)


@st.composite
def tier_tables(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(st.decimals(min_value="0.001", max_value=10**6, places=3), max_size=6)))
    return tuple(Tier(bound, draw(prices), draw(prices)) for bound in [*bounds, None])


models: st.SearchStrategy[PriceModel] = st.one_of(
    st.builds(Flat, prices),
    st.builds(PerUnit, prices),
    st.builds(Graduated, tier_tables()),
    st.builds(Volume, tier_tables()),
    st.builds(Package, st.decimals(min_value="0.001", max_value=10**6, places=3), prices, quantities),
    st.builds(Percentage, prices),
    st.builds(CostPlus, prices, st.decimals(min_value=-100, max_value=1000, places=4)),
)
splits = st.builds(
    lambda days, of, units: Split(Fraction(min(days, of), of), f"{min(days, of)}/{of} days", units),
    st.integers(1, 31),
    st.integers(28, 31),
    st.booleans(),
)


@given(tier_tables(), quantities, quantities)
def test_graduated_is_monotone_in_the_quantity(tiers: tuple[Tier, ...], one: D, other: D) -> None:
    low, high = sorted([one, other])
    model = Graduated(tiers)
    assert total(model, str(low)) <= total(model, str(high))


@given(models, quantities, splits, st.none() | prices, st.none() | prices)
def test_parts_add_up_to_their_line_and_limits_hold(
    model: PriceModel, quantity: D, split: Split, one: D | None, other: D | None
) -> None:
    minimum, maximum = (one, other) if one is None or other is None else sorted([one, other])
    priced = price(Charge(model, minimum, maximum), quantity, "USD", split)
    for line in priced.lines:
        assert exact_total([part.amount for part in line.parts]) == line.amount
        assert line.amount == line.amount.quantize(D("0.01"))
        assert line.amount >= 0
    cent = Fraction(1, 200)
    if minimum is not None:
        assert Fraction(priced.total) >= Fraction(minimum) * split.share - cent
    if maximum is not None:
        assert Fraction(priced.lines[0].amount) <= Fraction(maximum) * split.share + cent


@given(models, quantities)
def test_pricing_by_fractions_agrees(model: PriceModel, quantity: D) -> None:
    """An oracle that knows nothing of parts: each model once more, as its definition reads, over fractions."""
    q = Fraction(quantity)
    match model:
        case Flat(amount):
            due = Fraction(amount)
        case PerUnit(unit_price):
            due = q * Fraction(unit_price)
        case Percentage(rate):
            due = q * Fraction(rate) / 100
        case CostPlus(unit_cost, markup):
            due = q * Fraction(unit_cost) * (100 + Fraction(markup)) / 100
        case Package(size, package_price, free):
            beyond = max(q - Fraction(free), Fraction(0))
            packages, begun = divmod(beyond, Fraction(size))
            packages += begun > 0
            due = packages * Fraction(package_price)
        case Volume(tiers):
            tier = next(t for t in tiers if t.up_to is None or quantity <= t.up_to)
            due = Fraction(tier.flat_fee) + q * Fraction(tier.unit_price)
        case Graduated(tiers):
            due, lower = Fraction(0), Fraction(0)
            for index, tier in enumerate(tiers):
                if index and q <= lower:
                    break
                top = q if tier.up_to is None else min(q, Fraction(tier.up_to))
                due += Fraction(tier.flat_fee) + (top - lower) * Fraction(tier.unit_price)
                lower = top if tier.up_to is None else Fraction(tier.up_to)
        case _:
            raise AssertionError(model)
    assert Fraction(price(Charge(model), quantity, "USD").total) == Fraction(round(due * 100), 100)
