"""A drop with a fault of each kind: every one is found, no good row is lost, and another library says the same."""

import datetime as dt
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.load import load
from configs.settings import Market, Profile, Quality
from feature_store import sessions as calendar
from feature_store.readers import last_of_each
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, MACRO
from feature_store.schemas.quality import COMPARED_BARS, QUARANTINE
from quant_assets.market.checks import bars_arrived, within_tolerance
from quant_assets.market.data_quality import FINDINGS, limits, measurements
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.ingest import quality
from quant_resources.vendors.ingest.canonical import candidates
from tests.market.faulty_drop import CLOCK, DAY, DAYS, LOST, SYMBOLS, Faults, faulty, findings, told, written

BUNDLE = Path(__file__).parents[3] / "shared" / "data"
shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not BUNDLE.is_dir(), reason=f"the market data bundle is not at {BUNDLE}"),
]


@pytest.fixture(scope="module")
def faults() -> Faults:
    return faulty()


@pytest.fixture(scope="module")
def profile(faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return written(faults, tmp_path_factory.mktemp("drop"))


@pytest.fixture(scope="module")
def found(profile: Profile) -> dict[dt.date, pl.DataFrame]:
    return findings(profile)


# --- known values ---------------------------------------------------------------------------------------------------


def test_every_bad_row_is_in_quarantine_under_its_rule_and_no_other_is(faults: Faults, profile: Profile) -> None:
    kept_out = told(profile, QUARANTINE).select("source", "symbol", "rule").rows()
    assert Counter(kept_out) == Counter(faults.planted.kept_out)
    assert len({rule for _, _, rule in kept_out}) >= 19


def test_none_of_the_good_rows_is_lost_and_none_is_changed(faults: Faults, profile: Profile) -> None:
    kept_out = Counter(source for source, _, _ in faults.planted.kept_out)
    bars = told(profile, BARS)
    assert bars.height == faults.bars.height - kept_out["market/bars"]
    came = faults.bars.select("symbol", "close", "high", event_date="date")
    assert bars.join(came, on=["symbol", "event_date", "close", "high"], how="semi").height == bars.height
    assert told(profile, CORPORATE_ACTIONS).height == len(faults.actions) - kept_out["market/corporate_actions"]
    assert told(profile, MACRO).height == len(faults.macro) - kept_out["market/macro"]


def test_everything_strange_in_what_was_stored_is_found_and_nothing_else(
    faults: Faults, found: dict[dt.date, pl.DataFrame]
) -> None:
    said = {(s, day, rule) for day, rows in found.items() for s, rule in rows.select("symbol", "rule").rows()}
    assert said == faults.planted.found
    assert {rule for _, _, rule in said} == set(FINDINGS)


def test_a_finding_shows_its_figure_the_limit_and_what_was_seen(found: dict[dt.date, pl.DataFrame]) -> None:
    volume = found[DAY].row(by_predicate=pl.col("rule") == "volume", named=True)
    assert volume["value"] == pytest.approx(50, rel=0.5)
    assert volume["limit"] == 20
    assert "usually" in volume["detail"]
    close = found[DAY].row(by_predicate=pl.col("rule") == "vendors_disagree", named=True)
    assert close["value"] == pytest.approx(0.01005, abs=1e-5)
    assert "the second vendor's" in close["detail"]


def test_the_checks_fail_beyond_their_tolerance_and_name_the_rows(
    profile: Profile, found: dict[dt.date, pl.DataFrame]
) -> None:
    kept_out = told(profile, QUARANTINE, [DAY])
    n = kept_out.select("source", "row").n_unique()
    assert within_tolerance(kept_out, Quality(quarantine_tolerance=n)) is None
    wrong = within_tolerance(kept_out, Quality(quarantine_tolerance=n - 1))
    assert wrong is not None
    assert all(word in wrong for word in (f"{n} rows", "bars.parquet", str(DAY), "quarantine_tolerance", "fixed"))
    assert within_tolerance(kept_out.clear(), Quality()) is None
    none = told(profile, BARS, [LOST])
    assert none.filter(event_date=LOST).is_empty()
    assert bars_arrived(found[LOST], none.clear(), Quality()) is not None
    assert bars_arrived(found[DAY], told(profile, BARS, [DAY]), Quality()) is None


# --- properties -----------------------------------------------------------------------------------------------------


def test_a_range_of_findings_is_its_days(profile: Profile, found: dict[dt.date, pl.DataFrame]) -> None:
    for day in (DAYS[0], DAYS[21], DAY, DAYS[44], LOST, DAYS[-1]):
        assert_frame_equal(findings(profile, [day])[day], found[day])
    halves = findings(profile, DAYS[:42]) | findings(profile, DAYS[42:])
    for day, rows in found.items():
        assert_frame_equal(halves[day], rows)


def test_a_bar_that_comes_late_leaves_the_finding_of_its_day_as_it_was(tmp_path: Path) -> None:
    faults = Faults()
    late = (pl.col("symbol") == SYMBOLS[0]) & (pl.col("date") == DAY)
    faults.bars = faults.bars.with_columns(
        known_at=pl.when(late).then(pl.col("known_at") + dt.timedelta(days=7)).otherwise("known_at")
    )
    faults.actions = [{"symbol": SYMBOLS[1], "ex_date": DAY, "action": "cash_dividend", "value": 0.1}]
    profile = written(faults, tmp_path)
    rows = findings(profile)
    missing = {day for day, frame in rows.items() if frame.height}
    assert missing == {DAY}
    assert rows[DAY].select("symbol", "rule", "value").rows() == [(SYMBOLS[0], "missing_bar", 1.0)]


@pytest.mark.parametrize("dataset", [BARS, CORPORATE_ACTIONS, MACRO], ids=lambda d: d.name)
def test_great_expectations_accuses_the_rows_that_the_rules_accuse(profile: Profile, dataset: object) -> None:
    vendor = FileDrop(profile)
    raw = vendor.fetch(dataset, DAYS, CLOCK.decision_time(DAYS[-1]))
    rows = candidates(dataset, raw, DAYS, CLOCK)
    outcomes = quality.validate(quality.compared(dataset, rows), quality.row_suite(dataset), dataset.key)
    rejected = {place for outcome in outcomes for place in outcome.rows}
    asked = ["symbol" if "symbol" in rows.columns else "series", "event_date", "known_at"]
    by_library = Counter(rows[sorted(rejected)].select(asked).rows())
    kept_out = vendor.parse(QUARANTINE, vendor.fetch(QUARANTINE, DAYS, CLOCK.decision_time(DAYS[-1])), DAYS)
    content = kept_out.filter(source=dataset.name).with_columns(
        day=pl.col("content").str.json_path_match("$.event_date").str.to_date()
    )
    by_rules = Counter(content.select("symbol", "day", "known_at").rows())
    # of equal rows the library names the one that stands as well
    stands = Counter(content.filter(rule="duplicate").select("symbol", "day", "known_at").rows())
    assert by_library == by_rules + stands
    assert by_library.total() >= 2


def test_great_expectations_finds_what_the_limits_find(profile: Profile, found: dict[dt.date, pl.DataFrame]) -> None:
    settings = (profile.quality, profile.market)
    bars, actions, compared = (
        last_of_each(told(profile, dataset), dataset) for dataset in (BARS, CORPORATE_ACTIONS, COMPARED_BARS)
    )
    measured = measurements(bars, actions, compared, DAYS, *settings)
    rules = limits(profile.quality)
    judged = measured.select("symbol", "event_date", *(limit.checked.alias(name) for name, limit in rules.items()))
    suite = [quality.between(name, limit.lower, limit.upper) for name, limit in rules.items()]
    by_library = {
        (outcome.rule, *judged[place].select("symbol", "event_date").row(0))
        for outcome in quality.validate(judged, suite, ("symbol", "event_date"))
        for place in outcome.rows
    }
    stored = {(r, s, day) for day, rows in found.items() for s, r in rows.select("symbol", "rule").rows()}
    assert by_library == {one for one in stored if one[0] in rules}
    days = quality.compared(
        BARS, candidates(BARS, FileDrop(profile).fetch(BARS, DAYS, CLOCK.decision_time(DAYS[-1])), DAYS, CLOCK)
    )
    (coverage,) = quality.validate(days, [quality.every_session([str(day) for day in DAYS])], ())
    assert coverage.examples == (str(LOST),)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_date_that_no_session_can_claim_is_refused(tmp_path: Path) -> None:
    faults = Faults()
    faults.actions = [{"symbol": SYMBOLS[0], "ex_date": DAY, "action": "split", "value": 2.0}]
    profile = written(faults, tmp_path)
    text = faults.bars.with_columns(
        date=pl.when(pl.col("date") == DAY).then(pl.lit("02/03/2017")).otherwise(pl.col("date").cast(pl.String))
    )
    text.write_parquet(tmp_path / "bars.parquet")
    for dataset in (BARS, QUARANTINE):
        with pytest.raises(VendorError, match=r"'02/03/2017'.*YYYY-MM-DD"):
            told(profile, dataset)


# --- the bundle of real data ----------------------------------------------------------------------------------------


def real_findings(name: str, first: dt.date, last: dt.date) -> pl.DataFrame:
    rows = findings(load(name, data=BUNDLE), calendar.between(first, last))
    return pl.concat([frame.with_columns(session=pl.lit(day)) for day, frame in rows.items()])


class TestBundle:
    pytestmark = shared

    def test_the_five_bars_out_of_order_are_kept_out(self) -> None:
        days = [dt.date(*d) for d in ((2014, 5, 1), (2014, 6, 24), (2015, 8, 28), (2016, 11, 30))]
        rows = pl.concat(told(load("sp500", data=BUNDLE), QUARANTINE, [day]) for day in days)
        assert rows.select("session", "symbol").rows() == [
            (days[0], "FRX"), (days[1], "FRX"), (days[2], "BCR"), *((days[3], symbol) for symbol in ("ESRX", "RTN"))
        ]  # fmt: skip
        assert rows["rule"].unique().to_list() == ["open_outside_range"]

    def test_the_vendor_that_took_another_company_for_nee_is_found(self) -> None:
        rows = real_findings("sp500", dt.date(2016, 8, 1), dt.date(2016, 8, 31)).filter(rule="vendors_disagree")
        days = Counter(rows["symbol"])
        assert min(days["NEE"], days["CZR"]) >= 21  # of 23 sessions; the second vendor lacks two
        assert set(days) == {"NEE", "CZR", "UA", "JCI", "ANF"}

    def test_splits_and_spin_offs_that_nobody_recorded_as_such_are_found(self) -> None:
        rows = real_findings("sp500", dt.date(2014, 4, 1), dt.date(2014, 5, 2))
        paid = rows.filter(rule="large_distribution").select("symbol", "session").rows()
        assert paid == [("GOOGL", dt.date(2014, 4, 3)), ("SLM", dt.date(2014, 5, 1))]
        suspects = real_findings("sp500", dt.date(2007, 11, 9), dt.date(2007, 11, 14)).filter(rule="suspected_action")
        assert suspects.select("symbol", "session").rows() == [("JAVA", dt.date(2007, 11, 12))]

    @pytest.mark.parametrize(("symbol", "year", "ratio"), [("TRMB", 2007, 0.5), ("WST", 2004, 0.5)])
    def test_missing_splits_before_the_profile_begins_are_found_in_their_series(
        self, symbol: str, year: int, ratio: float
    ) -> None:
        days = calendar.between(dt.date(year, 1, 2), dt.date(year, 12, 31))
        prices = pl.read_parquet(BUNDLE / "prices_daily.parquet").filter(security_id=symbol)
        own = prices.filter(pl.col("date").dt.year() == year).select(
            pl.lit(symbol).alias("symbol"), "open", "high", "low", "close", "volume", event_date="date",
            vwap=pl.lit(None, pl.Float64), transactions=pl.lit(None, pl.Int64),
        )  # fmt: skip
        none = pl.DataFrame(schema=DATASETS["market/corporate_actions"].schema)
        measured = measurements(own, none, own.clear(), days, Quality(), Market())
        limit = limits(Quality())["jump_without_action"]
        (jump,) = measured.filter(limit.broken.is_not_null())["raw_move"].exp().to_list()
        assert jump == pytest.approx(ratio, rel=0.1)
