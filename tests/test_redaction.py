"""Secrets that a process knows: which values of an environment they are, and the texts that lose them."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

import pytest

from assaykit import redaction
from assaykit.redaction import MARK, body_without_known, learn, secrets_in, struck, without_known

KEY = 'top"secret/välue\\123'


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "_known": set[str](),
        "_pattern": None,
        "_needles": (),
        "_needles_in_bytes": (),
        "_homes": (),
    }.items():
        monkeypatch.setattr(redaction, name, value)


@pytest.mark.parametrize(
    ("environment", "secrets"),
    [
        ({"OPENAI_API_KEY": "a"}, ["a"]),
        ({"MY_GATEWAY_KEY": "a", "GH_TOKEN": "b", "db_password": "c", "APIKEY": "d"}, ["a", "b", "c", "d"]),
        ({"KEYBOARD": "a", "MONKEY": "b", "PATH": "/bin"}, []),
        ({"X_HEADERS": "x-team=blue,authorization=Bearer%20abc%2Bdef,api-key= k "}, ["abc+def", "k"]),
        ({"X_HEADERS": "authorization=,cookie"}, []),
        ({"PROXY": "http://user:pass%2Fword@host:1"}, ["pass%2Fword", "pass/word"]),
        ({"INDEX": "https://12345678901234567890@host/x"}, ["12345678901234567890"] * 2),
        ({"INDEX": "https://1234567890123456789@host/x"}, []),
        ({"INDEX": "https://user:@host/x https://host/@x a:b@c"}, ["", ""]),
    ],
)
def test_the_secrets_of_an_environment(environment: Mapping[str, str], secrets: list[str]) -> None:
    assert secrets_in(environment) == secrets


SPELLINGS = {
    "as it is": KEY,
    "JSON": json.dumps(KEY),
    "JSON within JSON": json.dumps(json.dumps({"error": KEY})),
    "JSON with letters": json.dumps(KEY, ensure_ascii=False).replace("/", "\\/"),
    "JSON with numbers": json.dumps(KEY).replace("/", "\\u002F").replace("\\\\", "\\u005c"),
    "Python": repr(KEY),
    "an address": quote(KEY, safe=""),
    "an address in part": quote(KEY).replace("%C3", "%c3"),
    "a form": quote_plus(KEY),
    "HTML": KEY.replace('"', "&quot;").replace("/", "&#x2F;").replace("\\", "\\"),
    "HTML with numbers": KEY.replace('"', "&#034;").replace("/", "&#47;"),
    "bytes of Python": KEY.replace("ä", "\\xe4"),
    "hex": KEY.encode().hex(),
    "HEX": KEY.encode().hex().upper(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_known_secret_is_struck_out_in_every_spelling(spelling: str) -> None:
    learn([f" {KEY}\n"])
    text = SPELLINGS[spelling]
    for found in (without_known(f"<{text}>"), body_without_known(f"<{text}>".encode()).decode()):
        assert MARK in found
        assert "secret/" not in found.replace(MARK, "")
        assert found.startswith("<")
        assert found.endswith(">")
        assert len(found) <= len(text)


@pytest.mark.parametrize("before", ["", "u", "us", "user"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("secret", ["fun>>fun??fun~~", "plain-key-of-many"])
def test_the_digits_of_base64_are_struck_out_whatever_stands_around(
    before: str, encode: Callable[[bytes], bytes], secret: str
) -> None:
    learn([secret])
    for after in ("", "/", "/r", "/rest"):
        text = encode(f"{before}{secret}{after}".encode()).decode()
        found = without_known(text)
        assert MARK in found
        # A digit at each end may belong to what stands around.
        assert len(found) - len(MARK) <= len(text) - len(secret) * 8 // 6 + 2


def test_a_space_may_be_a_plus() -> None:
    learn(["pass word"])
    assert [without_known(one) for one in ("pass word", "pass+word", "pass%20word", "passxword")] == [
        *[MARK] * 3,
        "passxword",
    ]


def test_short_values_are_left_alone() -> None:
    learn(["12345", "", "   "])
    assert without_known("12345 and nothing") == "12345 and nothing"
    learn(["123456"])
    assert without_known("12345 123456") == f"12345 {MARK}"


def test_the_longest_of_two_keys_is_struck_out_as_a_whole() -> None:
    learn(["secret-one"])
    learn(["secret-one-more"])
    assert without_known("secret-one-more secret-one") == f"{MARK} {MARK}"


def test_a_key_without_a_run_of_letters_is_found_too() -> None:
    learn(["a-b-c-d-e-f"])
    assert without_known("x a-b-c-d-e-f x") == f"x {MARK} x"
    assert body_without_known(b"x a-b-c-d-e-f x") == f"x {MARK} x".encode()


def test_a_body_that_is_no_utf8_keeps_its_bytes() -> None:
    learn(["secret-one"])
    assert body_without_known(b"\xff secret-one \xfe") == b"\xff [secret] \xfe"
    assert body_without_known(b"\xff\xfe") == b"\xff\xfe"


def test_a_key_outside_ascii_is_escaped_in_each_way() -> None:
    learn(["schlüssel😀wort"])
    texts = ["schlüssel😀wort", json.dumps("schlüssel😀wort"), quote("schlüssel😀wort"), "schl\\xfcssel\\U0001f600wort"]
    assert all(MARK in without_known(text) for text in texts)


@pytest.mark.parametrize("text", ["sk-abcdefgh1", "ak-12345678", "Bearer abcdefgh", "bearer a.b-c_d~e/f+g=="])
def test_text_that_looks_like_a_key_is_struck_out(text: str) -> None:
    assert struck(f"401 for {text}") == f"401 for {MARK}"
    assert without_known(text) == text


@pytest.mark.parametrize("text", ["sk-short", "task-abcdefgh1", "Bearer short", "plain"])
def test_text_that_does_not_stays(text: str) -> None:
    assert struck(text) == text


def test_a_known_key_is_struck_out_of_a_message_too() -> None:
    learn(["plain-key"])
    assert struck("plain-key and sk-abcdefgh1") == f"{MARK} and {MARK}"
