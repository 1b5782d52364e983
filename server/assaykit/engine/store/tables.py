"""The tables, as SQLAlchemy Core objects. The migrations create the same tables; a test compares the two.

Conventions: `n` counts up and orders rows by arrival; `id` is the public id (see `wire.ids`); times are integer
nanoseconds since 1970 in UTC, in columns ending in `_ns`; free-form values are JSON text.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from assaykit.engine.store import checksums, triggers

metadata = MetaData()


def _checksum(table: str) -> Column[object]:
    """A checksum that an insert computes."""
    return Column("checksum", Integer, default=checksums.of_new(checksums.SUMMED[table]))


def _noun(name: str, *columns: Column[object] | Index | UniqueConstraint) -> Table:
    """A table whose rows have a public id and a time of creation."""
    return Table(
        name,
        metadata,
        Column("n", Integer, primary_key=True),
        Column("id", String, nullable=False, unique=True),
        Column("created_ns", Integer, nullable=False),
        *columns,
        sqlite_autoincrement=True,
    )


counters = Table(
    "counters", metadata, Column("kind", String, primary_key=True), Column("last", Integer, nullable=False)
)
"""The number in the last id of each kind. It never decreases, so no id is used twice."""

spaces = _noun("spaces", Column("name", String, nullable=False, unique=True))

projects = _noun(
    "projects",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    UniqueConstraint("space_id", "name"),
)

spans = Table(
    "spans",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("project_id", String, ForeignKey("projects.id"), nullable=False),
    Column("trace_id", String, nullable=False),
    Column("span_id", String, nullable=False),
    Column("parent_id", String),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("start_ns", Integer, nullable=False),
    Column("end_ns", Integer, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("status_code", String, nullable=False),
    Column("status_message", String),
    Column("session_id", String),
    Column("model_name", String),
    Column("attributes", JSON, nullable=False),
    Column("events", JSON, nullable=False),
    Column("checksum", Integer),
    Column("changed_ns", Integer),
    Column("user_id", String),
    UniqueConstraint("project_id", "span_id"),
    Index("spans_by_time", "project_id", "start_ns", "n"),
    Index("spans_by_trace", "project_id", "trace_id", "start_ns", "n"),
    Index("spans_by_session", "project_id", "session_id", "start_ns", sqlite_where=text("session_id IS NOT NULL")),
    Index("spans_by_user", "project_id", "user_id", "start_ns", "n", sqlite_where=text("user_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
"""`n` is the ingest sequence. `attributes` is one flat object of full OpenInference names and JSON values.
`checksum` is that of `traces.spans.SUMMED`, and null for spans from before schema 0022. `changed_ns` is the time at
which the span was last sent again with other attributes, null if it never was."""

log_events = Table(
    "log_events",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("span_id", String, nullable=False),
    Column("trace_id", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("name", String, nullable=False),
    Column("time_ns", Integer, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("arrived_ns", Integer, nullable=False),
    UniqueConstraint("span_id", "trace_id", "digest"),
    sqlite_autoincrement=True,
)
"""GenAI events from the logs signal, for spans that may not be there yet, or may be sent again. A span that is there
has them among its own events too. `digest` is that of the content. Rows are kept for `traces.log_events.KEPT_NS`."""

evals = Table(
    "evals",
    metadata,
    Column("scope_id", String, nullable=False),
    Column("level", String, nullable=False),
    Column("target_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("label", String),
    Column("score", Float),
    Column("explanation", String),
    Column("made_by", JSON, nullable=False, key="metadata"),
    Column("updated_ns", Integer, nullable=False),
    Column("checksum", Integer),
    Column("version_id", String, nullable=False, server_default=text("''")),
    Column("model", String, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("scope_id", "level", "target_id", "name"),
    sqlite_with_rowid=False,
)
"""Verdicts. A new verdict replaces the stored one with the same key; `checksums` computes `checksum`. `scope_id` is a
project (level SPAN, TRACE or SESSION; `target_id` a span, trace or session id) or an experiment (level RUN; `target_id`
an experiment run id). `metadata` has another name in the file since schema 0011, as versions before it, which do not
check the schema when they write, must not store verdicts. Its keys `evaluator_version_id`, `version` (the number of the
version) and `model` name the maker; a verdict that was uploaded, or made before schema 0025 by a version that is
deleted, lacks `version`. `version_id` and `model` repeat the first and the last, and are empty if it lacks them."""

earlier_evals = Table(
    "earlier_evals",
    metadata,
    *(Column(column.name, column.type, key=column.key, nullable=column.nullable) for column in evals.columns),
    PrimaryKeyConstraint("scope_id", "level", "target_id", "name", "version_id", "model"),
    sqlite_with_rowid=False,
)
"""Verdicts that one of another version or model has replaced: the last of each version and model. Triggers on `evals`
keep this table, and its columns are those of `evals`."""


triggers.keep_earlier(evals, earlier_evals)

annotations = Table(
    "annotations",
    metadata,
    Column("scope_id", String, nullable=False),
    Column("level", String, nullable=False),
    Column("target_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("label", String),
    Column("score", Float),
    Column("text", String),
    Column("annotator", String),
    Column("updated_ns", Integer, nullable=False),
    _checksum("annotations"),
    PrimaryKeyConstraint("scope_id", "level", "target_id", "name"),
    sqlite_with_rowid=False,
)
"""Annotations by people, one per target and annotation config. `scope_id` and `target_id` are as in `evals`; level
EXAMPLE has a dataset and an example id. `annotator` is null, because the engine has a single unnamed user."""

integrations = _noun(
    "integrations",
    Column("name", String, nullable=False, unique=True),
    Column("provider", String, nullable=False),
    Column("base_url", String),
    Column("secret_ref", String),
    Column("model_names", JSON, nullable=False),
    Column("updated_ns", Integer, nullable=False),
    Column("headers", JSON),
    Column("function_calling", Boolean, nullable=False, server_default=text("1")),
    Column("default_models", Boolean, nullable=False, server_default=text("1")),
    Column("provider_metadata", JSON),
)
"""`secret_ref` names the place of the key (`env:OPENAI_API_KEY`, `kept:file:ID`). Neither keys nor headers that hold
one are stored. `base_url` is an address, or for an integration from the environment the name of a variable
(`env:OPENAI_BASE_URL`) that each process resolves by its own environment."""

evaluators = _noun(
    "evaluators",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("description", String),
    Column("type", String, nullable=False),
    Column("updated_ns", Integer, nullable=False),
    Column("last_number", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("space_id", "name"),
)

evaluator_versions = _noun(
    "evaluator_versions",
    Column("evaluator_id", String, ForeignKey("evaluators.id", ondelete="CASCADE"), nullable=False),
    Column("commit_hash", String, nullable=False),
    Column("commit_message", String, nullable=False),
    Column("type", String, nullable=False),
    Column("config", JSON, nullable=False),
    _checksum("evaluator_versions"),
    Column("number", Integer, nullable=False, server_default=text("0")),
    Index("evaluator_versions_of", "evaluator_id", "n"),
)
"""`config` is the body under `template_config`, `code_config` or `remote_config`, as `type` says. `number` counts the
versions of an evaluator from 1, and no number is used twice: `last_number` of the evaluator is the highest."""

prompts = _noun(
    "prompts",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("description", String),
    Column("updated_ns", Integer, nullable=False),
    UniqueConstraint("space_id", "name"),
)

prompt_versions = _noun(
    "prompt_versions",
    Column("prompt_id", String, ForeignKey("prompts.id", ondelete="CASCADE"), nullable=False),
    Column("commit_hash", String, nullable=False),
    Column("commit_message", String, nullable=False),
    Column("config", JSON, nullable=False),
    _checksum("prompt_versions"),
    Index("prompt_versions_of", "prompt_id", "n"),
)
"""`config` is the create body without the commit message: messages, variable format, provider, model and parameters."""

prompt_labels = Table(
    "prompt_labels",
    metadata,
    Column("prompt_id", String, ForeignKey("prompts.id", ondelete="CASCADE"), nullable=False),
    Column("label", String, nullable=False),
    Column("version_id", String, ForeignKey("prompt_versions.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("prompt_id", "label"),
    Index("prompt_labels_of", "version_id"),
    sqlite_with_rowid=False,
)
"""The key is the prompt and the label, so a label is on at most one version of a prompt."""

annotation_configs = _noun(
    "annotation_configs",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("config", JSON, nullable=False),
    UniqueConstraint("space_id", "name"),
)
"""`config` holds the fields of the `type`: values, score bounds, optimization direction."""

annotation_queues = _noun(
    "annotation_queues",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("config", JSON, nullable=False),
    UniqueConstraint("space_id", "name"),
)
"""`config` holds `instructions`, `annotation_config_ids`, `annotator_emails` and `column_allowlist`, as created."""

annotation_queue_records = _noun(
    "annotation_queue_records",
    Column("queue_id", String, ForeignKey("annotation_queues.id", ondelete="CASCADE"), nullable=False),
    Column("level", String, nullable=False),
    Column("scope_id", String, nullable=False),
    Column("target_id", String, nullable=False),
    Index("annotation_queue_records_of", "queue_id", "n"),
)
"""The items of a queue in its order. Level, scope and target are as in `annotations`. An item may be deleted."""

datasets = _noun(
    "datasets",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("updated_ns", Integer, nullable=False),
    UniqueConstraint("space_id", "name"),
)

dataset_versions = _noun(
    "dataset_versions",
    Column("dataset_id", String, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("updated_ns", Integer, nullable=False),
    Index("dataset_versions_of", "dataset_id", "n"),
)

examples = Table(
    "examples",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("created_ns", Integer, nullable=False),
    Column("version_id", String, ForeignKey("dataset_versions.id", ondelete="CASCADE"), nullable=False),
    Column("data", JSON, nullable=False),
    Column("updated_ns", Integer, nullable=False),
    _checksum("examples"),
    UniqueConstraint("version_id", "id"),
    Index("examples_of", "version_id", "n"),
    Index("examples_by_id", "id"),
    sqlite_autoincrement=True,
)
"""`data` is the flat row of the user's columns. An example has the same id in every version."""

experiments = _noun(
    "experiments",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("dataset_id", String, ForeignKey("datasets.id", ondelete="CASCADE")),
    Column("dataset_version_id", String),
    Column("name", String, nullable=False),
    Column("updated_ns", Integer, nullable=False),
    Column("traces_project_id", String),
    Column("unknown_runs", Integer, nullable=False, server_default=text("0")),
    Index("experiments_name", "dataset_id", "name", unique=True),
)
"""`traces_project_id` is the project with the spans of the experiment's runs; null if none were recorded.
`unknown_runs` counts the runs that named an example which no version of the dataset had when they came."""

experiment_runs = _noun(
    "experiment_runs",
    Column("experiment_id", String, ForeignKey("experiments.id", ondelete="CASCADE"), nullable=False),
    Column("example_id", String),
    Column("data", JSON, nullable=False),
    _checksum("experiment_runs"),
    Index("experiment_runs_of", "experiment_id", "n"),
)
"""`data` is the flat row: `output`, uploaded `eval.<name>.<field>` columns and all other columns sent."""

run_columns = Table(
    "run_columns",
    metadata,
    Column("experiment_id", String, ForeignKey("experiments.id", ondelete="CASCADE"), nullable=False),
    Column("last_n", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("ns", String, nullable=False),
    Column("example_ids", String, nullable=False),
    Column("row_groups", String, nullable=False),
    Index("run_columns_of", "experiment_id", "last_n", unique=True),
)
"""The columns that comparisons read, in parts of about 1,000 runs up to the run `last_n`, as JSON texts of
`wire.run_columns.ColumnPart`. They repeat `experiment_runs`. The newest runs may have no part yet."""

tasks = _noun(
    "tasks",
    Column("space_id", String, ForeignKey("spaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("project_id", String, ForeignKey("projects.id", ondelete="CASCADE")),
    Column("dataset_id", String, ForeignKey("datasets.id", ondelete="CASCADE")),
    Column("experiment_ids", JSON),
    Column("sampling_rate", Float),
    Column("is_continuous", Boolean, nullable=False),
    Column("query_filter", String),
    Column("evaluators", JSON, nullable=False),
    Column("last_run_ns", Integer),
    Column("updated_ns", Integer, nullable=False),
    Column("run_configuration", JSON),
    Column("query_filters", JSON),
    Column("max_cost", Float),
    Column("spent", Float, nullable=False, server_default=text("0")),
    Column("checksum", Integer),
    Column("on_too_long", String),
    UniqueConstraint("space_id", "name"),
)
"""`evaluators` is the list of `wire.tasks.TaskEvaluatorInput` bodies; a RUN_EXPERIMENT task has a
`run_configuration` instead. `query_filters` is null unless the task chooses traces or sessions by lettered filters.
`max_cost` limits the runs of the task's schedule. `spent` is the cost of those that ended since it was set, less the
cost until then of a run that was under way. Both are in US dollars. `on_too_long` is that of these runs."""

ROW_STATES = ("PENDING", "SCORED", "FAILED", "SKIPPED")
"""The states of a row of a run. Triggers of the file keep a count of each with the run (schema 0019)."""

task_runs = _noun(
    "task_runs",
    Column("task_id", String, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("status", String, nullable=False),
    Column("request", JSON, nullable=False),
    Column("data_start_ns", Integer),
    Column("data_end_ns", Integer),
    Column("started_ns", Integer),
    Column("finished_ns", Integer),
    Column("failure_reason", String),
    Column("owner", String),
    Column("heartbeat_ns", Integer),
    Column("experiment_id", String),
    Column("after_n", Integer),
    Column("up_to_n", Integer),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("plan", JSON),
    Column("max_rows", Integer),
    Column("max_cost", Float),
    Column("beat", Integer, nullable=False, server_default=text("0")),
    Column("waits_for", String),
    Column("closed_n", Integer),
    Column("at_limit", Boolean, nullable=False, server_default=text("0")),
    Column("on_too_long", String),
    Column("outdated", Boolean, nullable=False, server_default=text("0")),
    Column("pinned", JSON),
    Column("pending_rows", Integer, nullable=False, server_default=text("0")),
    Column("scored_rows", Integer, nullable=False, server_default=text("0")),
    Column("failed_rows", Integer, nullable=False, server_default=text("0")),
    Column("skipped_rows", Integer, nullable=False, server_default=text("0")),
    Index("task_runs_of", "task_id", "n"),
    Index("task_runs_by_status", "status"),
)
"""`request` is the trigger body; its key `report` holds the counts and the cause from the run's selection. `owner`
names the engine that executes the run; null if it may be taken. `heartbeat_ns` is the time of the last heartbeat, and
`beat` counts them. `waits_for` names the keys that no open process had at the last look. `fence` counts the engines
that took the run over. `attempts` counts the engines that tried the run since a row was last recorded. `plan` is a
copy of the run's definition, so that a resumed run ignores later changes of it. `experiment_id` is the experiment that
the run created. A run of a schedule covers the spans with `n` above `after_n` and up to `up_to_n`; other runs have
neither. A trace that lacks a parent is among them only if its last `n` is at most `closed_n`. `max_rows` and `max_cost`
(US dollars) end the run early. `on_too_long` is `skip` or null. `outdated` is set for a run that also scores rows whose
verdict is of another version. `pinned` has the version of each evaluator, by id, when the run was created; it is null
in runs from before schema 0027. `at_limit` is set for a run of a schedule that ended early at the task's `max_cost`."""

schedules = Table(
    "schedules",
    metadata,
    Column("task_id", String, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("cursor_n", Integer, nullable=False),
    Column("run_id", String),
    Column("failures", Integer, nullable=False),
    Column("due_ns", Integer, nullable=False),
    Column("marks", JSON),
    Column("waits_for", String),
    Column("owed_n", Integer),
    Column("owed_up_to_n", Integer),
    Column("owed_failures", Integer, nullable=False, server_default=text("0")),
    Column("owed_due_ns", Integer),
    Column("open_n", Integer),
    Column("at_limit", Boolean, nullable=False, server_default=text("0")),
)
"""One row for each continuous task. The task is done with the spans up to `cursor_n`. `run_id` is the run over the next
spans; it stays set until the schedule has processed the end of that run. `failures` counts consecutive failed runs, and
`due_ns` is the time of the next look. `marks` are pairs of a time and the end of the ingest sequence at that time,
oldest first. Spans above `owed_n` and up to `owed_up_to_n` have rows that earlier runs left. They are looked at again
at `owed_due_ns`, after `owed_failures` runs that left some. `waits_for` names the keys that the engine that looks does
not have. `open_n` is the first last `n` of the traces or sessions that the cursor has passed though they lack a
parent. `at_limit` is set if the task has stopped at its `max_cost`."""

run_items = Table(
    "run_items",
    metadata,
    Column("run_id", String, ForeignKey("task_runs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("evaluator_id", String, nullable=False),
    Column("target_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("label", String),
    Column("reason", String),
    Column("detail", String),
    Column("scope_id", String, nullable=False, server_default=text("''")),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost", Float),
    Column("remembered", Boolean, nullable=False, server_default=text("0")),
    Column("notes", String),
    _checksum("run_items"),
    PrimaryKeyConstraint("run_id", "position", "evaluator_id"),
    Index("run_items_by_state", "run_id", "state"),
    sqlite_with_rowid=False,
)
"""One row and evaluator of a run. `state` is PENDING, SCORED, FAILED or SKIPPED; every count of a run comes from here.
`reason` is a code for the cause (`no_input`, `auth`, `off_choice`, ...), and `detail` one sentence about it. `scope_id`
is the project or experiment of the verdict. In a run that creates an experiment the target is an example, and
`evaluator_id` and `scope_id` are empty. `cost` is in US dollars, and null if the price is unknown. A `remembered` item
reused an earlier answer and cost nothing. `notes` are `judge.verdicts.Note`s with commas, null without one."""


triggers.count_rows(run_items, ROW_STATES)

answers = Table(
    "answers",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("label", String, nullable=False),
    Column("score", Float),
    Column("explanation", String),
    Column("model", String),
    sqlite_autoincrement=True,
)
"""Answers of judges. `key` is a digest of everything that determines the answer. The oldest rows are deleted first."""
