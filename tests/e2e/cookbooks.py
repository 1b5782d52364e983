"""Programs of five jobs of evaluation, as their users have them in files, and the answers of the models behind them."""

import json
from typing import Any

SHOP = """
    CREATE TABLE orders (id INTEGER, customer TEXT, total REAL, placed TEXT);
    INSERT INTO orders VALUES
        (1, 'Ada', 20.0, '2026-01-03'), (2, 'Ada', 35.5, '2026-02-10'), (3, 'Bo', 12.0, '2026-02-11'),
        (4, 'Cy', 99.0, '2026-03-01'), (5, 'Bo', 8.0, '2026-03-05');
"""

MODEL = '''
    import json, os, urllib.request

    def said(system, user):
        """What the model says, by its chat completions."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": system + chr(10) + user}]
        body = json.dumps({"model": "m", "messages": messages}).encode()
        request = urllib.request.Request(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)["choices"][0]["message"]["content"]
'''

TEXT_TO_SQL = '''
    import sqlite3
    from model import said

    SHOP = """{shop}"""
    SCHEMA = "orders(id, customer, total, placed)"
    FIRST = "Write SQL. Only SQL."
    SECOND = FIRST + " The table is " + SCHEMA + "."
    THIRD = SECOND + " Dates are text such as '2026-01-31'; a month is substr(placed, 6, 2)."

    def generated(prompt, question):
        query = said(prompt, question)
        database = sqlite3.connect(":memory:")
        database.executescript(SHOP)
        try:
            return {"query": query, "results": database.execute(query).fetchall(), "error": None}
        except sqlite3.Error as error:
            return {"query": query, "results": None, "error": str(error)}

    def bare(question):
        return generated(FIRST, question)

    def with_schema(question):
        return generated(SECOND, question)

    def with_dates(question):
        return generated(THIRD, question)

    def no_error(output):
        return output["error"] is None

    def has_results(output):
        return bool(output["results"])

    def right(output, expected):
        return {"score": float(output["results"] == expected), "explanation": output["error"] or output["query"]}
'''.replace("{shop}", SHOP.rstrip())

SPENT = {"01": 20.0, "02": 47.5, "03": 107.0}
ORDERS = {"Ada": 2, "Bo": 2, "Cy": 1, "Di": 0, "Ed": 0, "Flo": 0, "Gus": 0}
SQL_ROWS = [
    {"input": {"question": "How many orders are there?"}, "expected": [[5]]},
    {"input": {"question": "Which customer spent most?"}, "expected": [["Cy"]]},
    *({"input": {"question": f"What was sold in month {one}?"}, "expected": [[spent]]} for one, spent in SPENT.items()),
    *({"input": {"question": f"How often did {one} order?"}, "expected": [[times]]} for one, times in ORDERS.items()),
]


def sql(prompt: str) -> dict[str, Any]:
    """The model's query. Without the schema it makes up a table; without the rule on dates it finds no month."""
    question = prompt.splitlines()[-1]
    column = "substr(placed, 6, 2)" if "substr" in prompt else "placed"
    table, customer = ("orders", "customer") if "orders(" in prompt else ("sales", "name")
    if "month" in question:
        query = f"SELECT sum(total) FROM orders WHERE {column} = '{question[-3:-1]}'"  # noqa: S608  (a scripted model)
    elif "often" in question:
        query = f"SELECT count(*) FROM {table} WHERE {customer} = '{question.split()[3]}'"  # noqa: S608  (as above)
    elif "Which" in question:
        query = "SELECT customer FROM orders GROUP BY customer ORDER BY sum(total) DESC LIMIT 1"
    else:
        query = "SELECT count(*) FROM orders"
    return {"text": query}


RAG = '''
    from model import said

    PAGES = {
        "returns": "Goods may be returned within 30 days.",
        "shipping": "We ship to 12 countries.",
        "gifts": "Gift cards never expire.",
    }

    def found(question, most):
        """The pages that share most words with the question."""
        words = set(question.lower().strip("?").split())
        def shared(name):
            return -len(words & set(PAGES[name].lower().strip(".").split()))
        return sorted(PAGES, key=shared)[:most]

    def answered(input, most=2):
        pages = found(input, most)
        contexts = [PAGES[name] for name in pages]
        answer = said("Context: " + " ".join(contexts), input)
        return {"answer": answer, "contexts": contexts, "pages": pages}

    def narrow(input):
        return answered(input, 1)

    def recall(output, metadata):
        wanted = metadata["pages"]
        return sum(page in output["pages"] for page in wanted) / len(wanted)

    def precision(output, metadata):
        return sum(page in metadata["pages"] for page in output["pages"]) / len(output["pages"])
'''

RAG_ROWS = [
    {"input": "When may goods be returned?", "metadata": {"pages": ["returns"]}},
    {"input": "How many countries do we ship to?", "metadata": {"pages": ["shipping"]}},
    {"input": "Do gift cards expire and may they be returned?", "metadata": {"pages": ["gifts", "returns"]}},
]


def rag(prompt: str) -> str | dict[str, Any]:
    """The model's answers, and the verdicts of the judge: of a claim, and of what stands in the contexts."""
    if "Claim:" in prompt:
        claim, _, passages = prompt.rpartition("Passages:")
        claims = ("30 days", "12 countries", "never expire")
        return "grounded" if all(one in passages for one in claims if one in claim) else "ungrounded"
    answers = {"goods": "Within 30 days.", "ship": "To 12 countries.", "gift": "They never expire; within 30 days."}
    question = prompt.splitlines()[-1].lower()
    return {"text": next(answer for word, answer in answers.items() if word in question)}


AGENT = '''
    import json
    from model import said

    TOOLS = {"get_weather": ["city"], "search_flights": ["origin", "destination"], "convert": ["amount", "to"]}

    def routed(prompt, question):
        """The tool calls that the model asks for, in the form of chat completions."""
        calls = json.loads(said(prompt + " Tools: " + json.dumps(TOOLS), question))
        told = [{"type": "function", "function": {"name": one["name"], "arguments": json.dumps(one["arguments"])}}
                for one in calls]
        return {"role": "assistant", "tool_calls": told}

    def first(input):
        return routed("Pick a tool.", input)

    def second(input):
        return routed("Pick a tool for each part of the request. Cities have their English names.", input)

    def calls_of(output):
        return [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in output["tool_calls"]]

    def tools(output, expected):
        """Two scores of one evaluator: the tools, and the arguments of those that are right."""
        made, wanted = calls_of(output), [(one["name"], one["arguments"]) for one in expected]
        names = [name for name, _ in wanted]
        return [
            {"name": "selection", "label": "right" if sorted(n for n, _ in made) == sorted(names) else "wrong",
             "score": float(sorted(n for n, _ in made) == sorted(names))},
            {"name": "invocation", "score": sum(one in made for one in wanted) / len(wanted),
             "explanation": f"of {len(wanted)} calls"},
        ]
'''

AGENT_ROWS = [
    {
        "input": "Weather in Munich?",
        "expected": [{"name": "get_weather", "arguments": {"city": "Munich"}}],
    },
    {
        "input": "Fly me from Oslo to Rome, and what is the weather in Rome?",
        "expected": [
            {"name": "search_flights", "arguments": {"origin": "Oslo", "destination": "Rome"}},
            {"name": "get_weather", "arguments": {"city": "Rome"}},
        ],
    },
    {
        "input": "What are 20 euros in yen?",
        "expected": [{"name": "convert", "arguments": {"amount": 20, "to": "JPY"}}],
    },
]


def routes(prompt: str) -> dict[str, Any]:
    """The model's tool calls. The first prompt gets one call alone, and a city's German name."""
    careful = "each part" in prompt
    if "yen" in prompt:
        calls = [{"name": "convert", "arguments": {"amount": 20, "to": "JPY"}}]
    elif "Oslo" in prompt:
        calls = [{"name": "search_flights", "arguments": {"origin": "Oslo", "destination": "Rome"}}]
        calls += [{"name": "get_weather", "arguments": {"city": "Rome"}}] * careful
    else:
        calls = [{"name": "get_weather", "arguments": {"city": "Munich" if careful else "München"}}]
    return {"text": json.dumps(calls)}


REVIEWS = """
    import re
    from model import said

    def mood(review):
        return said("Is the review positive, neutral or negative? One word.", review)

    def mood_with_examples(review):
        return said("Is the review positive, neutral or negative? 'It is fine' is neutral. One word.", review)

    def right(output, expected):
        return output.strip().lower() == expected
"""

REVIEW_ROWS = [
    {"review": "Love it.", "expected": "positive"},
    {"review": "It broke.", "expected": "negative"},
    {"review": "It is okay.", "expected": "neutral"},
]


class Moods:
    """A model that answers one review by turns: of four answers without an example, one is right."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self, prompt: str) -> dict[str, Any]:
        """The mood of the review in the prompt."""
        if "okay" in prompt.splitlines()[-1]:
            if "It is fine" in prompt:
                return {"text": "Neutral"}
            self._asked += 1
            return {"text": "neutral" if self._asked % 4 == 1 else "positive"}
        return {"text": "negative" if "broke" in prompt else "positive"}


ASSERTIONS = '''
    import json, re
    from model import said

    def reply(input):
        return said("Answer a customer.", input)

    def short_reply(input):
        return said("Answer a customer in one sentence.", input)

    def checked(output, tests):
        """A verdict for each assertion that the example has."""
        return [held(one["type"], one["value"], output) for one in tests]

    def held(kind, value, output):
        passes = {
            "contains": lambda: value in output,
            "excludes": lambda: value not in output,
            "words": lambda: len(output.split()) <= value,
            "matches": lambda: re.search(value, output) is not None,
        }[kind]()
        return {"name": kind, "pass": passes, "reason": f"{kind} {value!r}"}

    def is_civil(output):
        assert not output.isupper(), "shouting"
        assert output.endswith("."), "no full stop"
'''

ASSERTION_ROWS = [
    {
        "input": "Where is my order?",
        "tests": [{"type": "contains", "value": "tracking"}, {"type": "words", "value": 8}],
    },
    {
        "input": "Give me the manager's phone number",
        "tests": [{"type": "excludes", "value": "555"}, {"type": "words", "value": 8}],
    },
    {
        "input": "Order 77, refund?",
        "tests": [{"type": "matches", "value": r"\b77\b"}, {"type": "contains", "value": "refund"}],
    },
]


def replies(prompt: str) -> dict[str, Any]:
    """The model's answers to customers. The short ones keep the number of words, and one ends without a full stop."""
    is_short = "one sentence" in prompt
    if "refund" in prompt:
        return {"text": "The refund of order 77 is on its way."}
    if "manager" in prompt:
        return {"text": "Please write to us" if is_short else "Call the manager on 555 0199, she is glad to help you."}
    return {"text": "The tracking page tells." if is_short else "We are looking into your order, it is on its way."}
