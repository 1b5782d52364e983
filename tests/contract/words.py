"""Schemathesis' configuration: what is checked, and the words that stand where an id or a filter is asked for."""

import json
from collections.abc import Iterator, Mapping

from tests.contract.prepared import Prepared

from assaykit.engine.store.pages import encode_cursor

OFTEN, SELDOM = 0.8, 0.3
"""How likely a word is put there, instead of something random."""

CHECKS = """
[checks]
# 501 is an answer, not a failure: "not offered here". Which operations may give it is held by the next check.
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501]
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_headers_conformance.enabled = true
response_schema_conformance.enabled = true
unsupported_method.enabled = true
allow_header_conformance.enabled = true
ignored_auth.enabled = true
use_after_free.enabled = true
ensure_resource_availability.enabled = true
# A schema cannot say all that makes a body acceptable: that an id is there, that a filter can be read, that two
# fields exclude each other.
positive_data_acceptance.enabled = false
# The engine takes more than it publishes: enums in lower case, "1" for 1, query parameters that it does not know.
negative_data_rejection.enabled = false
"""

PATHS = (
    "config_id", "dataset_id", "evaluator_id", "experiment_id", "integration_id", "label_name", "project_id",
    "prompt_id", "run_id", "space_id", "task_id", "version_id",
)  # fmt: skip
SPARE_PATHS = tuple(name for name in PATHS if name != "space_id")

PLACES = {
    **{f"path.{name}": name for name in PATHS},
    **{f"query.{name}": name for name in ("dataset_id", "dataset_version_id", "name", "project_id", "space_id")},
    **{f"query.{name}": name for name in ("cursor", "space_name", "version_id")},
    "query.label": "label_name",
    **{f"body.{name}": name for name in ("cursor", "dataset_id", "dataset_version_id", "project_id", "space_id")},
    "body.filter": "row_filter",
    "body.annotations[*].values[*].name": "name",
    "body.evaluators[*].evaluator_id": "evaluator_id",
    "body.example_ids[*]": "example_id",
    "body.experiment_ids[*]": "experiment_id",
    "body.experiment_runs[*].example_id": "example_id",
    "body.query_filter": "span_filter",
    "body.span_ids[*]": "span_id",
    "body.template_config.llm_config.ai_integration_id": "integration_id",
    "body.version.template_config.llm_config.ai_integration_id": "integration_id",
}
"""Where a value is sent, and which words go there."""

SINGLE = {
    "annotate_spans": {"body.annotations[*].record_id": "span_id"},
    "annotate_runs": {"body.annotations[*].record_id": "experiment_run_id"},
    "annotate_examples": {"body.annotations[*].record_id": "example_id"},
    "list_spans": {"body.filter": "span_filter"},
    "list_traces": {"body.filter": "span_filter"},
    "evaluators_get_version": {"path.version_id": "evaluator_version_id"},
    "get_evaluator": {"query.version_id": "evaluator_version_id"},
    "evaluators_create_version": {"path.evaluator_id": "judge_id"},
}
"""The same for one operation."""

WHOLE = ("DELETE", r"^/v2/[a-z-]+/\{[a-z_]+\}(/labels/.*)?$")
"""Deletes of something whole: from what is spare. What lies inside something is deleted from what is kept."""


def configuration(prepared: Prepared, seed: int) -> str:
    """The text of `schemathesis.toml`."""
    kept = {
        **prepared.kept,
        "version_id": prepared.kept["prompt_version_id"],
        "row_filter": ["output CONTAINS 'refund'", "question = 'q1'", "tier > 1 AND tier < 9", "latency >= 1.5"],
        "span_filter": ["status_code = 'OK'", "latency_ms > 1", "attributes.output.value CONTAINS 'refund'"],
        "cursor": [encode_cursor(1), encode_cursor(2**63 - 1), encode_cursor(1, 2), encode_cursor(-1), "W10="],
    }
    spare = {**prepared.spare, "version_id": prepared.spare["prompt_version_id"]}
    return "\n".join([
        f"seed = {seed}",
        "continue-on-failure = true",
        CHECKS,
        *(f"[dictionaries.{name}]\nvalues = {json.dumps(values)}" for name, values in kept.items()),
        *(f"[dictionaries.{name}_spare]\nvalues = {json.dumps(spare[name])}" for name in SPARE_PATHS),
        "[parameters]",
        *_bound(PLACES, OFTEN),
        *_of_operations("operation-id", SINGLE),
        f'[[operations]]\ninclude-method = "{WHOLE[0]}"\ninclude-path-regex = {json.dumps(WHOLE[1])}',
        "[operations.parameters]",
        *_bound({f"path.{name}": f"{name}_spare" for name in SPARE_PATHS}, SELDOM),
    ])  # fmt: skip


def _of_operations(by: str, places: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for one, words in places.items():
        yield f'[[operations]]\ninclude-{by} = "{one}"\n[operations.parameters]'
        yield from _bound(words, OFTEN)


def _bound(places: Mapping[str, str], probability: float) -> Iterator[str]:
    for place, words in places.items():
        yield f'"{place}" = {{ dictionary = "{words}", probability = {probability} }}'
