"""What a store says of sessions that another numeric platform has stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Profile
from feature_store.errors import StoreError
from feature_store.layout import read_footer
from feature_store.numeric_platform import PART, NumericPlatform, in_force
from feature_store.schemas.market import BARS
from quant_assets.engine import agreement, identity
from quant_assets.engine.asset import CrossSection, same
from quant_assets.engine.lineage import ActionsKnown
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.plan import plan
from quant_assets.engine.runner import Runner
from quant_assets.engine.stored_versions import StoredVersions
from quant_assets.graph import core_assets
from tests.engine.market import SESSIONS, make_runner, needed_for, run, valued

OWN = valued("laws/platforms")
DAY, NEXT = SESSIONS[0], SESSIONS[1]
BY_NAME = {asset.name: asset for asset in core_assets()}
ROUNDING, ERROR = 1 + 1e-14, 1 + 1e-4
factor = 1.0


def closes(bars: pl.DataFrame) -> pl.DataFrame:
    """Closes as the kernels of the day compute them."""
    return bars.select("event_date", "symbol", value=pl.col("close") * factor)


ASSET = CrossSection(OWN, closes, {"bars": same(BARS)})


@contextmanager
def computing_on(platform: NumericPlatform, by: float) -> Iterator[None]:
    """As on a machine whose kernels give other last digits."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (identity, agreement):
            patch.setattr(module, "in_force", lambda: platform)
        patch.setitem(globals(), "factor", by)
        yield


def other_machine() -> NumericPlatform:
    blas = (("numpy", "OpenBLAS neoversen1"), ("scipy", "OpenBLAS neoversen1"))
    return replace(in_force(), machine="aarch64", reaches_target=False, blas=blas)


@pytest.fixture
def stored(chosen: Profile, tmp_path: Path) -> Runner:
    found = make_runner(tmp_path / "store", chosen, datasets=[OWN])
    for asset in (*needed_for("market/members", BARS.name), ASSET):
        run(found, asset, [DAY, NEXT])
    return found


# -- known values ------------------------------------------------------------------------------------------------------


def test_every_footer_says_on_what_platform_its_values_were_computed(stored: Runner) -> None:
    (partition,) = stored.store.partitions(OWN, DAY, DAY)
    footer = next(p for p in read_footer(stored.store.layout.part(partition)) if p.session == DAY)
    assert footer.parts[PART] == in_force().identity


def test_on_the_platform_that_stored_a_session_its_bits_must_come_again(stored: Runner) -> None:
    with computing_on(in_force(), ROUNDING):
        result = Checker(stored).recompute(ASSET, DAY)
    assert result
    assert not result.passed
    assert "stored" in result.detail


def test_on_another_platform_a_session_is_checked_within_rounding_and_says_so(stored: Runner) -> None:
    with computing_on(other_machine(), ROUNDING):
        result = Checker(stored).recompute(ASSET, DAY)
    assert result
    assert result.passed
    assert result.detail.startswith(
        f"computed alone: stored on {in_force().identity}; compared within rounding: the largest"
    )


def test_on_another_platform_an_error_is_no_rounding(stored: Runner) -> None:
    with computing_on(other_machine(), ERROR):
        result = Checker(stored).recompute(ASSET, DAY)
    assert result
    assert not result.passed
    assert "values of value differ, the first" in result.detail
    assert "deterministic" not in result.detail


# -- properties --------------------------------------------------------------------------------------------------------


def test_sessions_of_another_platform_are_stale_and_refresh_as_new_generations(stored: Runner) -> None:
    with computing_on(other_machine(), ROUNDING):
        assert plan(stored, [(ASSET, [DAY, NEXT])]).of(ASSET.name).stale == [DAY, NEXT]
        (outcome,) = run(stored, ASSET, [DAY])
        assert outcome.partition.generation == 2
        assert outcome.partition.parts[PART] == other_machine().identity
        assert plan(stored, [(ASSET, [DAY, NEXT])]).of(ASSET.name).stale == [NEXT]


def test_a_store_of_another_platform_is_certified_whole_where_the_bits_agree(stored: Runner) -> None:
    with computing_on(other_machine(), 1.0):
        results = [Checker(stored).recompute(BY_NAME[name], NEXT) for name in ("market/bars", "market/members")]
    assert [(v.passed, v.detail) for v in results if v] == [(True, "")] * 2


def test_where_kernels_cannot_be_pinned_the_same_session_again_is_the_stored_one(stored: Runner) -> None:
    with computing_on(other_machine(), 1.0):
        (first,) = run(stored, ASSET, [DAY])
    with computing_on(other_machine(), ROUNDING):  # another chip of the same name
        result = Checker(stored).recompute(ASSET, DAY)
        frame = stored.calculation.compute(ASSET, [DAY], StoredVersions(stored.store))[DAY]
        expected = stored.expected(ASSET, [DAY])
        (again,) = stored._store(ASSET, {DAY: frame}, expected, ActionsKnown(stored.store, DAY), 0.0)
    assert result
    assert result.passed
    assert again.partition == first.partition


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_where_kernels_cannot_be_pinned_another_value_is_rejected_as_beyond_rounding(stored: Runner) -> None:
    with computing_on(other_machine(), 1.0):
        run(stored, ASSET, [DAY])
    with computing_on(other_machine(), ERROR):
        frame = stored.calculation.compute(ASSET, [DAY], StoredVersions(stored.store))[DAY]
        expected = stored.expected(ASSET, [DAY])
        with pytest.raises(
            StoreError, match=r"beyond the rounding of kernels that cannot be pinned .*aarch64"
        ) as error:
            stored._store(ASSET, {DAY: frame}, expected, ActionsKnown(stored.store, DAY), 0.0)
    assert "deterministic" not in str(error.value)


def test_a_session_that_names_no_platform_is_stale_rather_than_checked(stored: Runner) -> None:
    (partition,) = stored.store.partitions(OWN, DAY, DAY)
    unnamed = {name: value for name, value in partition.parts.items() if name != PART}
    old = replace(partition, parts=unnamed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored.store, "partitions", lambda *_: [old])
        assert Checker(stored).recompute(ASSET, DAY) is None
