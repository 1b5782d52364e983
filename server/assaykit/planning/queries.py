"""The rows that a plan covers, and the evaluators that it is for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assaykit.errors import Invalid
from assaykit.foreign import exactly
from assaykit.planning.periods import Period
from assaykit.wire.evaluators import EvaluatorWithVersion, Granularity, ManagedCodeConfig, TemplateConfig
from assaykit.wire.tasks import TaskQueryFilters


@dataclass(frozen=True)
class WantedEvaluator:
    """A requested evaluator, with its own filter and mappings. Its mappings override the usual paths."""

    evaluator: EvaluatorWithVersion
    query_filter: str | None = None
    column_mappings: Mapping[str, str] | None = None
    query_ids: Mapping[str, Sequence[str]] | None = None
    """For a task with lettered filters: the letters of the filters whose spans each variable reads.

    None for an evaluator of a task that does not exist yet.
    """

    @property
    def granularity(self) -> Granularity:
        """The kind of unit that the evaluator judges."""
        return self.config.data_granularity or "SPAN"

    @property
    def judge(self) -> TemplateConfig | None:
        """The configuration if the evaluator asks a model."""
        config = self.evaluator.version.config
        return config if isinstance(config, TemplateConfig) else None

    @property
    def config(self) -> TemplateConfig | ManagedCodeConfig:
        """The configuration that a task runs.

        Raises:
            Invalid: the evaluator is of a type that no task runs here.
        """
        config = self.evaluator.version.config
        if isinstance(config, (TemplateConfig, ManagedCodeConfig)):
            return config
        raise Invalid(
            f"{exactly(self.evaluator.name)} is neither a judge nor a managed code evaluator.",
            "Use one of these; `list_judges` shows what there is.",
        )


@dataclass(frozen=True)
class SpanQuery:
    """The spans that a plan covers."""

    project_id: str
    period: Period
    query_filter: str | None = None
    sampling_rate: float = 1.0
    max_spans: int = 10_000
    override: bool = False
    outdated: bool = False
    """True to score rows too whose verdict is of another version of the evaluator."""
    filters: TaskQueryFilters | None = None
    """Lettered filters, which a task may have instead of `query_filter`."""
    only_counts: bool = False
    """True for a count that accepts a mapping without a value on any row."""
    in_parts: bool = False
    """True if several runs take all rows, each at most `max_spans`. Otherwise one run takes the newest."""
    max_rows: int | None = None
    """The most rows of all runs together."""
    task_id: str | None = None


def both(*filters: str | None) -> str | None:
    """One filter that asks for all of these. None if there are none."""
    # A blank filter is kept, so that the backend refuses it.
    given = [text for text in filters if text is not None]
    return " AND ".join(f"({text})" for text in given) if len(given) > 1 else next(iter(given), None)


def own_filter(wanted: WantedEvaluator) -> str | None:
    """The filter of a code evaluator's own configuration."""
    config = wanted.config
    return config.query_filter if isinstance(config, ManagedCodeConfig) else None
