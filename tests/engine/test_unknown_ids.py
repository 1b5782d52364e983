"""Ids that name nothing: each is refused in the same words, with the list to look in."""

from pathlib import Path

import pytest
from tests.engine.rest import opened


@pytest.mark.parametrize(
    ("path", "noun"),
    [
        ("/v2/spaces", "space"),
        ("/v2/datasets", "dataset"),
        ("/v2/experiments", "experiment"),
        ("/v2/prompts", "prompt"),
        ("/v2/evaluators", "evaluator"),
        ("/v2/tasks", "task"),
        ("/v2/ai-integrations", "AI integration"),
        ("/v2/annotation-configs", "annotation config"),
    ],
)
async def test_an_id_that_names_nothing_is_refused_with_the_list_to_look_in(home: Path, path: str, noun: str) -> None:
    async with opened(home) as rest:
        said = await rest.refused(404, "GET", f"{path}/none")
    assert f"There is no {noun} with the id 'none'." in said
    assert f"GET {path} lists them." in said
