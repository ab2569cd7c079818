"""Exchange rates: exact, to and fro."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.exchange import (
    FoundRate,
    RateNotPositive,
    RateType,
    SameCurrency,
    check_rate,
    convert,
    rounded,
)
from pricing_service.domain.zones import UnknownTimeZone, time_zone
from services.ids import uuid7
from services.money import exact_total

D = Decimal


def found(stated: Decimal, *, inverse: bool = False) -> FoundRate:
    return FoundRate(uuid7(), RateType.AVERAGE, "EUR", "USD", date(2026, 10, 1), stated, inverse, "ECB")


def test_a_conversion_keeps_every_digit_and_an_inverse_is_a_fraction() -> None:
    assert convert(D("100.01"), found(D("1.0832"))) == D("108.330832")
    assert str(convert(D("100"), found(D("1.5")))) == "150"
    assert convert(D("1"), found(D("3"), inverse=True)) == D("0.333333333333333333333333")
    assert convert(D("2"), found(D("3"), inverse=True)) == D("0.666666666666666666666667")
    assert convert(D("21"), found(D("7"), inverse=True)) == D("3")  # not 2.999…
    assert rounded(Fraction(1, 2 * 10**24)) == 0  # half-even
    assert rounded(Fraction(3, 2 * 10**24)) == D("2E-24")


@given(
    st.lists(st.decimals("-1000000", "1000000", places=6), max_size=8),
    st.decimals("0.000001", "100000", places=6),
)
def test_the_conversion_of_a_sum_is_the_sum_of_the_conversions(amounts: list[Decimal], rate: Decimal) -> None:
    direct = found(rate)
    assert convert(exact_total(amounts), direct) == exact_total([convert(amount, direct) for amount in amounts])
    back = found(rate, inverse=True)
    for amount in amounts:
        assert convert(convert(amount, direct), back) == amount


def test_what_is_no_rate_is_refused_by_name() -> None:
    check_rate("EUR", "USD", D("0.000000000000000001"))
    for rate in ("0", "-1"):
        with pytest.raises(RateNotPositive) as caught:
            check_rate("EUR", "USD", D(rate), pointer="/items/3")
        assert caught.value.faults[0].pointer == "/items/3/rate"
    with pytest.raises(SameCurrency):
        check_rate("EUR", "EUR", D("1"))


@pytest.mark.parametrize("name", ["", "europe/zurich", "Europe/Atlantis", "/etc/localtime", "..", "UTC\0"])
def test_a_zone_is_named_as_iana_does(name: str) -> None:
    assert time_zone("Europe/Zurich").key == "Europe/Zurich"
    with pytest.raises(UnknownTimeZone):
        time_zone(name)
