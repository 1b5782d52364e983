"""One evaluator on one row: its variables, the check of its configuration, and its verdict."""

import math
from collections.abc import Mapping

from assaykit.errors import Invalid
from assaykit.judge import fences, managed, replies, templates
from assaykit.judge.cut_text import size_before
from assaykit.judge.fences import is_long
from assaykit.judge.placeholders import Writing
from assaykit.judge.providers.models import ChatModel
from assaykit.judge.steps import SHORTENED
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.evaluators import CustomCodeConfig, ManagedCodeConfig, TemplateConfig
from assaykit.wire.spans import LABEL_LIMIT

EvaluatorConfig = TemplateConfig | ManagedCodeConfig | CustomCodeConfig


def variables(config: EvaluatorConfig) -> list[str]:
    """The variables of an evaluator, in order; each needs a value in every row."""
    if isinstance(config, TemplateConfig):
        return templates.placeholders(config.template)
    return config.variables


def has(config: EvaluatorConfig, text: str | None) -> bool:
    """Whether the text is a value for the evaluator. Blank text is one for code, and none for a judge."""
    return text is not None and (not isinstance(config, TemplateConfig) or bool(text.strip()))


def check(config: EvaluatorConfig) -> None:
    """Check a configuration before any row is judged. Custom code is not checked.

    Raises:
        Invalid: the template, the choices, the variables or a static parameter cannot work.
    """
    match config:
        case TemplateConfig():
            check_template(config.template, config.classification_choices)
        case ManagedCodeConfig():
            managed.check(config)
        case CustomCodeConfig():
            pass


def check_template(template: str, choices: Mapping[str, float] | None, written: Writing = "F_STRING") -> None:
    """Check a template and its choices.

    Raises:
        Invalid: the template or a choice cannot work.
    """
    _check_choices(choices)
    templates.check(template, choices, written)


async def score(
    config: EvaluatorConfig, values: Mapping[str, str | None], model: ChatModel | None
) -> Verdict | Unscored:
    """Return the verdict on one row, or the reason why there is none. `values` has each variable's text or None.

    Faults of a row, a model or a provider are returned as `Unscored`, not raised.
    """
    wanted = variables(config)
    present = {name: text for name in wanted if (text := values.get(name)) is not None and has(config, text)}
    if len(present) < len(set(wanted)):
        names = ", ".join(repr(name) for name in wanted if name not in present)
        return Unscored("no_input", f"The row has no value for {names}.")
    match config:
        case TemplateConfig():
            if model is None:
                return Unscored("bad_model", f"The judge {config.name!r} needs a model, and none was given.")
            choices, explain = config.classification_choices, config.include_explanations
            return await judged(config.template, present, model, choices=choices, explain=explain)
        case ManagedCodeConfig():
            return cut_off(present) or await managed.run(config, present)
        case CustomCodeConfig():
            return Unscored("unsupported", f"The custom code of {config.name!r} cannot be run by this version.")


def cut_off(values: Mapping[str, str]) -> Unscored | None:
    """The reason against running code on some values: one of them was cut. None if all are whole."""
    for name, text in values.items():
        if text.endswith(SHORTENED):
            return Unscored("too_long", f"{name!r} is longer than a tree that is kept whole. Code needs all of it.")
        if (size := size_before(text)) is not None:
            return Unscored(
                "too_long", f"Only a part of {name!r} was kept: it had {size:,} bytes. Code needs all of it."
            )
    return None


def is_shortened(config: EvaluatorConfig, values: Mapping[str, str | None]) -> bool:
    """Whether a judge sees only the beginning and the end of a value."""
    if not isinstance(config, TemplateConfig):
        return False
    return any(text is not None and (is_long(text) or text.endswith(SHORTENED)) for text in values.values())


async def judged(
    template: str,
    values: Mapping[str, str],
    model: ChatModel,
    *,
    choices: Mapping[str, float] | None,
    explain: bool,
    written: Writing = "F_STRING",
) -> Verdict | Unscored:
    """Ask the model for a verdict by a template. Every variable must have a value; without choices it is free text."""
    prompt = templates.render(template, values, fences.nonce(), written)
    reply = await model.ask(prompt, replies.schema(choices, explain=explain) if choices else None)
    if isinstance(reply, Unscored):
        return reply
    return replies.parse(reply, choices, explain=explain)


def _check_choices(choices: Mapping[str, float] | None) -> None:
    if choices is None:
        return
    if not choices:
        raise Invalid("The judge has no choices.", "Give classification_choices as {label: score}.")
    for label, value in choices.items():
        if not label.strip() or len(label) > LABEL_LIMIT:
            raise Invalid(f"The choice {label!r} is blank or has more than {LABEL_LIMIT} characters.", "Rename it.")
        if not math.isfinite(value):
            raise Invalid(f"The score of the choice {label!r} is {value!r}.", "Give it a finite number.")
    folded = [label.strip().casefold() for label in choices]
    if len(set(folded)) < len(folded):
        raise Invalid(
            f"Some of the choices {list(choices)!r} differ only in letter case or space.",
            "Name them apart; replies are read in any letter case.",
        )
