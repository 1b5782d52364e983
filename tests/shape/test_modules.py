"""Rules for modules: names, sizes and forbidden constructs."""

import ast

from tests.shape.tree import ROOT, SERVER, TESTS, Function, at, called, calls, modules, nodes

from assaykit import errors

FILE_LINES = 500
TEST_FILE_LINES = 700
FUNCTION_LINES = 45
"""Lines of a body, about one screen. Signatures and docstrings do not count: for a tool they are its schema."""

TEST_FUNCTION_LINES = 60
GENERATED = SERVER / "engine" / "store" / "migrations" / "versions"
"""Migrations are long lists of tables and have no limit."""

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "core", "handler", "misc"}
COMMANDS = SERVER / "cli"
WORKER = SERVER / "runner" / "assaykit_worker"
OTHERS = ROOT / "benchmarks" / "others"
"""Scripts that run in other interpreters, with third-party packages."""


def test_every_file_is_short_enough_to_read() -> None:
    long = {at(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    over = {where: lines for where, lines in long.items() if lines > limit(where, TEST_FILE_LINES, FILE_LINES)}
    assert not over, f"split these files: {over}"


def test_every_function_fits_on_a_screen() -> None:
    bodies = {
        f"{at(path, node)} {node.name}": body_lines(node)
        for path, node in nodes()
        if isinstance(node, Function) and not path.is_relative_to(GENERATED)
    }
    over = {where: n for where, n in bodies.items() if n > limit(where, TEST_FUNCTION_LINES, FUNCTION_LINES)}
    assert not over, f"split these functions: {over}"


def limit(where: str, tests: int, server: int) -> int:
    return tests if where.startswith("tests") else server


def body_lines(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_every_module_is_named_after_what_it_is_about() -> None:
    empty = [at(path) for path in modules() if EMPTY_NAMES & {*path.relative_to(ROOT).parts, path.stem}]
    assert not empty, f"these names say nothing: {empty}"


def test_every_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for path, node in nodes():
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and path.is_relative_to(SERVER):
            places.setdefault(node.name, []).append(at(path, node))
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert not shared, f"tell these classes apart by name: {shared}"


def test_only_commands_print() -> None:
    printing = [
        at(path, call) for path, call in calls(SERVER) if called(call) == "print" and not path.is_relative_to(COMMANDS)
    ]
    assert not printing, f"stdout belongs to the protocol: {printing}"


def test_only_anyio_runs_anything_at_once() -> None:
    # The worker runs in interpreters with only the standard library.
    found = [
        at(path, node)
        for path, node in nodes()
        if "asyncio" in imported(node) and not path.is_relative_to(WORKER) and not path.is_relative_to(OTHERS)
    ]
    assert not found, f"import anyio instead of asyncio: {found}"


def imported(node: ast.AST) -> set[str]:
    match node:
        case ast.Import(names=names):
            return {one.name.split(".")[0] for one in names}
        case ast.ImportFrom(module=str(module)):
            return {module.split(".")[0]}
        case _:
            return set()


def test_every_text_file_is_opened_with_an_encoding() -> None:
    awaited = {id(node.value) for _, node in nodes() if isinstance(node, ast.Await)}
    # An awaited call, or one in `async with`, opens something of ours and not a file.
    awaited |= {id(item.context_expr) for _, node in nodes() if isinstance(node, ast.AsyncWith) for item in node.items}
    without = [
        at(path, call)
        for path, call in calls()
        if opens_text(call) and not names_encoding(call) and id(call) not in awaited
    ]
    assert not without, f"name the encoding: {without}"


def opens_text(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(attr="read_text" | "write_text"):
            return True
        # `os.open` returns a file descriptor, which has no encoding.
        case ast.Attribute(attr="open", value=ast.Name(id="os")):
            return False
        case ast.Name(id="open") | ast.Attribute(attr="fdopen"):
            mode = call.args[1:2]
        case ast.Attribute(attr="open"):
            mode = call.args[:1]
        case _:
            return False
    given = [*mode, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return not any(isinstance(one, ast.Constant) and "b" in str(one.value) for one in given)


def names_encoding(call: ast.Call) -> bool:
    return any(keyword.arg == "encoding" for keyword in call.keywords)


def test_every_error_is_raised_somewhere() -> None:
    classes = {kind.__name__ for kind in errors.AssayError.__subclasses__()}
    made = {called(call) for _, call in calls(SERVER)}
    assert not classes - made, f"nothing raises these: {sorted(classes - made)}"
    assert len(classes) > 1


def test_tests_are_plain_functions() -> None:
    classes = [at(path, node) for path, node in nodes(TESTS) if isinstance(node, ast.ClassDef) and "Test" in node.name]
    assert not classes, f"a test is a function whose name is a sentence: {classes}"


STORE_FILES = {
    TESTS / "store_files.py": "connects to files that the store refuses or would change",
    TESTS / "engine" / "test_span_filters.py": "makes databases of its own with the project's tables",
    TESTS / "engine" / "test_store_advice.py": "names SQLite's result codes",
}
"""The files that know SQLite beside the store, and why."""


def test_tests_reach_the_store_through_the_store() -> None:
    around = [at(path, node) for path, node in nodes(TESTS) if goes_around_the_store(node) and path not in STORE_FILES]
    assert not around, f"use Database or tests/stores.py, or tests/store_files.py for a file that is no store: {around}"


def goes_around_the_store(node: ast.AST) -> bool:
    return "sqlite3" in imported(node) or (isinstance(node, ast.Call) and called(node) == "create_engine")


def test_a_test_that_fails_waits_for_no_process() -> None:
    endless = [at(path, node) for path, node in nodes(TESTS) if waits_for_ever(node) and path.name != "children.py"]
    assert not endless, f"use child of tests/children.py, which kills its process where the test fails: {endless}"


def waits_for_ever(node: ast.AST) -> bool:
    """Whether it enters `Popen`, which waits for its process when it is left."""
    entered: list[ast.expr] = []
    if isinstance(node, ast.With | ast.AsyncWith):
        entered = [item.context_expr for item in node.items]
    elif isinstance(node, ast.Call) and called(node) == "enter_context":
        entered = node.args
    return any(isinstance(one, ast.Call) and called(one) == "Popen" for one in entered)
