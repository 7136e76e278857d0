"""The kinds of trading costs, by the name that `execution.cost_terms` gives; and all that are listed, together."""

from typing import Any

import numpy as np

from configs.settings import Execution
from configs.settings.cost_terms import COST_TERM_SETTINGS
from configs.settings.registration import add_kind
from quant_assets.execution.trading.cost_terms.protocol import CostParameters, CostTerm
from quant_assets.execution.trading.cost_terms.sales_fee import SalesFee
from quant_assets.numerics.arrays import Array

COST_TERMS: dict[str, type[CostTerm[Any]]] = {"sales_fee": SalesFee}


def add_cost_term(term: type[CostTerm[Any]]) -> None:
    """Makes a kind of cost known, so that `execution.cost_terms` may name it.

    Raises:
        ValueError: another cost has its kind.
    """
    kind = add_kind(COST_TERM_SETTINGS, term.settings)
    if COST_TERMS.setdefault(kind, term) is not term:
        raise ValueError(f"kind {kind!r} is that of {COST_TERMS[kind].__qualname__}; rename {term.__qualname__}'s")


def rate(trade_usd: Array, parameters: CostParameters, execution: Execution) -> Array:
    """(N,) listed costs of each trade, as a fraction of its value; arguments as of a term.

    Raises:
        ValueError: a term whose cost is negative or not finite.
    """
    total = np.zeros_like(trade_usd)
    for of_kind in execution.cost_terms:
        cost = COST_TERMS[of_kind.kind].rate(trade_usd, parameters, of_kind)
        if not (np.isfinite(cost) & (cost >= 0)).all():
            raise ValueError(f"execution.cost_terms: {of_kind.kind} gives {cost.min():g}; costs are 0 or more")
        total = total + cost
    return total


def majorant(
    nav_usd: float, parameters: CostParameters, usual_trade: float, execution: Execution
) -> tuple[Array, Array]:
    """(N,) linear and quadratic costs of all that are listed; arguments as of a term."""
    linear, quadratic = np.zeros_like(parameters.adv_usd), np.zeros_like(parameters.adv_usd)
    for of_kind in execution.cost_terms:
        of_trade, of_square = COST_TERMS[of_kind.kind].majorant(nav_usd, parameters, usual_trade, of_kind)
        linear, quadratic = linear + of_trade, quadratic + of_square
    return linear, quadratic
