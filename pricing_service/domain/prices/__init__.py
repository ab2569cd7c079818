"""Price models, one file each, and the charge that wraps one of them with a minimum and a maximum.

flat         the amount, whatever the quantity
per_unit     quantity × unit price
graduated    every tier that is entered prices its own slice and adds its flat fee
volume       the tier reached prices the whole quantity and adds its flat fee
stairstep    the flat fee of the tier reached
package      whole packages beyond the free units
percentage   a percentage of the measured value
cost_plus    quantity × unit cost × (1 + markup)
matrix       the unit price that the attributes of the quantity choose
"""

from pricing_service.domain.prices.charge import WHOLE, Charge, PricedCharge, Split, price
from pricing_service.domain.prices.cost_plus import CostPlus
from pricing_service.domain.prices.discount import Discount, Tagged, TagOf
from pricing_service.domain.prices.flat import Flat
from pricing_service.domain.prices.graduated import Graduated
from pricing_service.domain.prices.line import Line, NegativePrice, NegativeQuantity, Part, PriceModel, plain
from pricing_service.domain.prices.matrix import Cell, Matrix, NoMatrixRow, Row
from pricing_service.domain.prices.package import Package
from pricing_service.domain.prices.per_unit import PerUnit
from pricing_service.domain.prices.percentage import Percentage
from pricing_service.domain.prices.stairstep import Stairstep
from pricing_service.domain.prices.tiers import Tier, TierGap, TierOverlap
from pricing_service.domain.prices.volume import Volume

__all__ = [
    "WHOLE",
    "Cell",
    "Charge",
    "CostPlus",
    "Discount",
    "Flat",
    "Graduated",
    "Line",
    "Matrix",
    "NegativePrice",
    "NegativeQuantity",
    "NoMatrixRow",
    "Package",
    "Part",
    "PerUnit",
    "Percentage",
    "PriceModel",
    "PricedCharge",
    "Row",
    "Split",
    "Stairstep",
    "TagOf",
    "Tagged",
    "Tier",
    "TierGap",
    "TierOverlap",
    "Volume",
    "plain",
    "price",
]
