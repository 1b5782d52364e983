"""Toolset judges: LLM judges and code evaluators, from the catalogue or one's own."""

import difflib
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Conflict, Invalid, NotFound, Unsupported
from assaykit.experiments.known_judges import kept_direction
from assaykit.foreign import as_word, exactly
from assaykit.judge import templates
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure, Hosts, judge_calls
from assaykit.planning.judges import Recipe, version_of
from assaykit.planning.periods import parse
from assaykit.planning.preview_rows import PreviewRow, PreviewRows, rows_of_examples, rows_of_project, rows_of_runs
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.spans import Variable
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import name_or_id, plain, save
from assaykit.toolkit.parameters import Filter, Here, Mappings, PeriodText, ProjectName, SaveTo, SpaceName, ToolContext
from assaykit.toolkit.replies import CELL_LIMIT, Reply, fitting, one_line, quoted, some
from assaykit.toolkit.spending import CostConfirmation, consent
from assaykit.tools.runs.why_nothing_scored import NextStep
from assaykit.tools.tasks.catalogue import NOT_MADE, evaluator_of
from assaykit.tools.tasks.tools import chosen_experiments
from assaykit.tools.tasks.units import UnitName, at_granularity, evaluator_named, refuse_on_dataset, version_body
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
from assaykit.wire.previews import JudgedRow, JudgedRows, JudgeRowsRequest

PREVIEW_ROWS = 10
VALUE_LIMIT = 500
"""Characters of one value or verdict in a preview."""

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
    """List a space's judges and code evaluators, and the ready-made ones.

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
    """Create a judge from the catalogue, a template and choices, or code.

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
            f"Space {exactly(within.name)} has a {existing.type.lower()} evaluator named {exactly(existing.name)} "
            "already.",
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
    is_rewritten = template is not None and isinstance(config, TemplateConfig) and config.template != template
    note = " Its variables were written {{x}}, and a judge's are {x}." if is_rewritten else ""
    return Reply(
        f"{what} {exactly(name)} ({_summary(config)}).{note} "
        "Next: `preview_judge` on real rows, then `trigger_backfill`.",
        data,
    )


@tool("read", "spend")
async def preview_judge(
    here: Here,
    ctx: ToolContext,
    judge: str,
    project: ProjectName = None,
    filter: Filter = None,  # noqa: A002  (AX's word for it)
    window: PeriodText = None,
    dataset: str | None = None,
    experiments: list[str] | None = None,
    granularity: UnitName | None = None,
    column_mappings: Mappings = None,
    rows: Annotated[int, Field(ge=1, le=PREVIEW_ROWS)] = 3,
    call_model: bool = True,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Try a judge on real rows; nothing is stored. Shows mapping, verdicts, values and one rendered prompt.

    Rows: spans, examples or experiments.

    Source: REST v2 `POST /v2/spans`, `GET /v2/datasets/{id}/examples`; on the engine `POST /x/judge`.
    Raises: NotFound, Invalid, Ambiguous.
    """
    within = await here.space(space)
    named = WantedEvaluator(await evaluator_of(here, within, judge), column_mappings=column_mappings)
    (wanted,) = await at_granularity(here, within, [named], granularity)
    source = RowSource(project, filter, window, dataset, experiments)
    found, step = await _rows(here, within, named.evaluator.name, wanted, source, rows)
    config, model = wanted.config, _model(wanted.config)
    prompt = _prompt(config, found.rows[0].values)
    spending = await _spending(here, wanted, found) if call_model else Disclosure()
    agreed = await consent(here, ctx, f"Try judge {quoted(wanted.evaluator.name)}", spending, confirm_cost)
    if not agreed.is_given:
        return Reply(f"No model was called: {agreed.said}", {**here.source(within), "results": None})
    results = (await _judged(here, wanted, found)).results if call_model else None
    data: dict[str, Any] = {
        **here.source(within),
        "judge": wanted.evaluator.name,
        "model": model,
        "column_mappings": found.mapping,
        "rows": [{"id": row.id, "values": row.values} for row in found.rows],
        "prompt": prompt,
        "results": None if results is None else [one.model_dump() for one in results],
        "spending": spending.as_dict(),
        "next": step.as_dict(),
    }
    paths = "; ".join(f"{as_word(name)} <- {as_word(at, 120)}" for name, at in found.mapping.items())
    with_model = "" if model is None else f", model {as_word(model)}"
    shown = [_preview_line(row, None if results is None else results[place]) for place, row in enumerate(found.rows)]
    shown += [] if prompt is None else ["First prompt:", *prompt.splitlines()]
    not_made = "" if wanted.evaluator.id != NOT_MADE else " It does not exist yet, and nothing was created."
    head = f"{quoted(wanted.evaluator.name)} on {len(found.rows)} {found.noun}(s){with_model}: {paths}.{not_made}"
    return Reply("\n- ".join([head, *agreed.lines(spending)]), data, shown, f"Next: {step}")


render_judge = preview_judge.free_look(
    "render_judge",
    "Show a judge's mapping, values and first prompt as preview_judge does; no model is called.",
    unlisted=("confirm_cost",),
    call_model=False,
)


def _given(**arguments: Any) -> dict[str, Any]:
    """The arguments that have a value."""
    return {name: value for name, value in arguments.items() if value is not None}


class RowSource(NamedTuple):
    """The arguments that choose the rows of a preview."""

    project: str | None
    filter: str | None
    window: str | None
    dataset: str | None
    experiments: list[str] | None


async def _rows(
    here: Session, within: Named, judge: str, wanted: WantedEvaluator, source: RowSource, most: int
) -> tuple[PreviewRows, NextStep]:
    """The rows of a preview, and the call that scores such rows with the evaluator `judge`.

    Raises:
        Invalid: the source does not fit the judge, or names a project and a dataset.
        NotFound: no row matches.
    """
    if source.dataset is None and not source.experiments:
        found, place, step = await _rows_of_project(here, within, judge, wanted, source, most)
    else:
        found, place, step = await _rows_of_dataset(here, within, judge, wanted, source, most)
    if not found.rows:
        raise NotFound(f"No {found.noun} of {place} matches.", "Loosen the filter, or name other rows.")
    return found, step


async def _rows_of_project(
    here: Session, within: Named, judge: str, wanted: WantedEvaluator, source: RowSource, most: int
) -> tuple[PreviewRows, str, NextStep]:
    target = await here.names.project(source.project, within)
    period = parse(source.window or "everything", here.now())
    found = await rows_of_project(here.api, SpanQuery(target.id, period, source.filter), wanted, most)
    asked = {"project": name_or_id(target), **_given(query_filter=source.filter, **_mapped(wanted))}
    if wanted.granularity != "SPAN" and wanted.evaluator.id == NOT_MADE:
        unit = wanted.granularity.lower()
        step = NextStep("create_task", {"name": judge, "evaluators": [judge], "granularity": unit, **asked})
    else:
        step = NextStep("trigger_backfill", {"evaluators": [judge], **asked, **_given(window=source.window)})
    return found, f"{exactly(target.name)} {period.told}", step


async def _rows_of_dataset(
    here: Session, within: Named, judge: str, wanted: WantedEvaluator, source: RowSource, most: int
) -> tuple[PreviewRows, str, NextStep]:
    if foreign := list(_given(project=source.project, window=source.window)):
        verb = "belongs" if len(foreign) == 1 else "belong"
        raise Invalid(f"{' and '.join(foreign)} {verb} to spans, and the rows are those of a dataset.", "Leave it out.")
    refuse_on_dataset([wanted])
    mapped = _mapped(wanted)
    if not source.experiments:
        target = await here.names.dataset(source.dataset, within)
        found = await rows_of_examples(here.api, target.id, wanted, source.filter, most)
        asked = {"task": "task.py:answer", "dataset": name_or_id(target), "evaluators": [judge], **mapped}
        return found, f"dataset {exactly(target.name)}", NextStep("run_experiment", asked)
    dataset_id, chosen = await chosen_experiments(here, source.dataset, source.experiments, within.id)
    found = await rows_of_runs(here.api, dataset_id, [one.id for one in chosen], wanted, source.filter, most)
    asked = {"name": judge, "evaluators": [judge], "experiments": [name_or_id(one) for one in chosen]}
    asked |= _given(dataset=source.dataset, query_filter=source.filter, **mapped)
    return found, ", ".join(quoted(one.name) for one in chosen), NextStep("create_task", asked)


def _mapped(wanted: WantedEvaluator) -> dict[str, Any]:
    return {"column_mappings": dict(wanted.column_mappings)} if wanted.column_mappings else {}


def _preview_line(row: PreviewRow, result: JudgedRow | None) -> str:
    """A row of a preview: its id, the verdict, and the values below."""
    verdict = ""
    if result is not None:
        verdict = f": not scored: {result.error}" if result.error else f": {result.label} ({result.score})"
        verdict += " on a shortened value" if result.shortened else ""
        verdict = one_line(f"{verdict} {result.explanation or ''}", VALUE_LIMIT)
    values = [
        f"  {one_line(name, 60)} = {'(missing)' if value is None else one_line(value, VALUE_LIMIT)}"
        for name, value in row.values.items()
    ]
    return "\n".join([f"{one_line(row.id, 60)}{verdict}", *values])


async def _spending(here: Session, wanted: WantedEvaluator, found: PreviewRows) -> Disclosure:
    """The disclosure of the calls on these rows.

    Raises:
        Unsupported: the backend calls models only inside runs.
    """
    if not await here.api.has_engine_routes():
        raise Unsupported(
            "Arize AX calls a judge's model only inside a task run.",
            "Look with render_judge, then trigger a backfill over a short window.",
        )
    if wanted.judge is None:
        return Disclosure()
    number = len(found.rows)
    lengths = {name: sum(len(row.values[name] or "") for row in found.rows) / number for name in found.mapping}
    tried = [Variable(name, at, 0, 0, constant=False, characters=lengths[name]) for name, at in found.mapping.items()]
    calls = await judge_calls(here, Hosts(here), wanted.judge, tried, number)
    return Disclosure(number, f"{found.noun}s", [calls])


async def _judged(here: Session, wanted: WantedEvaluator, found: PreviewRows) -> JudgedRows:
    values = [row.values for row in found.rows]
    if wanted.evaluator.id == NOT_MADE:
        asked = JudgeRowsRequest(version=version_body(wanted), rows=values)
    else:
        asked = JudgeRowsRequest(evaluator_id=wanted.evaluator.id, rows=values)
    return await here.api.post("/x/judge", JudgedRows, asked)


async def _evaluator(here: Session, judge: str, space: str | None) -> EvaluatorWithVersion:
    named = await here.names.judge(judge, await here.space(space))
    return await here.api.get(path("v2", "evaluators", named.id), EvaluatorWithVersion)


def _judging_the_same(version: NewVersion, now: EvaluatorWithVersion) -> NewVersion:
    """The version with the column that the evaluator writes now, and with the unit that it judges now.

    A version with another column would score every row again beside the verdicts that are there.
    """
    config = now.version.config
    kept = {} if config is None else {"name": config.name, "data_granularity": config.data_granularity}
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
            more = f" The catalogue has {exactly(near[0])}." if near else ""
            raise NotFound(absent.message + more, absent.next) from None
        data = ready.model_dump(exclude_none=True)
        text = f"{exactly(judge)} is in the catalogue; create_judge(name=..., catalogue={judge!r}) makes it usable."
        return Reply(text, {**here.source(), "catalogue": data}, ready.template.splitlines())
    config = found.version.config
    direction = kept_direction(found.version)
    data = {"id": found.id, "name": found.name, "type": found.type, "direction": direction, **_facts(config)}
    template = config.template.splitlines() if isinstance(config, TemplateConfig) else []
    towards = "" if direction is None or isinstance(config, TemplateConfig) else f"; {direction}"
    return Reply(f"{quoted(found.name)} ({_summary(config)}{towards})", {**here.source(), "judge": data}, template)


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
    named = ", ".join(map(as_word, facts.get("variables", [])))
    if isinstance(config, TemplateConfig):
        labels = " / ".join(map(as_word, config.classification_choices or {}))
        model = as_word(config.llm_config.model_name)
        return f"reads {named}; answers {labels}; {config.direction}; model {model}"
    params = [quoted(facts["pattern"], CELL_LIMIT)] if "pattern" in facts else []
    params += [f"[{some(facts['keywords'])}]"] if "keywords" in facts else []
    return f"{' '.join([facts.get('code', 'code'), *params])} on {named}"


def _model(config: TemplateConfig | ManagedCodeConfig) -> str | None:
    return config.llm_config.model_name if isinstance(config, TemplateConfig) else None


def _prompt(config: TemplateConfig | ManagedCodeConfig, values: dict[str, str | None]) -> str | None:
    if not isinstance(config, TemplateConfig):
        return None
    given = {name: value if value is not None else "(missing)" for name, value in values.items()}
    return templates.render(config.template, given, "preview")
