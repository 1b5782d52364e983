"""A judge that is asked the same question twice: the verdict tells the label that it replaces."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from tests.engine.door import HandClock, judge_version, opened, span
from tests.engine.test_runs import ALWAYS, environment, judging
from tests.scripted_model import ScriptedModel


async def test_only_the_same_question_to_the_same_version_counts_as_asked_twice(home: Path) -> None:
    """Of four rows two have one text, and the model changes its mind about the last in its second run."""
    number = count()

    def answer(prompt: str) -> str:
        return "bad" if "fickle" in prompt and next(number) else "good"

    def made_by(row: Mapping[str, Any]) -> Mapping[str, Any]:
        (verdict,) = row["evaluations"]
        return verdict["metadata"]

    outputs = ("equal", "equal", "other", "fickle")
    again = {**ALWAYS, "override_evaluations": True}
    with ScriptedModel(answer) as model:
        async with judging(home, model, outputs=outputs) as (door, project, task):
            judge = (await door.get(f"/v2/tasks/{task}"))["evaluators"][0]["evaluator_id"]

            async def before() -> list[str | None]:
                rows = await door.spans(project, start_time="2000-01-01T00:00:00Z")
                rows = sorted(rows, key=lambda row: row["context"]["span_id"])
                return [made_by(row).get("label_before") for row in rows]

            await door.run(task, **ALWAYS)
            assert await before() == [None] * 4
            await door.run(task, **again)
            first, second, *others = await before()
            # One question answers both equal rows, so it counts once.
            assert sorted([first or "", second or ""]) == ["", "good"]
            assert others == ["good", "good"]
            # The third row has another text, so its question is another.
            await door.send(span(2, "changed"))
            await door.run(task, **again)
            assert (await before())[2:] == [None, "bad"]
            integration = (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
            body = judge_version(integration, template="Is this really good? {output}")
            await door.post(f"/v2/evaluators/{judge}/versions", body)
            await door.run(task, **again)
            assert await before() == [None] * 4
        async with opened(home, environment(model), HandClock()) as door:
            row = (await door.spans(project, start_time="2000-01-01T00:00:00Z"))[0]
            assert {"prompt_tokens", "completion_tokens", "question"} <= made_by(row).keys()
