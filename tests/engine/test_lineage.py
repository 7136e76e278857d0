"""Every partition's footer names its constituency source and the corporate actions that were known to it (law 9)."""

import json
from dataclasses import replace
from pathlib import Path

from configs.settings import FilesVendor, Profile
from feature_store.dataset import Dataset
from feature_store.hashing import digest_of
from feature_store.layout import read_footer
from feature_store.partition import StoredPartition
from feature_store.schemas.market import ADJUSTED_BARS, BARS, CORPORATE_ACTIONS, MACRO, MEMBERS, UNIVERSE
from feature_store.store import Store
from quant_assets.engine.asset import CrossSection, same
from quant_assets.engine.lineage import ACTIONS, CONSTITUENCY, constituency
from quant_assets.graph import core_assets
from tests.engine.market import SESSIONS, copy_store, make_runner, profile, run, valued

OWN = valued("laws/lineage")
LAST = SESSIONS[-1]
SIMULATED = "members: simulated"


def footer(store: Store, dataset: Dataset, session=LAST) -> dict[str, str | None]:
    (partition,) = store.partitions(dataset, session, session)
    (found,) = (p for p in read_footer(store.layout.generation(partition)) if p.session == session)
    return found.lineage


def closes(bars):
    return bars.select("event_date", "symbol", value="close")


def closes_of_members(bars, members):
    return closes(bars)


def known_by(store: Store, session) -> str:
    digest = ""
    for partition in store.partitions(CORPORATE_ACTIONS, None, session):
        digest = digest_of([digest, partition.content_hash])
    return digest


# -- known values ------------------------------------------------------------------------------------------------------


def test_every_partition_downstream_names_the_source_and_the_digest(whole: Path, chosen: Profile) -> None:
    store = make_runner(whole, chosen).store
    reads: dict[str, set[str]] = {}
    for asset in core_assets():  # topological
        direct = {window.dataset.name for window in asset.inputs.values()}
        reads[asset.name] = direct.union(*(reads[name] for name in direct))
        told = footer(store, asset.dataset)
        asks = {asset.name, *reads[asset.name]} & {MEMBERS.name, UNIVERSE.name}
        assert told[CONSTITUENCY] == (SIMULATED if asks else None), asset.name
        rests = CORPORATE_ACTIONS.name in reads[asset.name]
        assert told[ACTIONS] == (known_by(store, footer_end(asset, chosen)) if rests else None), asset.name
    assert footer(store, MACRO) == {CONSTITUENCY: None, ACTIONS: None}


def footer_end(asset, chosen: Profile):
    return asset.last_needed(LAST, chosen)


def test_the_digest_moves_with_the_actions_that_are_known_and_with_nothing_else(whole: Path, chosen: Profile) -> None:
    store = make_runner(whole, chosen).store
    digests = [footer(store, ADJUSTED_BARS, day)[ACTIONS] for day in SESSIONS[:5]]
    assert digests == [known_by(store, day) for day in SESSIONS[:5]]
    assert len(set(digests)) == 5  # a session without actions counts as one


def test_a_universe_of_bars_says_so_and_names_the_files() -> None:
    vendor = FilesVendor.model_validate({"kind": "files", "members": [{"file": "index_history"}, {"file": "more"}]})
    files = profile().model_copy(update={"vendor": vendor})
    assert constituency(files, "members") == "members: files, index_history, more"
    assert constituency(files, "bars") == "bars: files, bars"


# -- properties --------------------------------------------------------------------------------------------------------


def test_it_is_no_part_of_the_fingerprint_and_comes_back_with_the_index(
    whole: Path, chosen: Profile, tmp_path: Path
) -> None:
    store = make_runner(copy_store(whole, tmp_path / "store"), chosen).store
    before = store.partitions(UNIVERSE)
    assert not {CONSTITUENCY, ACTIONS} & set(before[0].parts)
    store.rebuild_index()
    assert store.partitions(UNIVERSE) == before


def test_a_dataset_of_its_own_inherits_from_what_it_reads(whole: Path, chosen: Profile, tmp_path: Path) -> None:
    runner = make_runner(copy_store(whole, tmp_path / "store"), chosen, datasets=[OWN])

    run(runner, CrossSection(OWN, closes, {"bars": same(BARS)}), SESSIONS[:1])
    assert footer(runner.store, OWN, SESSIONS[0]) == {CONSTITUENCY: None, ACTIONS: None}

    run(runner, CrossSection(OWN, closes_of_members, {"bars": same(BARS), "members": same(MEMBERS)}), SESSIONS[:1])
    assert footer(runner.store, OWN, SESSIONS[0]) == {CONSTITUENCY: SIMULATED, ACTIONS: None}


def test_an_index_without_lineage_is_made_anew_and_footers_from_before_it_are_read(
    whole: Path, chosen: Profile, tmp_path: Path
) -> None:
    store = make_runner(copy_store(whole, tmp_path / "store"), chosen).store
    (partition,) = store.partitions(UNIVERSE, LAST, LAST)
    store.index.connection().execute("ALTER TABLE partitions DROP COLUMN lineage")
    store.index.close()
    assert make_runner(tmp_path / "store", chosen).store.partitions(UNIVERSE, LAST, LAST) == [partition]
    old = {name: value for name, value in json.loads(partition.to_footer()).items() if name != "lineage"}
    assert StoredPartition.from_footer(json.dumps(old)) == replace(partition, lineage={})
