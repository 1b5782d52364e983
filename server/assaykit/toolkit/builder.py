"""MCP tools built from functions. No other module uses the SDK's tool class.

Five defaults of that class are wrong for us (checked on mcp 2.3.0). Unknown arguments are dropped silently. Validation
messages are long and echo values. Schemas carry titles that nobody reads. Only a `ToolError` reaches the model. A
string that looks like JSON is parsed even if the parameter takes a string.
"""

import json
from collections.abc import Awaitable, Callable
from functools import cache
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ValidationError

from assaykit.errors import AssayError, Invalid, NotFound, Unavailable
from assaykit.session import Session
from assaykit.toolkit.replies import Reply, clip, clip_message
from assaykit.wire.validation import describe

Effect = Literal["read", "add", "change", "delete"]
ToolFunction = Callable[..., Awaitable[Reply]]


class Definition(NamedTuple):
    """A tool: its function, the effect of a call, and whether the default set includes it."""

    function: ToolFunction
    effect: Effect
    default: bool = True

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.function.__name__


def tool(effect: Effect, *, default: bool = True) -> Callable[[ToolFunction], Definition]:
    """Mark a function as a tool. The tool takes its name, description and parameters from the function.

    Every conversation pays for the tools of the default set, so a tool that few jobs need is left out of it.
    """

    def mark(function: ToolFunction) -> Definition:
        return Definition(function, effect, default)

    return mark


@cache
def build(definition: Definition) -> Tool:
    """The SDK's tool for a definition. It holds no reference to a server, so all servers of a process share it."""
    function = definition.function
    built = _Tool.from_function(
        function,
        description=_description(function),
        annotations=_annotations(definition.effect),
        structured_output=False,
    )
    model = built.fn_metadata.arg_model
    built.fn_metadata = _Arguments(arg_model=model)
    model.model_config["extra"] = "forbid"
    model.model_config["hide_input_in_errors"] = True
    model.model_rebuild(force=True)
    built.parameters = _plain(model.model_json_schema(by_alias=True))
    return built


def _annotations(effect: Effect) -> ToolAnnotations:
    """All four hints of an effect. No tool reaches beyond the backend, so none is open-world."""
    return ToolAnnotations(
        read_only_hint=effect == "read",
        destructive_hint=effect == "delete",
        idempotent_hint=effect in {"read", "change", "delete"},
        open_world_hint=False,
    )


def _description(function: ToolFunction) -> str:
    """The docstring up to its first section. The sections are for maintainers and would cost tokens."""
    text = (function.__doc__ or "").split("\n    Raises:")[0].split("\n    Source:")[0]
    return " ".join(text.split())


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references inlined, and without parts that cost tokens and tell a model nothing.

    These parts are titles, the null type of optional arguments, defaults of null or false, and `additionalProperties`
    that is true or false. Validation refuses an unknown argument all the same and suggests the nearest name.
    """
    return _without_noise(schema, schema.get("$defs", {}))


def _without_noise(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_without_noise(part, definitions) for part in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    kept = dict(cast("dict[str, Any]", node))
    if reference := kept.pop("$ref", None):
        kept = {**definitions[reference.rpartition("/")[2]], **kept}
        kept.pop("description", None)
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if kept.get("default") in (None, False):
        kept.pop("default", None)
    if isinstance(kept.get("additionalProperties"), bool):
        del kept["additionalProperties"]
    options = [option for option in kept.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        kept = {**_without_noise(options[0], definitions), **kept}
    elif options:
        kept["anyOf"] = options
    # A property may be named "title", so the names of properties are kept and only their schemas are cleaned.
    return {
        key: {name: _without_noise(one, definitions) for name, one in part.items()}
        if key == "properties"
        else _without_noise(part, definitions)
        for key, part in kept.items()
        if key != "$defs"
    }


class _Arguments(FuncMetadata):
    """The SDK's arguments, without JSON parsing for string parameters: a pattern may be `[1]`, a template JSON."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        fields = self.arg_model.model_fields
        kept = {name: value for name, value in data.items() if name in fields and _takes_text(fields[name].annotation)}
        return {**super().pre_parse_json(data), **kept}


def _takes_text(annotation: Any) -> bool:
    options = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return str in options


_UNANSWERED = Unavailable(
    "The client took the question to the user and gave back no usable answer, so nothing was done.",
    "Ask the user in the conversation, and see whether the client can show forms.",
)


class _Tool(Tool):
    """The SDK's tool, with our validation before the call and our errors and results after it."""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002  (the SDK's signature; results are always converted)
    ) -> CallToolResult | InputRequiredResult:
        # Hosts send null for an argument that the model leaves out, so null means "not given".
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            self.fn_metadata.validate_arguments(given)
            result = await super().run(given, context, convert_result=False)
        except ValidationError as error:
            raise self._told(self._refusal(error)) from error
        except UnexpectedToolError as error:
            raise self._explained(error.__cause__, context) from error.__cause__
        except (ToolError, MCPError) as error:
            # Our code raises neither. The client failed to ask the user, or its answer does not fit the question.
            raise self._told(_UNANSWERED) from error
        if isinstance(result, InputRequiredResult):
            # The client asks the user, then repeats the call with the same arguments and the answer.
            return result
        reply = cast("Reply", result)
        here = cast("Session", context.request_context.lifespan_context)
        # A host that gets structured content shows the model only that: no sentence, no fence and no next step.
        data = reply.data if here.settings.structured else None
        return CallToolResult(content=[TextContent(type="text", text=clip(reply.text))], structured_content=data)

    def _explained(self, cause: BaseException | None, context: Context[Any, Any]) -> ToolError:
        if isinstance(cause, ValidationError):
            # The arguments formed a request body that the contract refuses, for example one with an empty name.
            return self._told(self._refusal(cause))
        if isinstance(cause, NotFound):
            # A cached id may be gone, since other clients work on the same data.
            cast("Session", context.request_context.lifespan_context).names.forget()
        if isinstance(cause, AssayError):
            return self._told(cause)
        crash = AssayError("The tool failed on an internal error.", "The server's log has the cause; please report it.")
        return UnexpectedToolError(str(self._told(crash)))

    def _refusal(self, error: ValidationError) -> Invalid:
        names = list(self.parameters.get("properties", {}))
        return Invalid(describe(error, names), f"{self.name} takes: {', '.join(names) or 'no arguments'}.")

    def _told(self, error: AssayError) -> ToolError:
        told = {**error.as_dict(), "message": clip_message(error.message)}
        return ToolError(json.dumps(told, ensure_ascii=False, separators=(",", ":")))
