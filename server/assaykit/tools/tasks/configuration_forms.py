"""Run configurations as users write them, in the form of the contract, with a note on each change."""

from collections.abc import Mapping
from typing import Any, cast

from assaykit.errors import Invalid
from assaykit.foreign import as_word, exactly
from assaykit.judge.placeholders import Writing, names, rewritten, spelt, written_as

_OF_JUDGES = ("classification_choices", "evaluator_version_id", "provide_explanation")
"""The keys that make a template one of a judge. A judge's template gets the frame of judges, and a prompt none."""


def in_contract(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The configuration with its type and with variables in the notation of the contract, and notes on both.

    A template without a key of judges is a prompt: one message, whose variables are the mapped columns.

    Raises:
        Invalid: a mapping of a prompt names no variable.
    """
    wanted = dict(given)
    wanted.setdefault("experiment_type", _kind(wanted))
    kind = str(wanted["experiment_type"]).upper()
    template = wanted.get("template")
    if kind == "LLM_GENERATION" and isinstance(template, str) and "messages" not in wanted:
        return _as_prompt(wanted, template)
    if kind == "LLM_GENERATION":
        return _in_one_notation(wanted)
    if kind == "TEMPLATE_EVALUATION" and isinstance(template, str) and written_as(template) == "F_STRING":
        wanted["template"] = rewritten(template, "F_STRING", "MUSTACHE")
        return wanted, [_note(template, "F_STRING", "MUSTACHE")]
    return wanted, []


def _kind(given: Mapping[str, Any]) -> str:
    if "template" in given:
        return "TEMPLATE_EVALUATION" if any(key in given for key in _OF_JUDGES) else "LLM_GENERATION"
    return "AGENT_CALL" if "input_template" in given else "LLM_GENERATION"


def _as_prompt(wanted: dict[str, Any], template: str) -> tuple[dict[str, Any], list[str]]:
    del wanted["template"]
    written: Writing = "MUSTACHE" if names(template, "MUSTACHE") else "F_STRING"
    told = wanted.setdefault("input_variable_format", written)
    if told == written and isinstance(wanted.get("column_mapping"), Mapping):
        mapping = cast("Mapping[str, str]", wanted.pop("column_mapping"))
        if strange := [one for one in mapping if one not in names(template, written)]:
            raise Invalid(
                f"column_mapping names {exactly(strange[0])}, which the template does not have.",
                f"Its variables are {', '.join(names(template, written)) or 'none'}.",
            )
        template = rewritten(template, written, written, mapping)
    wanted["messages"] = [{"role": "USER", "content": template}]
    return wanted, ["The template has no classification_choices, so it is a prompt: the model gets its text alone."]


def _in_one_notation(wanted: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Messages without a format whose variables are all written `{{x}}` have the format MUSTACHE."""
    if "input_variable_format" in wanted or not isinstance(wanted.get("messages"), list):
        return wanted, []
    messages = cast("list[Any]", wanted["messages"])
    contents = [cast("dict[str, Any]", one).get("content") for one in messages if isinstance(one, dict)]
    text = "\n".join(one for one in contents if isinstance(one, str))
    if written_as(text) != "MUSTACHE":
        return wanted, []
    wanted["input_variable_format"] = "MUSTACHE"
    return wanted, ["The variables are written {{x}}, so input_variable_format is MUSTACHE."]


def _note(text: str, written: Writing, wanted: Writing) -> str:
    before, after = (spelt(names(text, written)[0], one) for one in (written, wanted))
    return f"The template's variables are sent as the contract writes them: {as_word(after)} for {as_word(before)}."
