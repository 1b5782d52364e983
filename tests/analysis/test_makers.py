"""The evaluators' versions and models that the rows of experiments tell."""

import pytest
from tests.analysis.variants import outcome

from assaykit.analysis.makers import Maker, described, differing, makers
from assaykit.analysis.reading import outcomes
from assaykit.analysis.rows import Outcome


def rows(**metadata: str) -> list[Outcome]:
    told = {f"eval.tone.metadata.{key}": value for key, value in metadata.items()}
    return outcomes([{"id": "1", "example_id": "e", "eval.tone.score": 1, **told}])


@pytest.mark.parametrize(
    ("metadata", "maker"),
    [
        ({"evaluator_version_id": "v1", "model": "m"}, Maker(("v1",), ("m",))),
        ({"version": "2", "code": "abc"}, Maker(("2",), ())),
        ({"model_name": "m", "temperature": "0"}, Maker((), ("m",))),
    ],
)
def test_metadata_of_a_verdict_tells_its_maker(metadata: dict[str, str], maker: Maker) -> None:
    assert makers({"old": rows(**metadata)}) == {"tone": {"old": maker}}


def test_rows_without_metadata_tell_no_maker() -> None:
    assert makers({"old": [outcome("e", score=1)]}) == {}
    assert makers({"old": rows(temperature="0")}) == {}


def test_another_version_or_model_is_told_with_both() -> None:
    found = makers({"old": rows(version="1", model="m"), "new": rows(version="2", model="n")})
    after = "A difference can come from the evaluator; score all rows by one."
    assert differing(found) == [
        f"Not the same evaluator: tone has the version 1 on old, 2 on new. {after}",
        f"Not the same evaluator: tone has the model m on old, n on new. {after}",
    ]


def test_two_versions_on_each_experiment_are_told_though_the_experiments_are_alike() -> None:
    """A judge got a new version while it scored: the pairs of the experiments may be of two versions."""
    mixed = [*rows(version="1"), *rows(version="2")]
    sentence = "Not the same evaluator: tone has the version 1 and 2 on {}. A difference can come from the evaluator; "
    assert differing(makers({"old": mixed, "new": mixed})) == [
        sentence.format("old, 1 and 2 on new") + "score all rows by one."
    ]
    assert differing(makers({"old": mixed})) == [sentence.format("old") + "score all rows by one."]


def test_one_version_or_an_unknown_one_is_no_difference() -> None:
    assert differing(makers({"old": rows(version="1"), "new": rows(version="1")})) == []
    assert differing(makers({"old": rows(version="1"), "new": [outcome("e", score=1, evaluator="tone")]})) == []
    assert described(makers({"old": rows(version="1", model="m")})) == ["tone, version 1, model m"]
