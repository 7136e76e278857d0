"""Features with a known worth, features without any, and one whose absence tells something."""

import numpy as np
import polars as pl
import pytest

from quant_assets.alpha.evidence.feature_study import (
    LAGS,
    N_QUANTILES,
    CrossSection,
    FeatureStudy,
    decay,
    grouped,
    information,
    mean_and_t,
)
from quant_assets.alpha.evidence.significance import hac_t, rank_ic
from tests.oracles.panels import sessions

NAMES = ("planted", "noise", "absence", "fading")
DAYS, N, HORIZON = sessions(300), 200, 5
IC = 0.1
FADES = 0.9  # autocorrelation of `fading` a session, and so of what it says of labels
INDUSTRIES = np.array(["x", "y"] * (N // 2), dtype=object)


def drawn(seed: int = 1) -> list[CrossSection]:
    """Labels that correlate with `planted` by IC, with `fading` by half of it, and are low where `absence` is null."""
    rng = np.random.default_rng(seed)
    found, fading = [], rng.normal(size=N)
    for day in DAYS:
        planted, noise = rng.normal(size=N), rng.normal(size=N)
        absent = rng.random(N) < 0.2
        fading = FADES * fading + np.sqrt(1 - FADES**2) * rng.normal(size=N)
        label = IC * planted + IC / 2 * fading - 0.5 * absent + rng.normal(size=N)
        x = np.column_stack([planted, noise, np.where(absent, np.nan, rng.normal(size=N)), fading])
        both = np.array([label, np.where(rng.random(N) < 0.1, np.nan, label)])
        found.append(CrossSection(day, np.arange(N), x, both, INDUSTRIES))
    return found


def studied(cross_sections: list[CrossSection], lookbacks: tuple[int, ...] = (1, 1, 3, 1)) -> FeatureStudy:
    study = FeatureStudy(NAMES, lookbacks, (HORIZON, 21), (0.0, 1.0))
    for one in cross_sections:
        study.add(one)
    return study


SECTIONS = drawn()
STUDY = studied(SECTIONS)
METRICS = {(row["feature"], row["horizon_sessions"]): row for row in information(STUDY).iter_rows(named=True)}
SPREAD_OF_LABEL = float(np.sqrt(1 + IC**2 + (IC / 2) ** 2 + 0.25 * 0.16))


# known values


def test_a_planted_correlation_is_found_and_sure():
    found = METRICS["planted", HORIZON]
    assert found["ic"] == pytest.approx(IC / SPREAD_OF_LABEL, abs=0.012)  # two deviations of a mean of 300
    assert found["rank_ic"] == pytest.approx(6 / np.pi * np.arcsin(found["ic"] / 2), abs=0.01)
    assert found["ic_t"] > 10
    # the mean of a normal in its highest fifth is 1.4
    assert found["spread"] == pytest.approx(2 * 1.4 * IC, rel=0.15)


def test_noise_is_nothing():
    found = METRICS["noise", HORIZON]
    assert abs(found["ic"]) < 0.012
    assert abs(found["ic_t"]) < 3


def test_absence_that_tells_something_is_seen_in_its_flag_alone():
    found = METRICS["absence", HORIZON]
    expected = -0.5 * np.sqrt(0.2 * 0.8) / SPREAD_OF_LABEL
    assert found["null_ic"] == pytest.approx(expected, abs=0.012)
    assert found["null_ic_t"] < -20
    assert abs(found["rank_ic_t"]) < 3
    assert [METRICS[name, HORIZON]["null_ic_n"] for name in NAMES] == [0, 0, len(DAYS), 0]  # the others are never null


def test_what_fades_is_worth_less_as_it_ages():
    table = decay(STUDY, NAMES.index("fading"))
    fresh = table["rank_ic"][0]
    assert table["lag_sessions"].to_list() == [*LAGS]
    for lag, value, sessions_ in table.select("lag_sessions", "rank_ic", "sessions").iter_rows():
        assert value == pytest.approx(FADES**lag * fresh, abs=0.02)
        assert sessions_ == len(DAYS) - lag
    steady = STUDY.values("autocorrelation", 1)[:, NAMES.index("fading")]
    assert np.nanmean(steady) == pytest.approx(FADES, abs=0.02)
    assert np.nanmean(STUDY.values("autocorrelation", 21)[:, 0]) == pytest.approx(0, abs=0.02)
    # a value drawn anew is in the highest fifth again one time in five
    assert np.nanmean(STUDY.values("replaced", 1)[:, 0]) == pytest.approx(0.8, abs=0.02)


def test_fifths_rise_with_a_feature_that_is_worth_something():
    total, n = STUDY.quantile_sums[:, 0]
    assert n.tolist() == [len(DAYS)] * N_QUANTILES
    assert (np.diff(total / n) > 0).all()


def test_coverage_and_youth_are_counted():
    assert STUDY.rows == N * len(DAYS)
    share = STUDY.nulls / STUDY.rows
    assert share[[0, 1, 3]].tolist() == [0, 0, 0]
    assert share[2] == pytest.approx(0.2, abs=0.01)
    assert STUDY.young[2] == sum(np.isnan(one.x[:, 2]).sum() for one in SECTIONS[:2])  # the lookback is three
    assert np.nanmean(STUDY.values("coverage")[:, 2]) == pytest.approx(0.8, abs=0.01)


def test_too_few_sessions_have_a_mean_and_no_t():
    assert mean_and_t(np.arange(14.0), 5) == (6.5, None, 14)
    assert mean_and_t(np.arange(15.0), 5)[1] == pytest.approx(hac_t(np.arange(15.0), 4))
    assert mean_and_t(np.array([np.nan, np.nan]), 5) == (None, None, 0)


def test_groups_leave_out_what_is_not_known():
    table = grouped(np.array([1.0, 3.0, np.nan, 5.0]), ["bull", "bull", "bull", None])
    assert table.rows() == [("bull", 2.0, 2)]


# properties


def test_the_rank_ic_is_the_one_by_which_models_are_judged():
    rows = [
        {"event_date": one.session, "symbol": str(i), "score": x, "label": y}
        for one in SECTIONS[:20]
        for i, (x, y) in enumerate(zip(one.x[:, 2], one.labels[1], strict=True))
    ]
    frame = pl.DataFrame(rows).with_columns(pl.col("score", "label").fill_nan(None))
    slow = rank_ic(frame.drop("label"), frame.drop("score"))
    assert STUDY.values("rank_ic", 21)[:20, 2] == pytest.approx(slow["rank_ic"].to_numpy(), abs=1e-6)


def test_an_industry_is_ranked_alone():
    only = [
        CrossSection(one.session, one.stock[::2], one.x[::2], np.ascontiguousarray(one.labels[:, ::2]), INDUSTRIES[::2])
        for one in SECTIONS
    ]
    alone = studied(only).values("rank_ic", HORIZON)
    total, n = STUDY.by_industry["x"]
    assert total / n == pytest.approx(alone.mean(axis=0), abs=1e-5)


def test_stocks_may_come_go_and_change_places():
    """Only the ranks of those who are there both times are compared."""
    rng = np.random.default_rng(3)
    moved = []
    for t, one in enumerate(SECTIONS[:70]):
        kept = rng.permutation(N)[: N - 10 if t % 3 else N]
        labels = np.ascontiguousarray(one.labels[:, kept])
        moved.append(CrossSection(one.session, kept, one.x[kept], labels, INDUSTRIES[kept]))
    shuffled = studied(moved)
    whole = studied(SECTIONS[:70])
    everyone = [t for t in range(1, 70) if t % 3 == 0]
    assert shuffled.values("rank_ic", HORIZON)[everyone] == pytest.approx(
        whole.values("rank_ic", HORIZON)[everyone], abs=1e-6
    )
    pairs = [t for t in everyone if t >= 21 and (t - 21) % 3 == 0]
    assert shuffled.values("decay", 21)[pairs] == pytest.approx(whole.values("decay", 21)[pairs], abs=1e-6)
    assert shuffled.values("decay", 1)[1] != pytest.approx(whole.values("decay", 1)[1], abs=1e-6)


def test_later_sessions_change_nothing_of_earlier_ones():
    some = studied(SECTIONS[:40])
    for name, of in (("rank_ic", HORIZON), ("decay", 5), ("replaced", 1), ("null_ic", HORIZON)):
        assert np.array_equal(some.values(name, of), STUDY.values(name, of)[:40], equal_nan=True)


def test_a_session_without_stocks_is_one_without_figures():
    empty = CrossSection(DAYS[0], np.empty(0, dtype=np.int64), np.empty((0, 4)), np.empty((2, 0)), INDUSTRIES[:0])
    study = studied([empty, SECTIONS[1]])
    assert np.isnan(study.values("rank_ic", HORIZON)[0]).all()
    assert not np.isnan(study.values("rank_ic", HORIZON)[1]).any()
