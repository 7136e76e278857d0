"""What a company's reports say, by its size and its price. Arrays are of one shape; NaN is missing."""

from collections.abc import Mapping

import numpy as np

from quant_assets.features.stock.bars import ratio
from quant_assets.numerics.arrays import Array


def fundamentals(financials: Mapping[str, Array]) -> dict[str, Array]:
    """Value, quality, leverage and growth from columns of COMPANY_FINANCIALS by name; see COMPANY for each formula."""
    return {**_value(financials), **_quality(financials), **_leverage(financials), **_growth(financials)}


def _value(of: Mapping[str, Array]) -> dict[str, Array]:
    cap, ebitda, cash_flow = of["market_cap_usd"], of["ebitda_ttm_usd"], of["operating_cash_flow_ttm_usd"]
    enterprise = cap + of["debt_usd"] - of["cash_usd"]
    return {
        "earnings_to_price": ratio(of["net_income_ttm_usd"], cap),
        "book_to_price": ratio(of["equity_usd"], cap),
        "sales_to_price": ratio(of["revenue_ttm_usd"], cap),
        "cash_flow_to_price": ratio(cash_flow, cap),
        "free_cash_flow_to_price": ratio(cash_flow - of["capital_expenditure_ttm_usd"], cap),
        # a loss has no multiple, and a negative price none either
        "ev_to_ebitda": ratio(np.where(enterprise > 0, enterprise, np.nan), ebitda),
        "ebitda_to_ev": ratio(ebitda, enterprise),
    }


def _quality(of: Mapping[str, Array]) -> dict[str, Array]:
    net, revenue, assets = of["net_income_ttm_usd"], of["revenue_ttm_usd"], of["assets_usd"]
    mean_assets = (assets + of["assets_year_ago_usd"]) / 2.0
    return {
        "return_on_equity": ratio(net, (of["equity_usd"] + of["equity_year_ago_usd"]) / 2.0),
        "return_on_assets": ratio(net, mean_assets),
        "gross_profitability": ratio(of["gross_profit_ttm_usd"], assets),
        "gross_margin": ratio(of["gross_profit_ttm_usd"], revenue),
        "operating_margin": ratio(of["operating_income_ttm_usd"], revenue),
        "net_margin": ratio(net, revenue),
        "asset_turnover": ratio(revenue, mean_assets),
        "accruals": ratio(net - of["operating_cash_flow_ttm_usd"], mean_assets),
    }


def _leverage(of: Mapping[str, Array]) -> dict[str, Array]:
    debt, cash, assets = of["debt_usd"], of["cash_usd"], of["assets_usd"]
    return {
        "debt_to_equity": ratio(debt, of["equity_usd"]),
        "liabilities_to_assets": ratio(of["liabilities_usd"], assets),
        "net_debt_to_ebitda": ratio(debt - cash, of["ebitda_ttm_usd"]),
        "current_ratio": ratio(of["current_assets_usd"], of["current_liabilities_usd"]),
        "cash_to_assets": ratio(cash, assets),
    }


def _growth(of: Mapping[str, Array]) -> dict[str, Array]:
    net_before, equity_before = of["net_income_ttm_year_ago_usd"], of["equity_year_ago_usd"]
    return {
        "revenue_growth": ratio(of["revenue_ttm_usd"], of["revenue_ttm_year_ago_usd"]) - 1.0,
        "earnings_growth": ratio(of["net_income_ttm_usd"] - net_before, np.abs(net_before)),
        "asset_growth": ratio(of["assets_usd"], of["assets_year_ago_usd"]) - 1.0,
        "equity_growth": ratio(of["equity_usd"] - equity_before, np.abs(equity_before)),
    }
