from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from feature_store.dataset import Grade
from feature_store.versioning import fingerprint, schema_version
from tests.feature_store.examples import DERIVED, FACTS

# properties


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_its_parts_does_not_count_in_a_fingerprint(parts: dict[str, str], random: object):
    items = list(parts.items())
    random.shuffle(items)
    assert fingerprint(dict(items)) == fingerprint(parts)


def test_every_part_counts_in_a_fingerprint():
    parts = {"schema": "1", "code": "2", "config": "3"}
    others = [{**parts, name: "x"} for name in parts] + [{"schema": "1", "code": "2"}, {**parts, "input": "4"}]
    assert len({fingerprint(p) for p in [parts, *others]}) == 6


def test_whatever_changes_a_dataset_changes_its_schema_version_and_its_words_do_not():
    value = FACTS.columns[1]
    changed = [
        replace(FACTS, name="examples/other"),
        replace(FACTS, version=2),
        replace(FACTS, restates=False),
        replace(FACTS, key=("symbol", "value")),
        *(
            replace(FACTS, columns=(FACTS.columns[0], replace(value, **change)))
            for change in (
                {"unit": "USD"},
                {"nullable": False},
                {"at_least": -99},
                {"above": 0},
                {"at_most": 0},
                {"one_of": ("a",)},
                {"grade": Grade.RULED},
                {"name": "other"},
            )
        ),
    ]
    assert len({schema_version(dataset) for dataset in [FACTS, DERIVED, *changed]}) == len(changed) + 2
    told = replace(FACTS, description="Else.", columns=(FACTS.columns[0], replace(value, description="else")))
    assert schema_version(told) == schema_version(FACTS)
