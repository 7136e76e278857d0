"""What every page says of checks: what stops orders, and what a person has let pass."""

from dataclasses import replace

from quant_assets.engine.gate import summary
from quant_assets.operations.trading import TradingState
from quant_assets.reporting.document import Document
from quant_assets.reporting.tables import Column, Table

BLOCKED, WAIVED = "Orders blocked", "Waived checks"
COLUMNS = ("check", "dataset", "session", "what had failed", "reason", "by", "at (UTC)")
SHOWN = 3  # blocks named above


def with_trading_state(document: Document, state: TradingState) -> Document:
    """The document, with what stops orders and how many checks are waived above, and all waivers below."""
    facts, sections = dict(document.facts), dict(document.sections)
    blocks = [f"{name}: {line}" for name, each in state.blocks.items() for line in summary(each)]
    if blocks:
        more = f"; and {len(blocks) - SHOWN} more" if len(blocks) > SHOWN else ""
        facts[BLOCKED] = "; ".join(blocks[:SHOWN]) + more
    if state.waivers:
        facts[WAIVED] = f"{len(state.waivers)}, listed below"
        sections[WAIVED] = [waiver_table(state)]
    attached = {stem: with_trading_state(page, state) for stem, page in document.attached.items()}
    return replace(document, facts=facts, sections=sections, attached=attached)


def waiver_table(state: TradingState) -> Table:
    rows = tuple((w.check, w.dataset, str(w.session or ""), w.detail, w.why, w.by, w.at[:19]) for w in state.waivers)
    texts = ("what had failed", "reason")
    return Table(tuple(Column(label, is_text=label in texts) for label in COLUMNS), rows)
