"""From a function to an MCP tool: the one place that knows the SDK's tool class.

Four of its defaults are wrong for us (checked on mcp 2.3.0): unknown arguments are dropped silently, validation text is
long and echoes values, schemas carry titles nobody reads, and only a `ToolError` reaches the model.
"""

import importlib
import json
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal, NamedTuple, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ValidationError

from assaykit import tools
from assaykit.errors import AssayError, Invalid
from assaykit.tools.replies import Reply, clip
from assaykit.wire.validation import describe

Effect = Literal["read", "add", "change", "delete"]
Function = Callable[..., Awaitable[Reply]]


class Definition(NamedTuple):
    """A function that is a tool, and what calling it does to the world."""

    function: Function
    effect: Effect


def tool(effect: Effect) -> Callable[[Function], Definition]:
    """Mark a function as a tool. Its name, docstring and arguments are the tool's."""

    def mark(function: Function) -> Definition:
        return Definition(function, effect)

    return mark


def discover() -> Iterator[tuple[str, Definition]]:
    """Every tool with its toolset (its module's name), in order of module and then of definition."""
    for name in sorted(module.name for module in pkgutil.iter_modules(tools.__path__)):
        module = importlib.import_module(f"{tools.__name__}.{name}")
        for value in vars(module).values():
            if isinstance(value, Definition):
                yield name, value


def build(definition: Definition) -> Tool:
    """The tool as the SDK wants it."""
    function, effect = definition
    built = _Tool.from_function(
        function,
        description=_description(function),
        annotations=_annotations(effect),
        structured_output=False,
    )
    model = built.fn_metadata.arg_model
    model.model_config["extra"] = "forbid"
    model.model_config["hide_input_in_errors"] = True
    model.model_rebuild(force=True)
    built.parameters = _plain(model.model_json_schema(by_alias=True))
    return built


def _annotations(effect: Effect) -> ToolAnnotations:
    """All four hints from one word. No tool reaches beyond the backend, so none is open-world."""
    return ToolAnnotations(
        read_only_hint=effect == "read",
        destructive_hint=effect == "delete",
        idempotent_hint=effect in {"read", "change", "delete"},
        open_world_hint=False,
    )


def _description(function: Function) -> str:
    """The docstring up to its first section: what follows is for maintainers and would cost tokens."""
    text = (function.__doc__ or "").split("\n    Raises:")[0].split("\n    Source:")[0]
    return " ".join(text.split())


def _plain(schema: Any) -> Any:
    """The schema without titles and without the null that every optional argument accepts anyway."""
    if isinstance(schema, list):
        return [_plain(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    node = dict(cast("dict[str, Any]", schema))
    if isinstance(node.get("title"), str):
        del node["title"]
    if "default" in node and node["default"] is None:
        del node["default"]
    options = [option for option in node.get("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        del node["anyOf"]
        node = {**options[0], **node}
        node.pop("title", None)
    elif options:
        node["anyOf"] = options
    if isinstance(node.get("properties"), dict):
        properties = cast("dict[str, Any]", node["properties"])
        node["properties"] = {name: _plain(part) for name, part in properties.items()}
    return {key: part if key == "properties" else _plain(part) for key, part in node.items()}


class _Tool(Tool):
    """The SDK's tool with our validation in front, our errors and our results behind."""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002  (the SDK's signature; we convert always)
    ) -> CallToolResult | InputRequiredResult:
        # Hosts send null for what they leave out, so null means "not given".
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            self.fn_metadata.validate_arguments(given)
            result = await super().run(given, context, convert_result=False)
        except ValidationError as error:
            raise self._told(self._refusal(error)) from error
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, AssayError):
                raise self._told(error.__cause__) from error.__cause__
            raise
        if isinstance(result, InputRequiredResult):
            return result
        reply = cast("Reply", result)
        return CallToolResult(content=[TextContent(type="text", text=clip(reply.text))], structured_content=reply.data)

    def _refusal(self, error: ValidationError) -> Invalid:
        names = list(self.parameters.get("properties", {}))
        return Invalid(describe(error, names), f"{self.name} takes: {', '.join(names) or 'no arguments'}.")

    def _told(self, error: AssayError) -> ToolError:
        return ToolError(json.dumps(error.as_dict(), ensure_ascii=False, separators=(",", ":")))
