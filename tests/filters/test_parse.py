"""Reading the filter language: every form it has, and a plain answer to everything it has not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import Invalid
from assaykit.filters.parse import MAX_CHARACTERS, MAX_DEPTH, MAX_LITERALS, MAX_PATTERN, parse
from assaykit.filters.tree import And, Between, Compare, Contains, In, IsNull, Like, Node, Not, Or, Value


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("status_code = 'OK'", Compare("status_code", "=", "OK")),
        ("latency_ms < 5000", Compare("latency_ms", "<", 5000)),
        ("a == 1", Compare("a", "=", 1)),
        ("a <> -1.5", Compare("a", "!=", -1.5)),
        ("a!=.5", Compare("a", "!=", 0.5)),
        ("a<=1e3", Compare("a", "<=", 1000.0)),
        ("a >= +7", Compare("a", ">=", 7)),
        ("a > 'it''s'", Compare("a", ">", "it's")),
        ("a = ''", Compare("a", "=", "")),
        ("a = true", Compare("a", "=", value=True)),
        ("a != False", Compare("a", "!=", value=False)),
        ("a = null", IsNull("a")),
        ("a <> NULL", Not(IsNull("a"))),
        ("a is null", IsNull("a")),
        ("a Is Not Null", Not(IsNull("a"))),
        ("a in ('x', 2, true)", In("a", ("x", 2, True))),
        ("a not in ('x')", Not(In("a", ("x",)))),
        ("a between 1 and 2.5", Between("a", 1, 2.5)),
        ("a not between 'a' and 'b'", Not(Between("a", "a", "b"))),
        ("a like '%x_'", Like("a", "%x_")),
        ("a not LIKE 'x'", Not(Like("a", "x"))),
        ("a CONTAINS 'x'", Contains("a", "x")),
        ("a not contains 'x'", Not(Contains("a", "x"))),
        ("\"attributes.input.value\" contains 'refund'", Contains("attributes.input.value", "refund")),
        ("attributes.http.status-code = 200", Compare("attributes.http.status-code", "=", 200)),
        (
            "llm.input_messages.0.message.role = 'user'",
            Compare("llm.input_messages.0.message.role", "=", "user"),
        ),
        ("attributes.tool.json_schema.select is null", IsNull("attributes.tool.json_schema.select")),
        ("\"eval.my judge.label\" = 'x'", Compare("eval.my judge.label", "=", "x")),
        ('"say ""hi""" is null', IsNull('say "hi"')),
        ('"not" is null', IsNull("not")),
        ("größe=1", Compare("größe", "=", 1)),
        ("(((a=1)))", Compare("a", "=", 1)),
        ("not not a=1", Not(Not(Compare("a", "=", 1)))),
        ("\n a\t=\r\n1 ", Compare("a", "=", 1)),
    ],
)
def test_each_form_is_read_as_its_tree(text: str, tree: Node) -> None:
    assert parse(text) == tree


def test_not_binds_closer_than_and_which_binds_closer_than_or() -> None:
    a, b, c = (Compare(name, "=", 1) for name in "abc")
    assert parse("not a=1 and b=1 or c=1") == Or((And((Not(a), b)), c))
    assert parse("a=1 or b=1 and c=1") == Or((a, And((b, c))))
    assert parse("a=1 and (b=1 or c=1)") == And((a, Or((b, c))))
    assert parse("a=1 and b=1 and c=1") == And((a, b, c))


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("1=1; DROP TABLE spans", 4, "';' has no meaning"),
        ("1=1", 1, "expected a field, not '1'"),
        ("a = 1; DELETE FROM spans", 6, "';' has no meaning"),
        ("a = (SELECT b FROM c)", 5, "not '('"),
        ("a IN (SELECT b FROM c)", 7, "not 'SELECT'"),
        ("a = 1 UNION SELECT * FROM spans", 20, "'*' has no meaning"),
        ("a = 1 UNION SELECT b", 7, "expected AND, OR or the end, not 'UNION'"),
        ("EXISTS (SELECT 1)", 8, "an operator"),
        ("lower(a) = 'x'", 6, "an operator"),
        ("a = load_extension('x')", 5, "not 'load_extension'"),
        ("a = 'x' -- comment", 9, "'-' has no meaning"),
        ("a = 'x' /* comment */", 9, "'/' has no meaning"),
        ("a = 'x' || 'y'", 9, "'|' has no meaning"),
        ("a = 1 + 1", 7, "'+' has no meaning"),
        ("a = ?", 5, "'?' has no meaning"),
        ("a = :x", 5, "':' has no meaning"),
        ("a = b", 5, "not 'b'"),
        ("'a' = 'b'", 1, "expected a field"),
        ("a", 2, "an operator"),
        ("a 'x'", 3, "an operator"),
        ("a =", 4, "not the end"),
        ("a = 1 2", 7, "AND, OR or the end"),
        ("a = 1 and", 10, "expected a field, not the end"),
        ("(a = 1", 7, "expected ')'"),
        ("a = 1)", 6, "AND, OR or the end"),
        ("a in ()", 7, "not ')'"),
        ("a in ('x'", 10, "expected ',' or ')'"),
        ("a in 'x'", 6, "expected '('"),
        ("a is 'x'", 6, "expected NULL"),
        ("a < null", 5, "not 'NULL'"),
        ("a in (null)", 7, "not 'NULL'"),
        ("a < true", 5, "expected text or a number"),
        ("a between 1 and 'x'", 17, "a literal of the same sort"),
        ("a like 5", 8, "expected text in single quotes"),
        ("a contains true", 12, "expected text in single quotes"),
        ("a = 'x", 5, "a quote opens but never closes"),
        ('"a = 1', 1, "a quote opens but never closes"),
        ("a = 'it's'", 10, "a quote opens but never closes"),
        ('"" = 1', 1, "expected a field"),
        ("a = 4bf92", 5, "'4bf92' is neither a number nor a field"),
        ("a = 1e999", 5, "exceeds the largest number"),
        ("a = 'x\0y'", 7, "a character that text cannot hold"),
        ("a = '\ud800'", 6, "a character that text cannot hold"),
    ],
)
def test_what_is_not_in_the_language_is_refused_at_its_place(text: str, position: int, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(text)
    assert refusal.value.message.startswith((f"At column {position} of", f"At column {position}, "))
    assert said in refusal.value.message
    assert refusal.value.next


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('name = "refund"', "write text in single quotes: 'refund'"),
        ('name contains "it\'s"', "write text in single quotes: 'it''s'"),
        ("name = refund", "Put text in single quotes: 'refund'"),
        ("trace_id = 4bf92", "Put text in single quotes"),
        ("name < null", "IS NULL"),
        ("name like 5", "Write '5'"),
        ("lower(name) = 'x'", "There are no functions"),
        ("name ~ 'x'", "status_code = 'OK' AND latency_ms < 5000"),
    ],
)
def test_a_refusal_says_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(text)
    assert advice in refusal.value.next


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_a_blank_filter_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="blank"):
        parse(text)


def test_each_limit_is_reached_and_not_passed() -> None:
    within = {
        "characters": "a = '" + "x" * (MAX_CHARACTERS - 6) + "'",
        "levels": "(" * MAX_DEPTH + "a=1" + ")" * MAX_DEPTH,
        "NOT": "not " * MAX_DEPTH + "a=1",
        "literals": f"a in ({','.join('1' * MAX_LITERALS)})",
        "pattern": f"a like '{'x' * MAX_PATTERN}'",
    }
    beyond = {
        "4001 characters": within["characters"] + " ",
        f"{MAX_DEPTH} levels": f"({within['levels']})",
        f"{MAX_DEPTH} levels of NOT": f"not {within['NOT']}",
        f"{MAX_LITERALS} literals": f"{within['literals']} or a=1",
        f"{MAX_PATTERN} characters in a LIKE": f"a like '{'x' * (MAX_PATTERN + 1)}'",
    }
    for text in within.values():
        parse(text)
    for said, text in beyond.items():
        with pytest.raises(Invalid, match=said):
            parse(text)


def test_an_integer_no_column_can_hold_is_read_as_a_float() -> None:
    assert parse("a = 9223372036854775807") == Compare("a", "=", 2**63 - 1)
    node = parse("a = 9223372036854775808")
    assert isinstance(node, Compare)
    assert isinstance(node.value, float)


def written(node: Node) -> str:
    """The tree as text, with parentheses around everything."""

    def literal(value: Value) -> str:
        return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)

    if isinstance(node, And | Or):
        sign = " and " if isinstance(node, And) else " or "
        return sign.join(f"({written(item)})" for item in node.items)
    if isinstance(node, Not):
        return f"not ({written(node.item)})"
    field = '"' + node.field.replace('"', '""') + '"'
    match node:
        case Compare(_, sign, value):
            condition = f"{sign} {literal(value)}"
        case In(_, values):
            condition = f"in ({', '.join(literal(value) for value in values)})"
        case Between(_, low, high):
            condition = f"between {literal(low)} and {literal(high)}"
        case Contains(_, text):
            condition = f"contains {literal(text)}"
        case Like(_, pattern):
            condition = f"like {literal(pattern)}"
        case IsNull():
            condition = "is null"
    return f"{field} {condition}"


printable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = printable.filter(str.strip)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
literals = printable | numbers | st.booleans()
leaves: st.SearchStrategy[Node] = (
    st.builds(Compare, names, st.sampled_from(["=", "!="]), literals)
    | st.builds(Compare, names, st.sampled_from(["<", "<=", ">", ">="]), printable | numbers)
    | st.builds(In, names, st.lists(literals, min_size=1, max_size=4).map(tuple))
    | st.builds(Between, names, printable, printable)
    | st.builds(Contains, names, printable)
    | st.builds(Like, names, printable)
    | st.builds(IsNull, names)
)


def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


@settings(max_examples=150)
@given(st.recursive(leaves, joined, max_leaves=6))
def test_a_tree_written_down_is_read_back_the_same(node: Node) -> None:
    assert parse(written(node)) == node


fragments = st.sampled_from(
    ["a", '"b c"', "'x'", "1", "-", "(", ")", ",", "and ", "or ", " not ", " in ", " is ", "null", "=", "<"]
)


@settings(max_examples=300)
@given(st.lists(fragments | st.text(max_size=2), max_size=12).map("".join))
def test_any_text_is_a_tree_or_a_refusal(text: str) -> None:
    try:
        node = parse(text)
    except Invalid as refusal:
        assert refusal.next  # noqa: PT017  (most texts are refused, some are not)
    else:
        assert parse(written(node)) == node
