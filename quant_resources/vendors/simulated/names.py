"""Tickers of the simulated companies through their lifecycles, one of another that is gone among them. Pure."""

from dataclasses import dataclass

from quant_resources.vendors.simulated.lifecycles import BOUGHT_FOR_CASH, FAR, TAKES_OLD_TICKER, Lifecycles
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.streams import YEAR

REUSE, REST = 0.3, YEAR // 4  # fraction of new tickers that another had; sessions since that one was gone
LETTERS = 26


@dataclass(frozen=True)
class Name:
    """A ticker from a session on, until another or the company's end.

    Attributes:
        first, last: positions of sessions; `last` is the first one without, FAR for never.
    """

    ticker: str
    first: int
    last: int


def names(market: Market) -> list[list[Name]]:
    """The tickers of each symbol within the sessions, the first one first."""
    T, lifecycles = len(market.sessions), market.lifecycles
    tickers: list[list[Name]] = []
    freed: list[tuple[int, str]] = []  # session and ticker of those that are gone; lower positions choose first
    for i in range(len(market.symbols)):
        letter, number = ("A", i) if lifecycles.parent[i] < 0 else ("X", int(lifecycles.parent[i]))
        changes = int(lifecycles.renamed[i])
        kept = [Name(_ticker(letter, number), int(lifecycles.listed[i]), int(min(changes, lifecycles.gone[i])))]
        if changes < FAR:
            new = _freed(lifecycles, i, changes, freed) or _ticker("N" if letter == "A" else "Y", number)
            kept.append(Name(new, changes, int(lifecycles.gone[i])))
        if lifecycles.gone[i] < FAR:
            freed.append((int(lifecycles.gone[i]), kept[-1].ticker))
        tickers.append([name for name in kept if name.first < T])
    return tickers


def _freed(lifecycles: Lifecycles, i: int, session: int, freed: list[tuple[int, str]]) -> str | None:
    """A ticker that is free by the session, where the symbol takes such a one; children take new ones."""
    if lifecycles.parent[i] >= 0 or (i != TAKES_OLD_TICKER and lifecycles.trait["reuses"][i] >= REUSE):
        return None
    free = [pair for pair in freed if pair[0] + REST <= session]
    if not free:
        return None
    preferred = _ticker("A", BOUGHT_FOR_CASH)
    reused = next((pair for pair in free if i == TAKES_OLD_TICKER and pair[1] == preferred), free[-1])
    freed.remove(reused)
    return reused[1]


def _ticker(letter: str, number: int) -> str:
    """Four letters, another one for each number."""
    places = (number // LETTERS**2, number // LETTERS % LETTERS, number % LETTERS)
    return letter + "".join(chr(ord("A") + place) for place in places)
