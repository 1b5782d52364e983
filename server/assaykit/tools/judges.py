"""Toolset judges: LLM judges and code evaluators, from the catalogue or one's own."""

import difflib
from typing import Annotated, Any

from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Conflict, Invalid, NotFound, Unsupported
from assaykit.judge import templates
from assaykit.judge.columns import as_text, resolve
from assaykit.judge.units import NOUNS
from assaykit.planning.judges import Recipe, version_of
from assaykit.planning.periods import parse
from assaykit.planning.spans import SpanQuery, WantedEvaluator, mappings_for, sample_rows
from assaykit.planning.units import sample_units
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import plain, save
from assaykit.toolkit.parameters import Filter, Here, Mappings, PeriodText, ProjectName, SaveTo, SpaceName
from assaykit.toolkit.replies import Reply, fitting, one_line, quoted
from assaykit.tools.tasks.units import evaluator_named
from assaykit.wire.bodies import AnyCase
from assaykit.wire.evaluators import (
    CreateCodeVersionRequest,
    CreateEvaluatorRequest,
    CreateTemplateVersionRequest,
    Direction,
    Evaluator,
    EvaluatorPage,
    EvaluatorTemplate,
    EvaluatorTemplates,
    EvaluatorVersion,
    EvaluatorWithVersion,
    ManagedCodeConfig,
    ManagedEvaluator,
    TemplateConfig,
)
from assaykit.wire.local import JudgedRows, JudgeRowsRequest

PREVIEW_ROWS = 10
OWN_LIMIT = 6_000
"""Bytes of the list of a space's own judges."""

NewVersion = CreateTemplateVersionRequest | CreateCodeVersionRequest


@tool("read")
async def list_judges(
    here: Here,
    judge: Annotated[str | None, Field(description="This one in full")] = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List a space's judges and code evaluators, and the catalogue of ready-made judges.

    Source: REST v2 `GET /v2/evaluators`, `GET /v2/evaluator-templates`.
    Raises: NotFound, Invalid.
    """
    within = await here.space(space)
    if save_to is not None:
        if judge is not None:
            raise Invalid("save_to writes the list, and judge shows one in full.", "Leave one of them out.")
        every = rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": within.id})
        return await save(here, save_to, None, every, plain, "judges", here.source(within), overwrite=overwrite)
    catalogue = (await here.api.get("/v2/evaluator-templates", EvaluatorTemplates)).evaluator_templates
    if judge is not None:
        return await _in_full(here, judge, space, catalogue)
    found: list[Evaluator] = [
        row async for row in rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": within.id})
    ]
    data = {
        **here.source(within),
        "judges": [{"id": one.id, "name": one.name, "type": one.type} for one in found],
        "catalogue": [
            {
                "name": one.column_name,
                "variables": templates.placeholders(one.template),
                "choices": one.classification_choices,
                "direction": one.direction,
            }
            for one in catalogue
        ],
    }
    names = [f"{quoted(one.name)} ({one.type})" for one in found]
    shown = names[: fitting(names, OWN_LIMIT)]
    others = f" and {len(names) - len(shown)} more, which save_to='judges.csv' lists" if len(shown) < len(names) else ""
    own = ", ".join(shown) + others if names else "none yet"
    ready = "; ".join(
        f"{one.column_name}({', '.join(templates.placeholders(one.template))}) -> "
        f"{'/'.join(one.classification_choices or {})}"
        for one in catalogue
    )
    return Reply(f"Judges of space {quoted(within.name)}: {own}\nCatalogue: {ready}", data)


@tool("add")
async def create_judge(
    here: Here,
    name: str,
    catalogue: Annotated[str | None, Field(description="Ready-made judge")] = None,
    template: Annotated[str | None, Field(description="Own prompt with {variables}")] = None,
    choices: Annotated[dict[str, float] | None, Field(description="{label: score}")] = None,
    code: Annotated[ManagedEvaluator | None, AnyCase, Field(description="Code evaluator, no model")] = None,
    variables: list[str] | None = None,
    pattern: str | None = None,
    keywords: list[str] | None = None,
    direction: Annotated[Direction | None, AnyCase] = None,
    explanations: bool = True,
    integration: str | None = None,
    model: str | None = None,
    new_version: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Create a judge: from the catalogue, from your own template and choices, or a code evaluator.

    Source: REST v2 `POST /v2/evaluators`, `POST /v2/evaluators/{id}/versions`.
    Raises: Invalid, NotFound, Conflict.
    """
    within = await here.space(space)
    recipe = Recipe(
        name=name,
        catalogue=catalogue,
        template=template,
        choices=choices,
        code=code,
        variables=variables,
        pattern=pattern,
        keywords=keywords,
        direction=direction,
        explanations=explanations,
    )
    version = await version_of(here, recipe, integration=integration, model=model)
    kind = "TEMPLATE" if isinstance(version, CreateTemplateVersionRequest) else "CODE"
    existing = await evaluator_named(here, within, name)
    if existing is not None and not new_version:
        raise Conflict(
            f"Space {within.name!r} has a {existing.type.lower()} evaluator named {existing.name!r} already.",
            "Use it, pass new_version=true to add a version to it, or choose another name.",
        )
    if existing is None:
        wanted = CreateEvaluatorRequest(space_id=within.id, name=name, type=kind, version=version)
        made = await here.api.post("/v2/evaluators", EvaluatorWithVersion, wanted)
        judge_id, config, what = made.id, made.version.config, "Created"
    else:
        at = path("v2", "evaluators", existing.id, "versions")
        now = await here.api.get(path("v2", "evaluators", existing.id), EvaluatorWithVersion)
        added = await here.api.post(at, EvaluatorVersion, _judging_the_same(version, now))
        judge_id, config, what = existing.id, added.config, "Added a version to"
    here.names.forget()
    data = {**here.source(within), "judge": name, "id": judge_id, "type": kind, **_facts(config)}
    return Reply(
        f"{what} {name!r} ({_summary(config)}). Next: `preview_judge` on real rows, then `trigger_backfill`.",
        data,
    )


@tool("read", "spend")
async def preview_judge(
    here: Here,
    judge: str,
    project: ProjectName = None,
    filter: Filter = None,  # noqa: A002  (AX's word for it)
    window: PeriodText = None,
    column_mappings: Mappings = None,
    rows: Annotated[int, Field(ge=1, le=PREVIEW_ROWS)] = 3,
    call_model: bool = True,
    space: SpaceName = None,
) -> Reply:
    """Try a judge on a few real spans; nothing is stored. Shows the mapping, one rendered prompt and the verdicts.

    Source: REST v2 `POST /v2/spans`; on the engine `POST /x/judge`.
    Raises: NotFound, Invalid.
    """
    within = await here.space(space)
    target = await here.names.project(project, within)
    found = await _evaluator(here, judge, space)
    wanted = WantedEvaluator(found, column_mappings=column_mappings)
    period = parse(window or "everything", here.now())
    query = SpanQuery(target.id, period, filter)
    noun = NOUNS[wanted.granularity]
    mapping, values = await _on_sample(here, wanted, query, rows)
    if not values:
        raise NotFound(f"No {noun} of {target.name!r} {period.told} matches.", "Widen the window or loosen the filter.")
    prompt = _prompt(wanted.config, values[0])
    results = await _judged(here, found, values) if call_model else None
    data: dict[str, Any] = {
        **here.source(within),
        "judge": found.name,
        "column_mappings": mapping,
        "prompt": prompt,
        "results": None if results is None else [one.model_dump() for one in results.results],
    }
    lines = [f"{one_line(name, 60)} <- {one_line(at, 120)}" for name, at in mapping.items()]
    shown = [] if prompt is None else ["First prompt:", *prompt.splitlines()]
    for one in () if results is None else results.results:
        verdict = f"not scored: {one.error}" if one.error else f"{one.label} ({one.score})"
        shown.append(one_line(f"{verdict} {one.explanation or ''}"))
    return Reply(f"{quoted(found.name)} on {len(values)} {noun}(s): {'; '.join(lines)}", data, shown)


render_judge = preview_judge.free_look(
    "render_judge",
    "Show a judge's mapping and first prompt on real rows, as preview_judge does; no model is called. Free.",
    unlisted=(),
    call_model=False,
)


async def _on_sample(
    here: Session, wanted: WantedEvaluator, query: SpanQuery, most: int
) -> tuple[dict[str, str], list[dict[str, str | None]]]:
    """The mapping as a task would have it, and a judge's values from the newest spans, traces or sessions."""
    if wanted.granularity == "SPAN":
        sample = await sample_rows(here.api, query)
        mapping = mappings_for(wanted, sample)
        return mapping, [{name: as_text(resolve(row, at)) for name, at in mapping.items()} for row in sample[:most]]
    units = await sample_units(here.api, query, wanted.granularity, wanted)
    mapping = mappings_for(wanted, units)
    places = range(min(most, units.size))
    return mapping, [{name: units.read(place, name, at) for name, at in mapping.items()} for place in places]


async def _judged(here: Session, found: EvaluatorWithVersion, values: list[dict[str, str | None]]) -> JudgedRows:
    if not await here.api.has_engine_routes():
        raise Unsupported(
            "Arize AX calls a judge's model only inside a task run.",
            "Look with render_judge, then trigger a backfill over a short window.",
        )
    return await here.api.post("/x/judge", JudgedRows, JudgeRowsRequest(evaluator_id=found.id, rows=values))


async def _evaluator(here: Session, judge: str, space: str | None) -> EvaluatorWithVersion:
    named = await here.names.judge(judge, await here.space(space))
    return await here.api.get(path("v2", "evaluators", named.id), EvaluatorWithVersion)


def _judging_the_same(version: NewVersion, now: EvaluatorWithVersion) -> NewVersion:
    """The version with the unit that the evaluator judges now: spans, traces or sessions."""
    config = now.version.config
    kept = {"data_granularity": None if config is None else config.data_granularity}
    if isinstance(version, CreateTemplateVersionRequest):
        return version.model_copy(update={"template_config": version.template_config.model_copy(update=kept)})
    return version.model_copy(update={"code_config": version.code_config.model_copy(update=kept)})


async def _in_full(here: Session, judge: str, space: str | None, catalogue: list[EvaluatorTemplate]) -> Reply:
    try:
        found = await _evaluator(here, judge, space)
    except NotFound as absent:
        by_name = {one.column_name: one for one in catalogue}
        ready = by_name.get(judge)
        if ready is None:
            near = difflib.get_close_matches(judge.casefold(), by_name, n=1)
            more = f" The catalogue has {near[0]!r}." if near else ""
            raise NotFound(absent.message + more, absent.next) from None
        data = ready.model_dump(exclude_none=True)
        text = f"{judge!r} is in the catalogue; create_judge(name=..., catalogue={judge!r}) makes it usable."
        return Reply(text, {**here.source(), "catalogue": data}, ready.template.splitlines())
    config = found.version.config
    data = {"id": found.id, "name": found.name, "type": found.type, **_facts(config)}
    template = config.template.splitlines() if isinstance(config, TemplateConfig) else []
    return Reply(f"{quoted(found.name)} ({_summary(config)})", {**here.source(), "judge": data}, template)


def _facts(config: object) -> dict[str, Any]:
    if isinstance(config, TemplateConfig):
        return {
            "template": config.template,
            "choices": config.classification_choices,
            "direction": config.direction,
            "model": config.llm_config.model_name,
            "variables": templates.placeholders(config.template),
        }
    if isinstance(config, ManagedCodeConfig):
        params = {param.name: param.default_value for param in config.static_params or ()}
        return {"code": config.managed_evaluator, "variables": config.variables, **params}
    return {}


def _summary(config: object) -> str:
    facts = _facts(config)
    named = ", ".join(one_line(name, 60) for name in facts.get("variables", []))
    if isinstance(config, TemplateConfig):
        labels = " / ".join(one_line(label, 60) for label in config.classification_choices or {})
        model = one_line(config.llm_config.model_name, 60)
        return f"reads {named}; answers {labels}; {config.direction}; model {model}"
    params = [one_line(repr(facts[word])) for word in ("pattern", "keywords") if word in facts]
    return f"{' '.join([facts.get('code', 'code'), *params])} on {named}"


def _prompt(config: TemplateConfig | ManagedCodeConfig, values: dict[str, str | None]) -> str | None:
    if not isinstance(config, TemplateConfig):
        return None
    given = {name: value if value is not None else "(missing)" for name, value in values.items()}
    return templates.render(config.template, given, "preview")
