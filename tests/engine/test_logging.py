"""Verdicts computed elsewhere over the engine's own route: in one body or several, all of them or none."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import NOW, Body, problem_of, span_id
from tests.engine.rest import Rest, opened, span, trace_id

from assaykit.engine.uploads import IDLE_NS, MOST

PATH = "/x/evaluations"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncGenerator[Rest]:
    """Project "shop": spans 1 and 2 in trace 1 of one session, span 3 in a trace of its own and no session."""
    async with opened(tmp_path) as rest:
        await rest.door.send(span(1, session__id="chat"), span(2, trace=1, session__id="chat"), span(3))
        yield rest


async def project_of(rest: Rest) -> str:
    return (await rest.get("/v2/projects"))["projects"][0]["id"]


async def log(rest: Rest, *said: Body, status: int = 200, **fields: Any) -> Body:
    body = {"project_id": await project_of(rest), "evaluations": list(said), **fields}
    return await rest.ask("POST", PATH, body, status)


async def refused(rest: Rest, status: int, *said: Body, **fields: Any) -> str:
    body = {"project_id": await project_of(rest), "evaluations": list(said), **fields}
    return problem_of(status, await rest.door.http.post(PATH, json=body))


def tone(number: int, label: str = "kind", **fields: Any) -> Body:
    return {"name": "tone", "span_id": span_id(number), "label": label, **fields}


async def labels(rest: Rest) -> dict[str, list[str]]:
    found = await rest.door.spans(await project_of(rest))
    return {one["name"]: [said["label"] for said in one["evaluations"]] for one in found if one["evaluations"]}


async def matching(rest: Rest, filter_text: str) -> Sequence[str]:
    return sorted(one["name"] for one in await rest.door.spans(await project_of(rest), filter=filter_text))


async def test_verdicts_are_new_then_in_place_of_another_or_there_already(rest: Rest) -> None:
    assert await log(rest, tone(1), tone(2)) == {"new": 2, "replaced": 0, "unchanged": 0, "unmatched": 0} | {
        "unmatched_ids": []
    }
    told = await log(rest, tone(1), tone(2, "rude"), tone(3))
    assert (told["new"], told["replaced"], told["unchanged"]) == (1, 1, 1)
    assert await labels(rest) == {"call 1": ["kind"], "call 2": ["rude"], "call 3": ["kind"]}


async def test_a_trace_or_session_is_named_by_its_id_or_a_span(rest: Rest) -> None:
    done = {"name": "done", "level": "TRACE", "label": "yes"}
    await log(rest, done | {"trace_id": trace_id(1)}, done | {"span_id": span_id(3), "label": "no"})
    assert await matching(rest, "trace_eval.done.label = 'yes'") == ["call 1", "call 2"]
    assert await matching(rest, "trace_eval.done.label = 'no'") == ["call 3"]
    await log(rest, {"name": "happy", "level": "SESSION", "session_id": "chat", "score": 0.5})
    assert await matching(rest, "session_eval.happy.score = 0.5") == ["call 1", "call 2"]


async def test_two_spans_that_contradict_each_other_about_their_trace_write_nothing(rest: Rest) -> None:
    done = {"name": "done", "level": "TRACE"}
    said = [done | {"span_id": span_id(1), "label": "yes"}, done | {"span_id": span_id(2), "label": "no"}]
    assert f"The trace '{trace_id(1)}' is given two different verdicts named 'done'." in await refused(
        rest, 422, tone(3), *said
    )
    assert await labels(rest) == {}
    agreed = [one | {"label": "yes"} for one in said]
    assert (await log(rest, *agreed))["new"] == 1


async def test_a_span_of_no_session_writes_nothing(rest: Rest) -> None:
    happy = {"name": "happy", "level": "SESSION", "span_id": span_id(3), "label": "yes"}
    assert "belongs to no session" in await refused(rest, 422, tone(1), happy)
    assert await labels(rest) == {}


async def test_ids_that_name_nothing_refuse_all_or_are_skipped(rest: Rest) -> None:
    lost = [
        tone(1) | {"span_id": "nobody"},
        {"name": "done", "level": "TRACE", "trace_id": "no trace", "label": "x"},
        {"name": "happy", "level": "SESSION", "session_id": "no chat", "label": "x"},
    ]
    said = await refused(rest, 404, tone(1), *lost)
    for told in ("1 span id(s): 'nobody'", "1 trace id(s): 'no trace'", "1 session id(s): 'no chat'"):
        assert told in said
    assert await labels(rest) == {}
    told = await log(rest, tone(1), *lost, skip_unmatched=True)
    assert (told["new"], told["unmatched_ids"]) == (1, ["nobody", "no trace", "no chat"])
    assert "Nothing was written." in await refused(rest, 404, *lost, skip_unmatched=True)


async def test_a_project_that_is_not_there_is_404(rest: Rest) -> None:
    assert "'x'" in await rest.refused(404, "POST", PATH, {"project_id": "x", "evaluations": [tone(1)]})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"label": "x" * 101}, "evaluations.0.label"),
        ({"label": ""}, "evaluations.0.label"),
        ({"explanation": "x" * 10_001}, "evaluations.0.explanation"),
        ({"score": "abc"}, "evaluations.0.score"),
        ({"label": None, "explanation": "so"}, "needs a label or a score"),
        ({"span_id": None}, "exactly one of span_id, trace_id and session_id"),
        ({"trace_id": "x"}, "exactly one of span_id, trace_id and session_id"),
        ({"span_id": None, "trace_id": "x"}, "a verdict of level SPAN cannot have a trace_id"),
        ({"name": " "}, "evaluations.0.name"),
        ({"text": "x"}, "evaluations.0.text: unknown name"),
    ],
)
async def test_what_is_no_verdict_is_400(fields: Body, said: str, rest: Rest) -> None:
    assert said in await refused(rest, 400, tone(1, **fields))


async def test_parts_are_written_with_the_last_one(rest: Rest) -> None:
    first = await log(rest, tone(1), more=True)
    second = await log(rest, tone(2), more=True, upload_id=first["upload_id"])
    assert second["upload_id"] == first["upload_id"]
    assert await labels(rest) == {}
    told = await log(rest, tone(3), upload_id=first["upload_id"])
    assert (told["new"], "upload_id" in told) == (3, False)
    assert sorted(await labels(rest)) == ["call 1", "call 2", "call 3"]
    assert "no upload" in await refused(rest, 404, tone(3), upload_id=first["upload_id"])


async def test_one_wrong_part_undoes_the_others(rest: Rest) -> None:
    first = await log(rest, tone(1), more=True)
    assert "'nobody'" in await refused(rest, 404, tone(2) | {"span_id": "nobody"}, upload_id=first["upload_id"])
    second = await log(rest, tone(1), more=True)
    assert "two different verdicts" in await refused(rest, 422, tone(1, "rude"), upload_id=second["upload_id"])
    assert await labels(rest) == {}


async def test_an_upload_that_nobody_goes_on_with_is_given_up(rest: Rest) -> None:
    kept = [await log(rest, tone(1), more=True) for _ in range(MOST)][-1]
    assert f"{MOST} uploads are under way" in await refused(rest, 503, tone(1), more=True)
    rest.clock.now = NOW + IDLE_NS + 1
    assert (await log(rest, tone(1), more=True))["upload_id"] != kept["upload_id"]
    assert "no upload" in await refused(rest, 404, tone(1), upload_id=kept["upload_id"])
