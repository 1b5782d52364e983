"""The check of one cell: what was seen of a client against the right values."""

import json

from tests.instrumentations.aspects import DOCUMENT, RAIN, TOOL_CALL, Client
from tests.instrumentations.replay import Seen


def assert_holds(aspect: str, client: Client, found: list[Seen], calls: int) -> None:
    """Hold one cell of the table against the right values."""
    rows, wanted = [one.row for one in found], client.rows
    match aspect:
        case "kind" | "model" | "tokens":
            assert [getattr(row, aspect) for row in rows] == [getattr(row, aspect) for row in wanted]
        case "input" | "output":
            told = [(getattr(row, aspect), getattr(right, aspect)) for row, right in zip(rows, wanted, strict=True)]
            assert [text for text, right in told if not fits(text, right)] == []
        case "session" | "user":
            right = getattr(client, aspect)
            assert {getattr(one, aspect) for one in found if one.twin_of is None} == {right}
        case "tools":
            called = [row.output for row, right in zip(rows, wanted, strict=True) if right.output == TOOL_CALL]
            assert len(called) == sum(row.output == TOOL_CALL for row in wanted)
            assert all(is_tool_call(text) for text in called)
            results = [row for row in rows if row.kind == "TOOL"]
            assert all("Paris" in (row.input or "") and RAIN in (row.output or "") for row in results)
        case "documents":
            assert [row.output for row in rows if row.kind == "RETRIEVER"][:1] in ([], [DOCUMENT])
        case _:
            told_twice = [one for one in found if one.twin_of is not None]
            assert len([row for row in rows if row.kind in {"LLM", "EMBEDDING"}]) == calls + client.extra_rows
            assert {one.twin_of for one in told_twice} <= {one.span_id for one in found if one.row.kind != "UNKNOWN"}
            assert len(told_twice) == sum(row.kind == "UNKNOWN" for row in wanted)


def fits(text: str | None, right: str | None) -> bool:
    """Whether a text is the right one, or begins with it."""
    if right == TOOL_CALL:
        return is_tool_call(text)
    if right is not None and right.endswith("…"):
        return (text or "").startswith(right[:-1])
    return text == right


def is_tool_call(text: str | None) -> bool:
    """Whether a text is the one tool call, on one line, with the arguments as values."""
    told = json.loads(text or "null")
    return isinstance(told, dict) and (told["type"], told["name"], told["arguments"]) == (  # pyright: ignore[reportUnknownVariableType]
        "tool_call",
        "weather",
        {"city": "Paris"},
    )
