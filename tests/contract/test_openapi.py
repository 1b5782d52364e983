"""The engine's OpenAPI document: whole, of one piece, and true of the bodies that others published."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route
from tests.contract.test_golden import GOLDENS, with_type_in_upper_case
from tests.engine import door

from assaykit import __version__
from assaykit.engine.app import create_app
from assaykit.engine.openapi import document
from assaykit.engine.operations import Operation
from assaykit.engine.routes import elsewhere

ELSEWHERE = {(route.path, *(route.methods or ())) for route in elsewhere.routes}
"""What only AX has: answered with 501 and a word, and no part of the document."""
ROUTES = [
    route
    for route in create_app("k").routes
    if isinstance(route, Route) and (route.path, *(route.methods or ())) not in ELSEWHERE
]
OPERATIONS = [route for route in ROUTES if isinstance(route, Operation)]
DOCUMENT = document(OPERATIONS, __version__)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

ALWAYS_ANSWERED = ("annotations", "evaluations", "events", "instance", "trace_annotations")
"""By the engine; not every published reply has them."""


def described() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            yield path, method.upper(), told


def everything(node: Any) -> Iterator[dict[str, Any]]:
    """Every object inside the document."""
    if isinstance(node, dict):
        yield cast("dict[str, Any]", node)
    for item in cast("Any", node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()):
        yield from everything(item)


def schema_of(model: str, direction: str) -> dict[str, Any] | None:
    """The component of a wire class; some have one for requests and another for replies. None: it has no route."""
    side = {"request": "Input", "reply": "Output"}[direction]
    found = next((name for name in (model, f"{model}-{side}") if name in SCHEMAS), None)
    return None if found is None else {"$ref": f"#/components/schemas/{found}", "components": {"schemas": SCHEMAS}}


def test_every_route_of_the_contract_says_what_it_takes_and_gives() -> None:
    undeclared = [
        (route.path, sorted(route.methods or ()))
        for route in ROUTES
        if route.path.startswith("/v2/") and not isinstance(route, Operation)
    ]
    assert undeclared == [], "declare these as Operation(...), see engine/operations.py"


def test_the_document_has_the_routes_of_the_contract_and_no_other() -> None:
    served = {
        (route.path, method)
        for route in ROUTES
        if route.path.startswith("/v2/")
        for method in (route.methods or set[str]()) - {"HEAD"}
    }
    assert {(path, method) for path, method, _ in described()} == served


def test_what_only_ax_has_shares_no_path_with_the_document() -> None:
    """Else a 405, whose Allow names every method of the path, would name some that the document does not know."""
    declared = {re.sub(r"\{.*?\}", "{}", path) for path in DOCUMENT["paths"]}
    assert [route.path for route in elsewhere.routes if re.sub(r"\{.*?\}", "{}", route.path) in declared] == []


async def test_the_document_is_served_to_who_has_the_key(tmp_path: Path) -> None:
    async with door.opened(tmp_path) as found:
        assert await found.get("/openapi.json") == json.loads(json.dumps(DOCUMENT))
        assert (await found.http.get("/openapi.json", headers={"Authorization": "x"})).status_code == httpx.codes(401)


def test_operations_have_names_of_their_own_and_a_word_about_themselves() -> None:
    names = [told["operationId"] for *_, told in described()]
    assert len(set(names)) == len(names)
    assert {"list_datasets", "experiments_list_runs", "runs_list_runs"} <= set(names)
    for path, method, told in described():
        assert told["description"].startswith(f"`{method} {path}`")


def test_every_reference_leads_to_a_component_and_every_component_is_used() -> None:
    led_to = {node["$ref"] for node in everything(DOCUMENT) if isinstance(node.get("$ref"), str)}
    assert led_to == {f"#/components/schemas/{name}" for name in SCHEMAS}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_component_is_a_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_variable_of_a_path_is_a_parameter() -> None:
    for path, _, told in described():
        inside = [one["name"] for one in told["parameters"] if one["in"] == "path"]
        assert inside == re.findall(r"{(\w+)}", path)


def test_each_operation_has_one_good_answer_or_is_not_offered_and_problems_for_the_rest() -> None:
    for path, method, told in described():
        good, *bad = told["responses"]
        if good == "501":
            bad.append(good)
        else:
            assert good in {"200", "201", "202", "204"}, path
            assert ("content" in told["responses"][good]) == (good in {"200", "201"})
        assert "401" in bad, (path, method)
        for status in bad:
            (content,) = told["responses"][status]["content"].items()
            assert content == ("application/problem+json", {"schema": {"$ref": "#/components/schemas/Problem"}})


def test_pages_are_asked_for_by_limit_and_cursor_within_their_bounds() -> None:
    most = {
        (told["operationId"], one["schema"]["maximum"])
        for *_, told in described()
        for one in told["parameters"]
        if one["name"] == "limit"
    }
    assert {("list_datasets", 100), ("list_examples", 500), ("list_spans", 500), ("list_traces", 50)} <= most


def test_a_body_may_be_left_out_where_every_field_may() -> None:
    needed = {told["operationId"]: told["requestBody"]["required"] for *_, told in described() if "requestBody" in told}
    assert (needed["trigger"], needed["create_dataset"], needed["evaluators_create_version"]) == (False, True, True)


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_a_published_body_fits_the_component_of_its_model(name: str) -> None:
    golden = GOLDENS[name]
    schema = schema_of(golden.model.rpartition(".")[2], golden.direction)
    assert schema is not None, "no route takes or gives it"
    body = with_type_in_upper_case(golden.body)
    check: Any = Draft202012Validator(schema)
    more = {f"{field!r} is a required property" for field in ALWAYS_ANSWERED}
    assert {error.message for error in check.iter_errors(body)} <= more
