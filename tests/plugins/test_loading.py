"""What a plugin may be, and what is rejected by name: each test writes modules of its own names."""

from pathlib import Path

import pytest

from configs.load import ConfigError, config_hash
from feature_store.code.identity import code_identity
from feature_store.code.sources import is_ours
from quant_assets.engine.computation import Calculation
from quant_assets.engine.identity import identity, settings_of
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets, core_assets, read_by
from quant_resources.home import Choice, Home
from quant_resources.plugins import PluginError, datasets_of, plugins_of
from quant_resources.vendors.ingest.feeds import SeveralVendors, vendor_of
from quant_resources.vendors.registry import make_vendor
from tests.plugins.packages import package, profile_file, profile_of

PLAIN = 'PLUGIN = Plugin(name="{name}", assets=[asset("{name}/values")])'
FEED = """
class Feed:
    def fetch(self, dataset, sessions, until):
        return dataset.empty().with_columns(session=pl.lit(None, pl.Date))

    def parse(self, dataset, raw, sessions):
        return raw

    def left_out(self, dataset, raw, sessions):
        return {}
"""

# -- known values ------------------------------------------------------------------------------------------------------


def test_a_plugins_assets_stand_in_the_graph_after_what_they_read(tmp_path: Path) -> None:
    package(tmp_path, "plain_one", PLAIN.format(name="plain_one"))
    profile = profile_of(tmp_path, "plain_one")
    names = [asset.name for asset in all_assets(profile)]
    assert sorted(names) == sorted([*(asset.name for asset in core_assets()), "plain_one/values"])
    assert names.index("plain_one/values") > names.index("market/adjusted_bars")
    assert [*datasets_of(profile)][-1] == "plain_one/values"


def test_a_strategy_is_merged_where_predictions_are(tmp_path: Path) -> None:
    package(
        tmp_path,
        "plain_strategy",
        """
        def nothing(universe, session):
            return STRATEGY.empty().drop("known_at")

        STRATEGY = strategy_dataset("plain_strategy/nothing", "Nothing.")
        ASSET = CrossSection(STRATEGY, nothing, {"universe": same(UNIVERSE)})
        PLUGIN = Plugin(name="plain_strategy", strategies=[ASSET])
        """,
    )
    profile = profile_of(tmp_path, "plain_strategy")
    (combined,) = (asset for asset in all_assets(profile) if asset.name == "alpha/combined")
    (plain,) = (asset for asset in core_assets() if asset.name == "alpha/combined")
    assert [*combined.inputs] == [*plain.inputs, "plain_strategy/nothing"]
    (book,) = (asset for asset in core_assets() if asset.name == "execution/book")
    assert [dataset.name for dataset in read_by(profile, book.dataset)] == ["plain_strategy/nothing"]


def test_settings_of_its_own_are_typed_and_have_defaults(tmp_path: Path) -> None:
    own = """
        from configs.settings import Settings

        class Own{n}(Settings):
            window: int = 5
            level: float = 1.0

        PLUGIN = Plugin(name="{name}", settings=Own{n}, assets=[asset("{name}/values", {function})])
    """
    package(tmp_path, "own_defaults", own.format(n=1, name="own_defaults", function="last"))
    (plugin,) = plugins_of(profile_of(tmp_path, "own_defaults"))
    assert profile_of(tmp_path, "own_defaults").part(plugin.settings).window == 5
    more = "plugin_settings: {own_defaults: {window: 9}}"
    chosen = profile_of(tmp_path, "own_defaults", more=more)
    assert chosen.part(plugin.settings).window == 9
    assert config_hash(chosen) != config_hash(profile_of(tmp_path, "own_defaults"))


def test_only_settings_that_its_code_names_count(tmp_path: Path) -> None:
    text = """
        from configs.settings import Settings

        class Named(Settings):
            window: int = 5
            level: float = 1.0

        def levelled(bars, sessions, first, settings: Named):
            return last(bars, sessions, first).with_columns(value=pl.col("value") * settings.level)

        PLUGIN = Plugin(name="named_settings", settings=Named, assets=[asset("named_settings/values", levelled)])
    """
    package(tmp_path, "named_settings", text)
    (asset,) = (a for a in all_assets(profile_of(tmp_path, "named_settings")) if a.name == "named_settings/values")
    found = {
        key: settings_of(
            asset, profile_of(tmp_path, "named_settings", more=f"plugin_settings: {{named_settings: {value}}}")
        )
        for key, value in {"plain": "{}", "window": "{window: 6}", "level": "{level: 2}"}.items()
    }
    assert found["plain"]["Named"] == found["window"]["Named"] == '{"level": 1.0}'
    assert found["level"]["Named"] == '{"level": 2.0}'


def test_its_package_counts_by_content_even_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "brought", PLAIN.format(name="brought"))
    info = tmp_path / "brought-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (info / "RECORD").write_text("brought.py,,\n")
    (info / "entry_points.txt").write_text("[asof.plugins]\nby_entry_point = brought:PLUGIN\n")
    (tmp_path / "beside").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    profile = profile_of(tmp_path / "beside", "by_entry_point")
    (asset,) = (a for a in all_assets(profile) if a.name == "brought/values")
    assert is_ours("brought", "")
    assert "brought.last" in code_identity(asset.function).definitions


def test_a_feed_serves_its_own_sources_and_makes_no_other_stale(tmp_path: Path) -> None:
    package(
        tmp_path,
        "feeding",
        FEED
        + """
NEWS = Dataset("feeding/news", ("symbol",), (SYMBOL, number("tone", "ratio", "of news")), "News.", origin=Events())
PLUGIN = Plugin(name="feeding", assets=[Source(NEWS)], feed=lambda profile, raw: Feed())
""",
    )
    profile, without = profile_of(tmp_path, "feeding"), profile_of(tmp_path)
    vendor, market = make_vendor(profile, tmp_path), make_vendor(without, tmp_path)
    assert isinstance(vendor, SeveralVendors)
    by_name = {asset.name: asset for asset in all_assets(profile)}
    bars, news = by_name["market/bars"], by_name["feeding/news"]
    assert type(vendor_of(vendor, news.dataset)).__name__ == "Feed"
    assert type(vendor_of(vendor, bars.dataset)) is type(market)
    home = Home(tmp_path / "home")
    home.remember(Choice(str(profile_file(tmp_path, "feeding"))))
    clock = home.open_store().clock
    parts = {
        name: identity(asset, Calculation(of, clock, by), Runner).parts
        for name, asset, of, by in (("with", bars, profile, vendor), ("without", bars, without, market))
    }
    assert parts["with"] == parts["without"]
    assert identity(news, Calculation(profile, clock, vendor), Runner).parts["config:vendor"]


def test_a_profile_chooses_a_vendor_that_a_plugin_brings(tmp_path: Path) -> None:
    package(
        tmp_path, "selling", FEED + 'PLUGIN = Plugin(name="selling", vendors={"whole": lambda profile, raw: Feed()})'
    )
    file = tmp_path / "own.yaml"
    profile_file(tmp_path, "selling")
    file.write_text(file.read_text().replace("{kind: simulated}", "{kind: plugin, name: whole}"))
    home = Home(tmp_path / "home")
    home.remember(Choice(str(file)))
    assert type(make_vendor(home.profile, tmp_path)).__name__ == "Feed"
    file.write_text(file.read_text().replace("whole", "hole"))
    with pytest.raises(PluginError, match=r"'hole' is a vendor of no plugin; did you mean whole\?"):
        make_vendor(Home(tmp_path / "home").profile, tmp_path)


# -- properties --------------------------------------------------------------------------------------------------------


def test_without_plugins_the_graph_is_the_platforms(tmp_path: Path) -> None:
    profile = profile_of(tmp_path)
    assert [a.name for a in all_assets(profile)] == [a.name for a in core_assets()]
    assert all(a is b for a, b in zip(all_assets(profile), core_assets(), strict=True))


def test_a_home_finds_its_profile_and_plugins_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "from_anywhere", PLAIN.format(name="from_anywhere"))
    profile_file(tmp_path, "from_anywhere")
    home = Home(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "asof.yaml").write_text("profile: own.yaml\ndata: null\noverrides: {}\n")
    home.remember(home.choice())
    monkeypatch.chdir("/")
    assert [plugin.name for plugin in plugins_of(Home(tmp_path / "home").profile)] == ["from_anywhere"]


# -- rejections --------------------------------------------------------------------------------------------------------


def test_a_module_that_is_not_there_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        PluginError, match=f"plugin nowhere.assets: there is no module nowhere; put its package into {tmp_path}"
    ):
        profile_of(tmp_path, "nowhere.assets")


def test_a_module_that_does_not_import_is_named_with_the_error_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "broken_import.py").write_text("import polars\n\nlevel = 1 / 0\n")
    with pytest.raises(
        PluginError, match=r"importing broken_import failed: ZeroDivisionError: .*broken_import\.py, line 3"
    ):
        profile_of(tmp_path, "broken_import")
    (tmp_path / "broken_syntax.py").write_text("def f(:\n")
    with pytest.raises(PluginError, match=r"broken_syntax failed: SyntaxError: .*broken_syntax\.py, line 1"):
        profile_of(tmp_path, "broken_syntax")
    (tmp_path / "lacks_library.py").write_text("import a_library_that_nobody_has\n")
    with pytest.raises(PluginError, match="No module named 'a_library_that_nobody_has'"):
        profile_of(tmp_path, "lacks_library")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("declares_nothing", "", "has no PLUGIN; write PLUGIN = Plugin"),
        ("declares_a_list", "PLUGIN = []", "holds a list there"),
        ("misspells", 'PLUGIN = Plugin(name="x", asets=[])', "unexpected keyword argument 'asets'"),
        ("bad_name", 'PLUGIN = Plugin(name="My Research")', "'My Research' must be lower case"),
        ("bare", 'PLUGIN = Plugin(name="bare", assets=[last])', r"assets\[0\] is a function and no session asset"),
        ("spelled", 'PLUGIN = Plugin(name="spelled", assets=[asset("Spelled/x")])', "must be named slice/name"),
        ("ours", 'PLUGIN = Plugin(name="ours", assets=[asset("market/bars")])', "platform has a dataset market/bars"),
        ("twice", 'PLUGIN = Plugin(name="twice", assets=[asset("twice/x"), asset("twice/x")])', "both bring a dataset"),
        ("untyped", 'PLUGIN = Plugin(name="untyped", settings=dict)', "inherits configs.settings.Settings"),
    ],
)  # fmt: skip
def test_a_plugin_that_is_not_sound_is_rejected(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    package(tmp_path, name, text)
    with pytest.raises(PluginError, match=complaint):
        profile_of(tmp_path, name)


READS = """
def nothing(**inputs):
    return None

def reading(dataset, columns=None):
    return CrossSection(values("{name}/values"), nothing, {{"rows": same(dataset, columns)}})

"""


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("reads_absent", 'assets=[reading(values("market/adjusted_bar"))]',
         r"reads market/adjusted_bar, which no asset stores; did you mean market/adjusted_bars"),
        ("reads_otherwise", 'assets=[reading(values("market/bars"))]', "another declaration than the graph has"),
        ("reads_column", 'assets=[reading(BARS, ("clsoe",))]', r"column clsoe of market/bars.*did you mean close"),
        ("no_strategy", "strategies=[reading(BARS)]", r"must have the key \(symbol, horizon_sessions\)"),
        ("unfed", 'assets=[Source(values("unfed/x"))]', "is a source; its Dataset needs origin=Events"),
    ],
)  # fmt: skip
def test_a_plugin_that_does_not_fit_the_graph_is_rejected(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    package(tmp_path, name, f'{READS.format(name=name)}PLUGIN = Plugin(name="{name}", {text})')
    with pytest.raises(PluginError, match=complaint):
        all_assets(profile_of(tmp_path, name))


def test_datasets_that_rest_on_one_another_are_rejected(tmp_path: Path) -> None:
    package(
        tmp_path,
        "round_trip",
        """
        def nothing(book, session):
            return None

        STRATEGY = strategy_dataset("round_trip/echo", "What is held.")
        PLUGIN = Plugin(name="round_trip", strategies=[CrossSection(STRATEGY, nothing, {"book": same(BOOK)})])
        """,
    )
    with pytest.raises(
        PluginError, match=r"rest on one another: .*round_trip/echo.*let the plugin read what comes before"
    ):
        all_assets(profile_of(tmp_path, "round_trip"))


def test_two_plugins_alike_are_rejected(tmp_path: Path) -> None:
    package(tmp_path, "alike_a", 'PLUGIN = Plugin(name="alike_a", assets=[asset("alike/values")])')
    package(tmp_path, "alike_b", 'PLUGIN = Plugin(name="alike_b", assets=[asset("alike/values")])')
    package(tmp_path, "alike_c", 'PLUGIN = Plugin(name="alike_a")')
    with pytest.raises(PluginError, match="alike_a and alike_b both bring a dataset alike/values"):
        profile_of(tmp_path, "alike_a", "alike_b")
    with pytest.raises(PluginError, match="alike_a and alike_c both bring a plugin alike_a"):
        profile_of(tmp_path, "alike_a", "alike_c")
    with pytest.raises(PluginError, match="plugins names alike_a twice"):
        profile_of(tmp_path, "alike_a", "alike_a")


def test_settings_that_fit_no_plugin_are_rejected(tmp_path: Path) -> None:
    text = """
        from configs.settings import Settings

        class Strict(Settings):
            window: int

        PLUGIN = Plugin(name="strict", settings=Strict)
    """
    package(tmp_path, "strict", text)
    for more, complaint in {
        "": r"`plugin_settings\.strict\.window` is missing",
        "plugin_settings: {strict: {window: many}}": r"plugin_settings\.strict\.window = 'many'",
        "plugin_settings: {strict: {windw: 5}}": r"no setting `plugin_settings\.strict\.windw`; did you mean window\?",
        "plugin_settings: {stric: {window: 5}}": r"plugin_settings\.stric belongs to no plugin; did you mean strict\?",
    }.items():
        with pytest.raises(ConfigError, match=complaint):
            profile_of(tmp_path, "strict", more=more)


def test_another_package_of_the_same_name_is_never_taken_for_the_one_beside_the_profile(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        package(tmp_path / folder, "same_name", PLAIN.format(name="same_name"))
    profile_of(tmp_path / "one", "same_name")
    with pytest.raises(
        PluginError, match=f"same_name was loaded from {tmp_path}/one/.*holds another at {tmp_path}/two"
    ):
        profile_of(tmp_path / "two", "same_name")
