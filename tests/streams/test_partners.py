"""Agreements: what is wrong with a file is told, and how sources stand to each other is data."""

from __future__ import annotations

import pytest

from infra.errors import MeteoError
from streams.store.partners import open_data_agreements, read_agreement, source_groups
from tests.streams.stream_world import agreement


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("key: [", "not readable as YAML"),
        ("key: Nantes\nname: x\nkind: hospital\nsignals: [admissions]", "key: String should match"),
        ("key: chu\nname: x\nkind: hospital\nsignals: [tea]", "unknown signals tea"),
        (
            "key: chu\nname: x\nkind: hospital\nsignals: [admissions]\nplaces: ['99']",
            "unknown territories 99",
        ),
        (
            "key: chu\nname: x\nkind: hospital\nsignals: [admissions]\nthreshhold: 3",
            "threshhold: Extra inputs",
        ),
        ("just a text", "document:"),
    ],
)
def test_a_wrong_agreement_names_file_and_field(text: str, told: str) -> None:
    with pytest.raises(MeteoError, match=f"chu.yaml: .*{told}"):
        read_agreement(text, "chu.yaml")


def test_open_data_is_exempt_from_the_threshold() -> None:
    found = {a.key: a for a in open_data_agreements()}
    assert found.keys() == {"spf", "drees", "sentinelles"}
    assert all(a.open_licence and a.threshold == 0 for a in found.values())


def test_groups_and_pairs_of_disjoint_sources_make_one_set_with_its_best_precedence() -> None:
    groups = source_groups(
        [
            agreement("a", group="g", precedence=30),
            agreement("b", group="g", precedence=20),
            agreement("c", disjoint_with=["b"], precedence=40),
            agreement("d", precedence=5),
        ]
    )
    assert groups == {"a": (20, "a"), "b": (20, "a"), "c": (20, "a"), "d": (5, "d")}
