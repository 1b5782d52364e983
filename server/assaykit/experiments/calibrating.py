"""Calibration of a judge: read its verdicts and people's labels, hold one against the other, and keep the result."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.analysis.calibration import Calibration, CalibrationRecord
from assaykit.analysis.corrected_differences import corrected_differences
from assaykit.analysis.judge_agreement import (
    LabelledRow,
    Part,
    accuracies,
    judge_agreement,
    part_of,
    peoples_agreement,
    run_rates,
    vocabulary,
)
from assaykit.analysis.makers import Maker, maker, united
from assaykit.analysis.questions import keys, questions
from assaykit.analysis.reading import outcome
from assaykit.analysis.rows import Judgement, Outcome, cell, counting, listed, short
from assaykit.analysis.scales import GOOD
from assaykit.analysis.several_people import is_of_one, of_each, of_most, reason_of, saw_verdict
from assaykit.api.experiments import each_columns, experiment_of
from assaykit.api.pages import rows
from assaykit.errors import Invalid
from assaykit.experiments.calibration_records import keep_calibration, note_look
from assaykit.experiments.judge_versions import (
    JudgeVersion,
    judge_of,
    outcome_with_versions,
    versions_in,
    with_versions,
)
from assaykit.experiments.known_judges import KnownJudge, known_judges
from assaykit.experiments.peoples_labels import labelled_columns, outcome_with_labels
from assaykit.names import Named
from assaykit.session import Session
from assaykit.spelling import folded
from assaykit.wire.spans import Annotation, Evaluation, ListSpansRequest, Span, SpanPage

ROWS_PER_PAGE = 500
MOST_SPANS = 100_000


class CalibrationRequest(NamedTuple):
    """The arguments of a calibration, as `calibrate_judge` takes them.

    The rows are those of `experiments`, or the spans of `project` from `start` to `end` under a `filter`. `truth` is a
    column of the dataset, an annotation, or another evaluator. `people` are columns or annotations of single people.
    `tone@2` names version 2 of the judge tone.
    """

    judge: str
    truth: str
    experiments: Sequence[str] = ()
    project: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    filter: str | None = None
    people: Sequence[str] = ()
    labels: Mapping[str, str] = {}
    failures: Sequence[str] = ()
    slice_by: Sequence[str] = ()
    part: Part | None = None

    @property
    def versions(self) -> list[JudgeVersion]:
        """The judges and people that are named with a version, as `tone@2`."""
        return versions_in([self.judge, self.truth, *self.people])


class _Read(NamedTuple):
    """The rows of a calibration, the makers of the judge's verdicts, and the judge as it is defined."""

    rows: Sequence[LabelledRow]
    made_by: Maker
    known: KnownJudge
    other_versions: int
    numbers: tuple[int, ...] = ()
    is_of_a_version: bool = False
    """Whether the judge is named with a version, which leaves the record of the judge as it is."""


async def calibrated(here: Session, within: Named, asked: CalibrationRequest) -> Calibration:
    """Hold a judge against people's labels, and keep the result unless the labels are those to develop it on.

    Raises:
        Invalid: there is no such judge, truth or column, or the labels do not fit together.
        NotFound, Ambiguous: a name does not resolve to one project, dataset or experiment.
    """
    if bool(asked.experiments) == (asked.project is not None):
        raise Invalid("A calibration needs experiments or a project.", "Pass one of the two.")
    read = await (_of_experiments(here, within, asked) if asked.experiments else _of_spans(here, within, asked))
    return await anyio.to_thread.run_sync(_weighed, here, within, asked, read, abandon_on_cancel=True)


def _weighed(here: Session, within: Named, asked: CalibrationRequest, read: _Read) -> Calibration:
    failing = asked.failures or _failures(read)
    words = vocabulary(read.rows, asked.labels, failing, read.known.choices)
    # All versions of a judge have one develop part and one held-out part.
    numbered = {one.name: one.judge for one in asked.versions}
    judge = numbered.get(asked.judge, asked.judge) if read.is_of_a_version else asked.judge
    kept = [row for row in read.rows if asked.part is None or part_of(judge, row.item) == asked.part]
    found = judge_agreement(kept, words, asked.slice_by)
    rates = [] if found.accuracy is None else run_rates(read.rows, words, found.accuracy)
    seen = sum(row.saw for row in kept if row.truth is not None and row.said is not None)
    record, looks = None, 0
    if found.accuracy is not None and found.binary is not None:
        record = CalibrationRecord(
            asked.judge, tuple(sorted(read.made_by.versions)), tuple(sorted(read.made_by.models)), found.rows,
            found.accuracy.failures, found.accuracy.passes, found.binary.kappa, asked.truth, f"{here.now():%Y-%m-%d}",
            found.accuracy.caught, found.accuracy.cleared, tuple(sorted(words.failures)), read.numbers,
            accuracies(kept, words), seen,
        )  # fmt: skip
    if asked.part == "develop" or read.is_of_a_version:
        record = None
    elif record is not None:
        keep_calibration(here.settings, within.id, record)
    if asked.part == "held out":
        looks = note_look(here.settings, within.id, judge, read.made_by.versions)
    return Calibration(
        record,
        found,
        peoples_agreement(kept, words),
        rates,
        [] if found.accuracy is None else corrected_differences(read.rows, words),
        sorted(words.failures),
        asked.part,
        looks,
        read.other_versions,
        read.made_by,
        seen,
    )


def _failures(read: _Read) -> list[str]:
    """The labels that are failures by the judge's own scores, else by themselves; none if nothing says so."""
    scores = read.known.choices
    if len(set(scores.values())) > 1 and read.known.direction != "NONE":
        worst = max(scores.values()) if read.known.direction == "MINIMIZE" else min(scores.values())
        return [label for label, score in scores.items() if score == worst]
    seen = {folded(label) for row in read.rows for label in (row.truth, row.said) if label is not None}
    return [label for label in GOOD.values() if label in seen]


async def _of_experiments(here: Session, within: Named, asked: CalibrationRequest) -> _Read:
    named = [await here.names.experiment(one, within, None) for one in asked.experiments]
    named = list({one.id: one for one in named}.values())
    outcomes: dict[str, list[Outcome]] = {}
    examples: dict[str, Mapping[str, Any]] = {}
    for one in named:
        made = await experiment_of(here.api, one.id)
        if made.dataset_id is not None:
            examples |= await labelled_columns(here.api, made.dataset_id)
        runs = each_columns(here.api, one.id)
        versioned = [
            outcome_with_labels(outcome_with_versions(outcome(run), run, asked.versions), run) async for run in runs
        ]
        outcomes[one.name] = counting(versioned)
    every = [row for some in outcomes.values() for row in some]
    evaluators = {name for row in every for name in row.evaluations}
    _check(asked, evaluators, {key for row in examples.values() for key in row})
    judged = [verdict for row in every if (verdict := row.evaluations.get(asked.judge)) is not None]
    known = await _known(here, within, judged)
    made_by = _made_by(judged, known)
    own, asks = keys(examples), questions(examples)
    read: list[LabelledRow] = []
    others = 0
    for run, some in outcomes.items():
        for row in some:
            verdict = row.evaluations.get(asked.judge)
            if verdict is not None and not _is_by(made_by, verdict):
                others += 1
                verdict = None
            labelled = _row(row, run, verdict, examples.get(row.example_id, {}), asked)
            read.append(labelled._replace(key=own.get(row.example_id), question=asks.get(row.example_id)))
    return _Read(read, made_by, known, others, _numbers(judged, made_by), _of_a_version(judged))


async def _known(here: Session, within: Named, verdicts: Sequence[Judgement]) -> KnownJudge:
    """The judge as the space or the catalogue defines it. A judge of a ready-made one's name may have other labels."""
    if not verdicts:
        return KnownJudge()
    (name,) = {judge_of(one) for one in verdicts}
    found = (await known_judges(here, within, {name})).get(name)
    if found is None:
        return KnownJudge()
    choices = {folded(label) for label in found.choices}
    is_own = {folded(label) for one in verdicts if (label := _label(one)) is not None} <= choices
    return found if is_own or not found.of_catalogue else KnownJudge()


def _made_by(verdicts: Sequence[Judgement], known: KnownJudge) -> Maker:
    """The version that is calibrated, with its models: the newest of the evaluator, else that of most verdicts."""
    versions = Counter(version for one in verdicts for version in maker(one).versions)
    if not versions:
        return united(maker(one) for one in verdicts)
    chosen = versions.most_common(1)[0][0]
    if known.version_id is not None and known.version_id in versions:
        chosen = known.version_id
    return Maker((chosen,), united(maker(one) for one in verdicts if chosen in maker(one).versions).models)


def _of_a_version(verdicts: Iterable[Judgement]) -> bool:
    return any(judge_of(one) != one.name for one in verdicts)


def _numbers(verdicts: Sequence[Judgement], made_by: Maker) -> tuple[int, ...]:
    """The numbers of the versions, as far as the verdicts tell them."""
    told = [(one.metadata or {}).get("version") for one in verdicts if set(maker(one).versions) & set(made_by.versions)]
    return tuple(sorted({one for one in told if isinstance(one, int)}))


def _is_by(made_by: Maker, verdict: Judgement) -> bool:
    """Whether a verdict is of this version, or does not tell its own."""
    versions = maker(verdict).versions
    return not versions or not made_by.versions or bool(set(versions) & set(made_by.versions))


def _row(
    row: Outcome, run: str, verdict: Judgement | None, columns: Mapping[str, Any], asked: CalibrationRequest
) -> LabelledRow:
    def of(name: str) -> str | None:
        found = cell(columns.get(name))
        return found if found is not None else _label(row.evaluations.get(name))

    labels = {name: cell(value) for name, value in columns.items() if is_of_one(asked.truth, name)}
    single = of_each(asked.truth, {**labels, **{name: _label(one) for name, one in row.evaluations.items()}})
    given = of(asked.truth)
    notes = {name: one.explanation for name, one in row.evaluations.items()}
    return LabelledRow(
        item=row.example_id,
        truth=of_most(single) if given is None else given,
        said=None if row.error is not None else _label(verdict),
        note=reason_of(asked.truth, notes),
        explanation=None if verdict is None else verdict.explanation,
        run=run,
        values={name: value for name in asked.slice_by if (value := of(name)) is not None},
        people={name: value for name in asked.people if (value := of(name)) is not None} | single,
        saw=saw_verdict(asked.truth, notes),
    )


def _label(verdict: Judgement | Annotation | Evaluation | None) -> str | None:
    """The label of a verdict, else its score as text."""
    if verdict is None:
        return None
    label = cell(verdict.label)
    return label if label is not None else cell(verdict.score)


def _check(asked: CalibrationRequest, evaluators: set[str], columns: set[str]) -> None:
    if asked.judge not in evaluators:
        raise Invalid(
            f"No row has a verdict of {short(asked.judge)!r}; there are {listed(sorted(evaluators))}.",
            "Name one of these, or score the rows with the judge first.",
        )
    if asked.truth == asked.judge:
        raise Invalid(f"{short(asked.judge)!r} is held against itself.", "Name the labels of people as the truth.")
    for name in (asked.truth, *asked.people, *asked.slice_by):
        if name not in evaluators | columns and not any(is_of_one(name, one) for one in evaluators | columns):
            raise Invalid(
                f"There is no column, annotation or evaluator {short(name)!r}; there are the columns "
                f"{listed(sorted(columns))} and the evaluators {listed(sorted(evaluators))}.",
                "Name one of these.",
            )


async def _of_spans(here: Session, within: Named, asked: CalibrationRequest) -> _Read:
    target = await here.names.project(asked.project, within)
    body = ListSpansRequest(project_id=target.id, start_time=asked.start, end_time=asked.end, filter=asked.filter)
    read: list[LabelledRow] = []
    names: set[str] = set()
    keys: set[str] = set()
    judged: dict[str, Judgement] = {}
    async with aclosing(_spans(here, body)) as every:
        async for span in every:
            span = with_versions(span, asked.versions)  # noqa: PLW2901
            names |= {one.name for one in (*span.evaluations, *span.annotations)}
            keys |= span.attributes.keys()
            read.append(_span_row(span, target.name, asked))
            verdict = next((one for one in span.evaluations if one.name == asked.judge), None)
            if verdict is not None:
                told = Judgement(verdict.name, verdict.score, verdict.label, None, verdict.metadata)
                judged[span.context.span_id] = told
    _check(asked, names, keys)
    verdicts = list(judged.values())
    known = await _known(here, within, verdicts)
    made_by = _made_by(verdicts, known)
    old = {item for item, verdict in judged.items() if not _is_by(made_by, verdict)}
    read = [row._replace(said=None, explanation=None) if row.item in old else row for row in read]
    return _Read(read, made_by, known, len(old), _numbers(verdicts, made_by), _of_a_version(verdicts))


async def _spans(here: Session, body: ListSpansRequest) -> AsyncGenerator[Span]:
    """The spans of a query, the oldest last. Raises: Invalid: there are more than are read."""
    count = 0
    async with aclosing(rows(here.api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE)) as every:
        async for span in every:
            count += 1
            if count > MOST_SPANS:
                raise Invalid(f"More than {MOST_SPANS:,} spans match.", "Narrow the window or the filter.")
            yield span


def _span_row(span: Span, project: str, asked: CalibrationRequest) -> LabelledRow:
    verdict = next((one for one in span.evaluations if one.name == asked.judge), None)
    by_people = [one for one in span.annotations if one.name == asked.truth]
    truth = by_people[0] if by_people else next((one for one in span.evaluations if one.name == asked.truth), None)

    def of(name: str) -> str | None:
        found = cell(span.attributes.get(name))
        if found is not None:
            return found
        return _label(next((one for one in (*span.annotations, *span.evaluations) if one.name == name), None))

    single = of_each(asked.truth, {one.name: _label(one) for one in span.annotations})
    people = {name: value for name in asked.people if (value := of(name)) is not None} | single
    notes = {one.name: one.text for one in reversed(span.annotations)}
    if len(by_people) > 1:
        people |= {f"{asked.truth} {place}": _label(one) or "" for place, one in enumerate(by_people, 1)}
    return LabelledRow(
        item=span.context.span_id,
        truth=_label(truth) or cell(span.attributes.get(asked.truth)) or of_most(single),
        said=_label(verdict),
        note=reason_of(asked.truth, notes),
        explanation=None if verdict is None else verdict.explanation,
        run=project,
        values={name: value for name in asked.slice_by if (value := of(name)) is not None},
        people=people,
        question=cell(span.attributes.get("input.value")),
        saw=saw_verdict(asked.truth, notes),
    )
