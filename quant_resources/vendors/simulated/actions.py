"""Corporate actions of the simulated stocks: known by declaration where companies publish it, else by rule. Pure."""

import polars as pl

from feature_store.dataset import Grade
from feature_store.decision_time import end_of_day, morning_of
from feature_store.schemas.market import CORPORATE_ACTIONS
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.names import Name, names
from quant_resources.vendors.simulated.paths import Action
from quant_resources.vendors.simulated.payloads import payload, published_by_end
from quant_resources.vendors.simulated.simulation import NOTICE

DECLARE = 0.7  # fraction of companies whose dividends are known by their declaration; of the others on the ex-date
DIVIDENDS = ("cash_dividend", "special_dividend")


def corporate_actions(market: Market) -> pl.DataFrame:
    rows = [_row(market, action) for action in market.paths.actions]
    rows += [_delisting(market, int(i)) for i in market.lifecycles.fails(len(market.sessions))]
    rows += [_renaming(market, int(i), name) for i, tickers in enumerate(names(market)) for name in tickers[1:]]
    schema = {**CORPORATE_ACTIONS.schema, "grade": pl.Int8()}
    frame = pl.DataFrame([dict(zip(schema, row, strict=True)) for row in rows], schema=schema)
    return payload(CORPORATE_ACTIONS, frame.filter(published_by_end(market.settings)))


def _row(market: Market, action: Action) -> tuple[object, ...]:
    day, symbol = market.sessions[action.ex], market.symbols[action.position]
    undeclared = action.kind in DIVIDENDS and market.lifecycles.trait["declares"][action.position] >= DECLARE
    worth_published = action.kind == "spin_off" and action.cash_usd is not None
    if undeclared or worth_published:
        known_at, grade = morning_of(day), Grade.RULED if undeclared else Grade.DATED
    else:
        known_at, grade = end_of_day(market.sessions[action.declared]), Grade.DATED
    other = None if action.other is None else market.symbols[action.other]
    return day, symbol, action.kind, action.value, action.cash_usd, other, known_at, int(grade)


def _delisting(market: Market, i: int) -> tuple[object, ...]:
    day = market.sessions[market.lifecycles.gone[i]]
    value = float(market.lifecycles.delisting_return[i])
    return day, market.symbols[i], "delisting", value, None, None, morning_of(day), int(Grade.RULED)


def _renaming(market: Market, i: int, name: Name) -> tuple[object, ...]:
    day, declared = market.sessions[name.first], market.sessions[name.first - NOTICE]
    return day, market.symbols[i], "symbol_change", 1.0, None, name.ticker, end_of_day(declared), int(Grade.DATED)
