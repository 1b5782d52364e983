"""Translation of requests and replies for older versions of the `arize` SDK.

The generated models of an older SDK are strict: an enum value in another case, an unknown field or a missing required
field raises in the user's program. Each request names its SDK's version in the header `sdk-version`:

- before 8.40 enums are lower case, and some have another spelling;
- before 8.45 the SDK refuses an unknown field;
- before 8.60 the SDK requires fields that the newest contract may leave out.

The translation changes only declared fields of the contract's models; columns, attributes and metadata are the user's.
Source: the generated models of arize 8.26 to 8.61, compared field by field.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from assaykit.judge.providers.registry import PROVIDERS
from assaykit.wire.evaluators import EvaluatorVersion, InvocationParams, ManagedCodeConfig, StaticParam, TemplateConfig
from assaykit.wire.experiments import Experiment, ExperimentRun
from assaykit.wire.integrations import AiIntegration, AwsProviderMetadata
from assaykit.wire.projects import Project
from assaykit.wire.prompts import Prompt, PromptVersion
from assaykit.wire.runs import TaskRun
from assaykit.wire.spaces import Space
from assaykit.wire.spans import AnnotatorUser, Evaluation, Span, SpanEvent
from assaykit.wire.tasks import Task, TaskEvaluator
from assaykit.wire.traces import Trace

T = TypeVar("T")

UPPER_CASE: Final = 40
"""First minor version whose enums are upper case."""

TOLERANT: Final = 45
"""First minor version that accepts unknown fields."""

NEWEST: Final = 60
"""First minor version that needs no translation."""

FUNCTION_CALLING: Final = 49
"""First minor version that has `use_function_calling` under this name."""

OLD_FUNCTION_CALLING: Final = "use_function_calling_if_available"


class Until(NamedTuple):
    """A value to send to SDKs before minor version `version`."""

    version: int
    value: Any


KNOWN_SINCE: Mapping[type[BaseModel], Mapping[str, int]] = {
    AwsProviderMetadata: {"region": TOLERANT},
    Evaluation: {"metadata": TOLERANT},
    EvaluatorVersion: {"remote_config": TOLERANT},
    Experiment: {"integration_id": 41, "space_id": 44},
    Project: {"project_type": TOLERANT},
    Space: {"is_private": 43, "organization_id": TOLERANT},
    Span: {"trace_annotations": 41},
    Task: {"query_filters": TOLERANT},
    TaskEvaluator: {"evaluator_version_id": TOLERANT, "query_mappings": TOLERANT},
    TaskRun: {"failure_reason": 42},
    TemplateConfig: {"use_structured_output": 41},
}
"""Fields added after the oldest supported SDK, with the first minor version that has them."""

_NOTHING = Until(NEWEST, "")
"""Empty text for a required field without a value: the engine has no users, and descriptions are optional."""

NEEDED: Mapping[type[BaseModel], Mapping[str, Until]] = {
    AiIntegration: {
        "enable_default_models": Until(NEWEST, False),  # noqa: FBT003 - a field's value
        "function_calling_enabled": Until(NEWEST, True),  # noqa: FBT003 - the same
        "auth_type": Until(NEWEST, "DEFAULT"),
        "scopings": Until(NEWEST, []),
        "created_by_user_id": _NOTHING,
    },
    AnnotatorUser: {"id": _NOTHING, "email": _NOTHING},
    AwsProviderMetadata: {"role_arn": _NOTHING},
    Experiment: {"dataset_id": Until(42, ""), "dataset_version_id": Until(42, "")},
    ExperimentRun: {"example_id": Until(44, "")},
    Prompt: {"created_by_user_id": _NOTHING},
    PromptVersion: {"created_by_user_id": _NOTHING, "model": _NOTHING},
    Space: {"description": _NOTHING, "is_private": Until(NEWEST, False)},  # noqa: FBT003 - the same
    Span: {"name": _NOTHING, "kind": Until(NEWEST, "UNKNOWN")},
    SpanEvent: {"name": _NOTHING, "timestamp": Until(NEWEST, "1970-01-01T00:00:00Z")},
    Task: {
        "is_continuous": Until(NEWEST, False),  # noqa: FBT003 - a field's value
        "evaluators": Until(NEWEST, []),
        "experiment_ids": Until(NEWEST, []),
    },
    TaskEvaluator: {"evaluator_name": _NOTHING},
    Trace: {"root_span_id": _NOTHING},
}
"""Fields that older SDKs require and the engine may leave out. Fields that those SDKs accept as null are not listed."""

LATER_VALUES: Mapping[str, Until] = {
    **{name: Until(provider.sdk_since, "CUSTOM") for name, provider in PROVIDERS.items() if provider.sdk_since},
    "OAUTH2_CLIENT_CREDENTIALS": Until(51, "DEFAULT"),
    "DECISION": Until(59, "UNKNOWN"),
}
"""Enum values added later, with the nearest older value. One unknown value would make an SDK refuse a whole list."""

_PROVIDERS = {name: provider.older_spelling for name, provider in PROVIDERS.items() if provider.older_spelling}
_MANAGED = {
    "MATCHES_REGEX": "MatchesRegex",
    "JSON_PARSEABLE": "JSONParseable",
    "CONTAINS_ANY_KEYWORD": "ContainsAnyKeyword",
    "CONTAINS_ALL_KEYWORDS": "ContainsAllKeywords",
    "EXACT_MATCH": "ExactMatch",
}
_MANAGED_NOW = {old: new for new, old in _MANAGED.items()}
SPELLINGS: Mapping[tuple[type[BaseModel], str], Mapping[str, str]] = {
    (AiIntegration, "provider"): _PROVIDERS,
    (ManagedCodeConfig, "managed_evaluator"): _MANAGED,
}
"""Enums whose spelling before 8.40 differs by more than case."""

INSIDE: Mapping[type[BaseModel], Sequence[str]] = {
    InvocationParams: ["response_format.type"],
    Task: [
        "run_configuration.experiment_type",
        "run_configuration.input_variable_format",
        "run_configuration.messages.role",
        "run_configuration.messages.tool_calls.type",
        "run_configuration.invocation_parameters.response_format.type",
    ],
}
"""Enums inside untyped objects, by path. A list on the path stands for each of its entries."""

ALWAYS_UPPER = {(StaticParam, "type"), (Span, "kind"), (Span, "status_code")}
"""Enums that are upper case in every version."""


class OlderRequest(NamedTuple):
    """A request of an older SDK: its minor version, and the method and path of the route."""

    version: int
    method: str
    path: str


_asked: ContextVar[OlderRequest | None] = ContextVar("asked", default=None)

_VERSION = re.compile(rb"8\.(\d{1,3})(\.\w+)*")


class OlderSdks:
    """Middleware that records the older SDK of a request in a context variable, for `older`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        asked = _sender(scope) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        token = _asked.set(asked)
        try:
            await self._app(scope, receive, send)
        finally:
            _asked.reset(token)


def older() -> OlderRequest | None:
    """The current request, if an older SDK sent it."""
    return _asked.get()


def retell(model: BaseModel, body: dict[str, Any], asked: OlderRequest) -> dict[str, Any]:
    """Change `body`, the JSON of `model`, into the form of the SDK that sent the request, and return it."""
    _retell(model, body, asked.version)
    if isinstance(model, PromptVersion) and asked.method == "PUT" and asked.version < UPPER_CASE:
        return {"labels": body["labels"]}  # the old reply to setting labels
    if asked.path == "/v2/experiments" and asked.version < TOLERANT:
        body.pop("run_ids", None)  # formerly only the reply to an append had them
    return body


def understood(raw: bytes) -> bytes:
    """A request's body with today's names for the fields and values of evaluators.

    The wire models read every other old spelling themselves.
    """
    if b'"template_config"' not in raw and b'"code_config"' not in raw:
        return raw
    try:
        body = json.loads(raw)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return raw  # the model's validation reports the fault
    changed = [_renamed(version) for version in (body, _object(body, "version"))]
    return json.dumps(body).encode() if any(changed) else raw


def _renamed(version: Any) -> bool:
    """Rename the old fields and values in the configs of an evaluator's version; return whether any was found."""
    config = _object(version, "template_config")
    renamed = OLD_FUNCTION_CALLING in config
    if renamed:
        config["use_function_calling"] = config.pop(OLD_FUNCTION_CALLING)
    code = _object(version, "code_config")
    managed = _MANAGED_NOW.get(str(code.get("managed_evaluator")))
    if managed is not None:
        code["managed_evaluator"] = managed
    return renamed or managed is not None


def _object(holder: Any, name: str) -> dict[str, Any]:
    """The object under `name`, or an empty one."""
    found = cast("dict[str, Any]", holder).get(name) if isinstance(holder, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _sender(scope: Scope) -> OlderRequest | None:
    """The request's older SDK, by its headers; None for the newest SDK and for SDKs of other languages."""
    headers = dict(scope["headers"])
    version = _VERSION.fullmatch(headers.get(b"sdk-version", b""))
    if version is None or headers.get(b"sdk-language", b"python") != b"python":
        return None
    minor = int(version[1])
    return OlderRequest(minor, scope["method"], scope["path"]) if minor < NEWEST else None


def _retell(model: BaseModel, body: dict[str, Any], version: int) -> None:
    """Change `body`, the JSON of `model`, and the bodies of all nested models."""
    kind = type(model)
    for name in kind.model_fields:
        _retell_inside(getattr(model, name), body.get(name), version)
    for name, until in _rows(NEEDED, kind):
        if version < until.version and body.get(name) is None:
            body[name] = until.value
    for name, since in _rows(KNOWN_SINCE, kind):
        if version < since:
            body.pop(name, None)
    for name in _enums(kind):
        if isinstance(body.get(name), str):
            body[name] = _spelled(kind, name, body[name], version)
    for path in INSIDE.get(kind, ()) if version < UPPER_CASE else ():
        _lower(body, path.split("."))
    if kind is TemplateConfig and version < FUNCTION_CALLING:
        body[OLD_FUNCTION_CALLING] = body.pop("use_function_calling")


def _retell_inside(value: Any, body: Any, version: int) -> None:
    if isinstance(value, BaseModel):
        _retell(value, body, version)
    elif isinstance(value, list):
        for part, told in zip(cast("list[Any]", value), body, strict=True):
            _retell_inside(part, told, version)


def _lower(body: Any, path: Sequence[str]) -> None:
    if isinstance(body, list):
        for part in cast("list[Any]", body):
            _lower(part, path)
    elif isinstance(body, dict):
        holder = cast("dict[str, Any]", body)
        value = holder.get(path[0])
        if len(path) > 1:
            _lower(value, path[1:])
        elif isinstance(value, str):
            holder[path[0]] = value.lower()


def _spelled(kind: type[BaseModel], name: str, value: str, version: int) -> str:
    later = LATER_VALUES.get(value)
    if later is not None and version < later.version:
        value = later.value
    if version >= UPPER_CASE or (kind, name) in ALWAYS_UPPER:
        return value
    return SPELLINGS.get((kind, name), {}).get(value, value.lower())


def _rows(table: Mapping[type[BaseModel], Mapping[str, T]], kind: type[BaseModel]) -> Iterator[tuple[str, T]]:
    """The rows of a table for a model and its parents."""
    for parent in kind.__mro__:
        yield from table.get(parent, {}).items()


@cache
def _enums(kind: type[BaseModel]) -> tuple[str, ...]:
    """The fields with an enum of the contract as type."""
    return tuple(name for name, field in kind.model_fields.items() if _is_literal(field.annotation))


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal or any(_is_literal(part) for part in get_args(annotation))
