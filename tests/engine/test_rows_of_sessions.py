"""What a subject's check is given of a session, read a month at once, is what reading that session alone gives."""

import itertools
from pathlib import Path

import pytest

from configs.settings import Profile
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.market import BARS
from quant_assets.engine.lookahead_checks import RowsOfSessions
from tests.engine.market import SESSIONS, make_runner


@pytest.mark.parametrize("name", ["market/bars", "market/corporate_actions", "execution/book", "market/universe"])
def test_rows_read_by_month_are_those_read_one_by_one(whole: Path, chosen: Profile, name: str) -> None:
    store, dataset = make_runner(whole, chosen).store, DATASETS[name]
    rows = RowsOfSessions(store, dataset, ahead=dataset != BARS)
    for session in SESSIONS:
        assert rows.at(session).equals(store.read(dataset, session, first=session, last=session))


def test_bars_that_were_corrected_later_are_as_they_were_known(whole: Path, chosen: Profile) -> None:
    store = make_runner(whole, chosen).store
    rows = RowsOfSessions(store, BARS, ahead=False)
    corrected = {p.session for p in store.partitions(BARS) if p.late_rows}
    assert len(corrected) > 10
    assert all(rows.at(session)["event_date"].unique().to_list() == [session] for session in corrected)


def test_the_session_before_a_months_first_is_still_at_hand(whole: Path, chosen: Profile) -> None:
    store, dataset = make_runner(whole, chosen).store, DATASETS["execution/book"]
    rows = RowsOfSessions(store, dataset)
    for before, session in itertools.pairwise(SESSIONS):
        assert rows.at(session)["event_date"].unique().to_list() == [session]
        assert rows.at(before)["event_date"].unique().to_list() == [before]
