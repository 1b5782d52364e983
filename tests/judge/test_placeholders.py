"""Placeholders in both writings."""

import pytest

from assaykit.errors import Invalid
from assaykit.judge.placeholders import filled, names, refuse_sections
from assaykit.wire.prompts import InputVariableFormat


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        ('{a} {b.0.c} {a} {{d}} {"json": {e}}', "F_STRING", ["a", "b.0.c", "e"]),
        ("{a} {{b}} {{ the answer }} {{b}} {{}} {{{", "MUSTACHE", ["b", "the answer"]),
        ('{{"json": 1}} {{#each}} {{/each}} {{!note}}', "MUSTACHE", []),
        ("{a} {{b}}", "NONE", []),
    ],
)
def test_names_are_found_once_and_in_order(text: str, written: InputVariableFormat, found: list[str]) -> None:
    assert names(text, written) == found


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    assert filled("{a}{b}", "F_STRING", {"a": "{b}", "b": "2"}.__getitem__) == "{b}2"
    assert filled("{{a}} {{ b }}", "MUSTACHE", {"a": "{{b}}", "b": "2"}.__getitem__) == "{{b}} 2"
    assert filled("{a} {{b}}", "NONE", str) == "{a} {{b}}"


@pytest.mark.parametrize(
    "tag", ["{{#rows}}", "{{ ^rows }}", "{{/rows}}", "{{> part}}", "{{! note}}", "{{{raw}}}", "{{&raw}}"]
)
def test_what_mustache_has_beyond_variables_is_refused(tag: str) -> None:
    with pytest.raises(Invalid, match="Mustache tag"):
        refuse_sections(f"Say {tag}", "MUSTACHE")
    refuse_sections(f"Say {tag}", "F_STRING")
