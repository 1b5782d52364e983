"""MCP tools built from functions. No other module uses the SDK's tool class.

Five defaults of that class are wrong for us (checked on mcp 2.3.0). Unknown arguments are dropped silently. Validation
messages are long and echo values. Schemas carry titles that nobody reads. Only a `ToolError` reaches the model. A
string that looks like JSON is parsed even if the parameter takes a string.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, Union, cast, get_args, get_origin

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, TextContent
from pydantic import ValidationError

from assaykit.errors import AssayError, Invalid, NotFound
from assaykit.session import Session
from assaykit.toolkit.effects import Effect, hints_of, title_of
from assaykit.toolkit.hidden import with_hidden
from assaykit.toolkit.questions import UNANSWERED, QuestionPending, as_of_question
from assaykit.toolkit.replies import Reply, bounded, clip_message, composed
from assaykit.wire.validation import describe

ToolFunction = Callable[..., Awaitable[Reply]]


class Definition(NamedTuple):
    """A tool: its function and the effects of a call.

    A free look has a name and a description of its own, and `fixed` arguments that keep its calls free. Its schema
    omits the arguments of `unlisted`, which change nothing in it.
    """

    function: ToolFunction
    effects: tuple[Effect, ...]
    look: str | None = None
    described: str | None = None
    fixed: tuple[tuple[str, bool], ...] = ()
    unlisted: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.look or self.function.__name__

    @property
    def description(self) -> str:
        """The tool's description, for the model."""
        return self.described or _description(self.function)

    def free_look(self, name: str, description: str, *, unlisted: Sequence[str], **fixed: bool) -> "Definition":
        """A tool of its own for the calls of this tool that have the `fixed` arguments. Such calls only read.

        Hints belong to a tool and not to a call, so a host asks before every call of a tool that may spend.
        """
        return Definition(self.function, ("read",), name, description, tuple(fixed.items()), (*fixed, *unlisted))


def tool(*effects: Effect) -> Callable[[ToolFunction], Definition]:
    """Mark a function as a tool. The tool takes its name, description and parameters from the function."""

    def mark(function: ToolFunction) -> Definition:
        return Definition(function, effects)

    return mark


@cache
def build(definition: Definition) -> Tool:
    """The SDK's tool for a definition. It holds no reference to a server, so all servers of a process share it."""
    function = definition.function
    made = _Tool.from_function(
        function,
        name=definition.name,
        title=title_of(definition.name),
        description=definition.description,
        annotations=hints_of(definition.effects),
        structured_output=False,
    )
    built = cast("_Tool", made)
    built.fn = _with_session(function, tuple(built.resolved_params), built.context_kwarg)
    # Python calls it with the context, and the SDK's resolvers are not asked: see `_with_session`.
    built.context_kwarg, built.resolved_params = _CONTEXT, {}
    model = built.fn_metadata.arg_model
    built.fn_metadata = _Arguments(arg_model=model)
    model.model_config["extra"] = "forbid"
    model.model_config["hide_input_in_errors"] = True
    model.model_rebuild(force=True)
    built.parameters = _plain(model.model_json_schema(by_alias=True))
    built.fixed = dict(definition.fixed)
    built.usual = definition.function.__name__
    if definition.look is not None:
        built.parameters["properties"] = _brief(built.parameters["properties"], definition.unlisted)
    return built


def _with_session(function: ToolFunction, sessions: Sequence[str], context_kwarg: str | None) -> ToolFunction:
    """The function with the session for its parameters `sessions`, called with the context as `_CONTEXT`.

    The SDK has resolvers for such parameters. One of them costs as much in each call as a read of the store.
    """

    async def call(**arguments: Any) -> Reply:
        context = arguments.pop(_CONTEXT)
        arguments.update(dict.fromkeys(sessions, as_of_question(context)))
        if context_kwarg is not None:
            arguments[context_kwarg] = context
        return await function(**arguments)

    return call


_CONTEXT = "_context"
"""No parameter of a tool begins with an underscore."""


def _description(function: ToolFunction) -> str:
    """The docstring up to its first section. The sections are for maintainers and would cost tokens."""
    text = (function.__doc__ or "").split("\n    Raises:")[0].split("\n    Source:")[0]
    return " ".join(text.split())


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references inlined, and without parts that cost tokens and tell a model nothing.

    These parts are titles, the null type of optional arguments, defaults of null or false, lower bounds of 1 or less,
    and `additionalProperties` that is true or false. Validation refuses an unknown argument all the same and suggests
    the nearest name.
    """
    return _without_noise(schema, schema.get("$defs", {}))


def _brief(properties: Mapping[str, Mapping[str, Any]], unlisted: Sequence[str]) -> dict[str, Any]:
    """The properties of a free look: those of its tool, which has their descriptions."""
    return {
        name: {key: part for key, part in schema.items() if key != "description"}
        for name, schema in properties.items()
        if name not in unlisted
    }


def _is_low(keyword: str, value: object) -> bool:
    return keyword in {"minimum", "exclusiveMinimum", "minItems"} and isinstance(value, int | float) and value <= 1


def _without_noise(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_without_noise(part, definitions) for part in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    kept = {key: part for key, part in cast("dict[str, Any]", node).items() if not _is_low(key, part)}
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


class _Tool(Tool):
    """The SDK's tool, with our validation before the call and our errors and results after it.

    `fixed` are the arguments of a free look, and `usual` is the tool that takes other values of them.
    """

    fixed: dict[str, bool] = {}
    usual: str = ""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002  (the SDK's signature; results are always converted)
    ) -> CallToolResult | InputRequiredResult:
        # Hosts send null for an argument that the model leaves out, so null means "not given".
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            self._refuse_others(given)
            given |= self.fixed
            self.fn_metadata.validate_arguments(given)
            result = await self._called(given, context)
        except ValidationError as error:
            raise self._told(self._refusal(error), context) from error
        except Invalid as error:
            raise self._told(error, context) from error
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, QuestionPending):
                # The client asks the user, then repeats the call with the same arguments and the answer.
                return error.__cause__.as_result()
            raise self._explained(error.__cause__, context) from error.__cause__
        except (ToolError, MCPError) as error:
            # Our code raises neither. The client failed to ask the user, or its answer does not fit the question.
            raise self._told(UNANSWERED, context) from error
        reply = cast("Reply", result)
        here = cast("Session", context.request_context.lifespan_context)
        # A host that gets structured content shows the model only that: no sentence, no fence and no next step.
        data = bounded(reply.data) if here.settings.structured else None
        text = composed(reply, here.not_shown)
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=data)

    async def _called(self, given: dict[str, Any], context: Context[Any, Any]) -> Any:
        """Call the function. Another process may have renamed or deleted what a remembered name stands for.

        So each call looks names up anew. A tool that only reads takes the space from the cache, unless it is gone.
        """
        names = cast("Session", context.request_context.lifespan_context).names
        reads = bool(self.annotations and self.annotations.read_only_hint)
        if reads:
            names.forget_things()
        else:
            names.forget()
        try:
            return await super().run(given, context, convert_result=False)
        except UnexpectedToolError as error:
            if not (reads and isinstance(error.__cause__, NotFound)):
                raise
        names.forget()
        return await super().run(given, context, convert_result=False)

    def _refuse_others(self, given: Mapping[str, object]) -> None:
        for name, value in self.fixed.items():
            if given.get(name, value) != value:
                raise Invalid(
                    f"{self.name} has {name}={json.dumps(value)} in every call, so that it is free.",
                    f"Leave {name} out, or call {self.usual}.",
                )

    def _explained(self, cause: BaseException | None, context: Context[Any, Any]) -> ToolError:
        if isinstance(cause, ValidationError):
            # The arguments formed a request body that the contract refuses, for example one with an empty name.
            return self._told(self._refusal(cause), context)
        if isinstance(cause, NotFound):
            # A cached id may be gone, since other clients work on the same data.
            cast("Session", context.request_context.lifespan_context).names.forget()
        here = cast("Session", context.request_context.lifespan_context)
        return failure(cause, here.not_shown)

    def _refusal(self, error: ValidationError) -> Invalid:
        names = list(self.parameters.get("properties", {}))
        return Invalid(describe(error, names), f"{self.name} takes: {', '.join(names) or 'no arguments'}.")

    def _told(self, error: AssayError, context: Context[Any, Any]) -> ToolError:
        here = cast("Session", context.request_context.lifespan_context)
        return told(error, here.not_shown)


def failure(cause: BaseException | None, not_shown: Mapping[str, str]) -> ToolError:
    """The SDK's error for an exception: with its own words if it is ours, else with a sentence that hides them."""
    if isinstance(cause, AssayError):
        return told(cause, not_shown)
    crash = AssayError("The tool failed on an internal error.", "The server's log has the cause; please report it.")
    return UnexpectedToolError(str(told(crash, not_shown)))


def told(error: AssayError, not_shown: Mapping[str, str]) -> ToolError:
    """The SDK's error for one of ours: its text is the JSON object `{code, message, next}`.

    `next` says how to show the tools that it names and `not_shown` has.
    """
    facts = {
        **error.as_dict(),
        "message": clip_message(error.message),
        "next": with_hidden(clip_message(error.next), not_shown),
    }
    return ToolError(json.dumps(facts, ensure_ascii=False, separators=(",", ":")))
