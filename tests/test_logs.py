"""Logs of real processes: no key in any of the places where a library or an exception puts one."""

import base64
import os
import subprocess
import sys
import textwrap

import pytest

from assaykit import redaction

KEY = 'top"secret/välue\\123'
"""Quotes, a slash, a backslash and a letter outside ASCII: JSON, Python and URLs each write it in another way."""

WRITERS = {
    "a traceback of the standard library's logging": """
        try:
            raise ValueError("bad header Authorization: " + KEY)
        except ValueError:
            logging.getLogger("aiohttp.client").exception("call failed")
        """,
    "an argument of the standard library's logging": 'logging.getLogger("x").warning("header %s", KEY)',
    "the stack of the standard library's logging": """
        def call(key=KEY):
            logging.getLogger("x").warning("header %r", {"k": [key]}, stack_info=True)
        call()
        """,
    "a nested value of structlog": 'structlog.get_logger().warning("x", headers={"authorization": [KEY, (KEY,)]})',
    "a name in structlog": 'structlog.get_logger().warning("x", **{KEY: 1})',
    "an object in structlog": """
        class Headers:
            def __repr__(self):
                return "Headers(" + KEY + ")"
        structlog.get_logger().warning("x", headers=Headers())
        """,
    "an exception of structlog": """
        try:
            raise ValueError("bad header " + repr(KEY))
        except ValueError:
            structlog.get_logger().exception("call failed")
        """,
    "base64 within other text": """
        import base64
        for before in ("", "u", "us", "user:"):
            text = (before + KEY + "/rest").encode()
            structlog.get_logger().warning(base64.b64encode(text).decode() + base64.urlsafe_b64encode(text).decode())
        """,
    "hex": "structlog.get_logger().warning(KEY.encode().hex() + KEY.encode().hex().upper())",
    "JSON as other writers escape it": """
        import json
        structlog.get_logger().warning(json.dumps(KEY).replace("/", "\\\\/"))
        structlog.get_logger().warning(json.dumps(json.dumps({"error": KEY})))
        structlog.get_logger().warning(json.dumps(KEY).replace("/", "\\\\u002F"))
        """,
    "HTML": """
        import html
        structlog.get_logger().warning(html.escape(KEY) + KEY.replace('"', "&#34;").replace("/", "&#x2F;"))
        """,
    "an address that is escaped in part": """
        from urllib.parse import quote, quote_plus
        structlog.get_logger().warning(quote(KEY) + " " + quote_plus(KEY))
        structlog.get_logger().warning(quote(KEY, safe="").replace("%2F", "%2f").replace("%C3", "%c3"))
        """,
    "an address": """
        from urllib.parse import quote
        structlog.get_logger().warning("GET https://example.com/?key=" + quote(KEY, safe=""))
        """,
}


SETUP = """
import logging, os, sys, structlog
from assaykit import logs, redaction
logs.configure("warning", redaction.secrets_in(os.environ))
"""


def written(lines: str, environment: dict[str, str]) -> str:
    """The stderr of a process that configures the logs as the server does, and then runs the lines."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + lines],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=300,
    )
    return done.stderr


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """The lines of each writer, all of one process."""
    mark = "print('=====', file=sys.stderr)\n"
    body = mark.join(textwrap.dedent(one) + "\n" for one in WRITERS.values())
    every = written(f"KEY = {KEY!r}\n{body}", {"OPENAI_API_KEY": KEY}).split("=====\n")
    return dict(zip(WRITERS, every, strict=True))


@pytest.mark.parametrize("writer", WRITERS)
def test_no_line_of_the_log_holds_a_key(told: dict[str, str], writer: str) -> None:
    text = told[writer]
    assert "[secret]" in text
    raw = b"secret/v"
    hidden = [base64.b64encode(b"0" * before + raw).decode()[4:-4] for before in range(3)]
    pieces = ("secret/", "secret%2F", "lue\\", "%5C123", raw.hex(), raw.hex().upper(), *hidden)
    assert [piece for piece in pieces if piece in text] == []


def test_the_variables_of_keys_are_known_by_name() -> None:
    names = ["OPENAI_API_KEY", "ARIZE_API_KEY", "MY_GATEWAY_KEY", "GH_TOKEN", "db_password"]
    around = ["{}", "{}\n", " {} ", "\t{}\r\n", "{}"]
    environment = {
        name: form.format(f"value of {number}") for number, (name, form) in enumerate(zip(names, around, strict=True))
    }
    lines = "for number in range(5): logging.getLogger('x').warning('header value of %s', number)"
    assert written(lines, environment) == "WARNING x header [secret]\n" * 5


@pytest.mark.parametrize(
    ("variable", "value", "secret"),
    [
        ("HTTPS_PROXY", "http://user:pass%2Fword@proxy.example:8080", "pass/word"),
        ("DATABASE_URL", "postgres://user:pass%2Fword@db.example/x", "pass%2Fword"),
        ("UV_INDEX_URL", "https://tokenofmany0123456789@index.example/simple", "tokenofmany0123456789"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=blue,authorization=Bearer%20abc%2Bdef", "abc+def"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api_key=abc+def,space_id=1", "abc+def"),
    ],
)
def test_passwords_in_addresses_and_keys_in_headers_are_known(variable: str, value: str, secret: str) -> None:
    said = written(f"logging.getLogger('x').warning('it is %s at home', {secret!r})", {variable: value})
    assert said == "WARNING x it is [secret] at home\n"


@pytest.mark.parametrize("value", ["https://user@host.example/x", "https://host.example/@user", "a:b@c", "user:word@x"])
def test_a_name_in_an_address_is_no_secret(value: str) -> None:
    assert redaction.secrets_in({"HOMEPAGE": value}) == []


def test_a_log_without_keys_is_left_as_it_is() -> None:
    said = written('logging.getLogger("x").warning("header %s", "plain")', {"OPENAI_API_KEY": "", "X_TOKEN": "plain"})
    assert said == "WARNING x header plain\n"
