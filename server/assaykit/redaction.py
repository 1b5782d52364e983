"""Secrets that this process knows, and their removal from text.

A key is learnt where it is read: from the environment at the start, or from the variable or keyring entry that an
integration names. Another process may have kept a key that this process has not read, so `asking` names the homes of
such keys. Log lines and errors of providers, backends and the user's code lose their keys before they are shown or
kept.
"""

import html
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote

from anyio.lowlevel import EventLoopToken, current_token

MARK = "[secret]"

SHORTEST = 6
"""Shorter values are not struck out: they occur in ordinary words."""

_LOOKS_SECRET = re.compile(r"\b(?:sk|ak)-[A-Za-z0-9_\-]{8,}|\bBearer\s+[A-Za-z0-9._~+/\-]{8,}=*", re.IGNORECASE)

_NAMED_LIKE_A_KEY = re.compile(r"(?:^|_)(?:API_?KEY|ACCESS_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD)$", re.IGNORECASE)

_NAMED_LIKE_HEADERS = re.compile(r"(?:^|_)HEADERS$", re.IGNORECASE)
_SECRET_HEADER = re.compile(r"auth|key|token|secret|password|cookie", re.IGNORECASE)
_SCHEME = re.compile(r"(?:bearer|basic)\s+", re.IGNORECASE)

_USER_IN_ADDRESS = re.compile(r"://([^/?#\s]+)@")
_SHORTEST_BARE_USER = 20
"""A user without a password in an address is a token from this length on; a shorter one is a name."""

_IN_URLS = str.maketrans("+/", "-_")
"""From the digits of base64 to those of its alphabet for URLs."""

_BACKSLASHES = r"\\+"
_RUN = re.compile(r"[A-Za-z0-9]+")
_SHORTEST_RUN = 4


class _Home(NamedTuple):
    """A home of secrets that other processes fill; `slow` belongs to the event loop of `loop`."""

    quick: Callable[[], Iterable[str]]
    slow: Callable[[], Awaitable[None]] | None
    loop: EventLoopToken


_homes: tuple[_Home, ...] = ()

_known: set[str] = set()
_pattern: tuple[int, re.Pattern[str]] | None = None
"""The pattern for so many secrets. It takes a millisecond a secret, so the first text that may hold one makes it."""
_needles: tuple[str, ...] = ()
"""A text that holds a known secret holds one of these; the search for them takes a fraction of the pattern's time."""
_needles_in_bytes: tuple[bytes, ...] = ()


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The secrets in the variables of an environment.

    They are the values of variables whose names end like a key's (OPENAI_API_KEY, MY_GATEWAY_KEY, GH_TOKEN), the
    passwords in addresses (HTTPS_PROXY, DATABASE_URL), and the secret ones of the headers in variables such as
    OTEL_EXPORTER_OTLP_HEADERS. An integration may name any variable as its key's, so a list of names would not do.
    """
    found: list[str] = []
    for name, value in environment.items():
        if _NAMED_LIKE_A_KEY.search(name):
            found.append(value)
        elif _NAMED_LIKE_HEADERS.search(name):
            found += _in_headers(value)
        else:
            found += _in_addresses(value)
    return found


def _in_headers(text: str) -> list[str]:
    """The values of headers named like a secret's, in the form `name=value,name=value`, as sent and unescaped."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    values = [_SCHEME.sub("", unquote(value).strip()) for name, _, value in pairs if _SECRET_HEADER.search(name)]
    return [one for one in values if one]


def _in_addresses(text: str) -> list[str]:
    """The passwords of users in addresses, and users that are tokens, as written and unescaped."""
    found: list[str] = []
    for told in _USER_IN_ADDRESS.findall(text):
        user, sign, password = told.partition(":")
        if sign or len(user) >= _SHORTEST_BARE_USER:
            secret = password if sign else user
            found += [secret, unquote(secret)]
    return found


def learn(secrets: Iterable[str]) -> None:
    """Strike these values out of text from now on, in every spelling that a log, a body or an address gives them."""
    global _needles, _needles_in_bytes  # noqa: PLW0603  (one process, one set of secrets)
    # A variable may have blanks around its key, and requests carry the key without them.
    bare = {secret.strip() for secret in secrets}
    new = {secret for secret in bare if len(secret) >= SHORTEST} - _known
    if not new:
        return
    _known.update(new)
    made = 0
    # Several threads may learn at once: the last one to write has all secrets.
    while made != len(_known):
        known = tuple(_known)
        made = len(known)
        _needles = tuple({one for secret in known for one in (_longest_run(secret), *_in_digits(secret))})
        _needles_in_bytes = tuple(one.encode("utf-8", "replace") for one in _needles)


@contextmanager
def asking(quick: Callable[[], Iterable[str]], slow: Callable[[], Awaitable[None]] | None = None) -> Generator[None]:
    """Ask a home of secrets that other processes fill, until the block ends. Its secrets stay known after that.

    Args:
        quick: The secrets that are new since the last call. It is called now and before each text, so it must be fast,
            and it must not raise.
        slow: Learns the secrets whose home takes long to answer. `complete` awaits it.
    """
    global _homes  # noqa: PLW0603  (one process, one set of secrets)
    home = _Home(quick, slow, current_token())
    _homes = (*_homes, home)
    _ask()
    try:
        yield
    finally:
        _homes = tuple(one for one in _homes if one is not home)


async def complete() -> None:
    """Learn the secrets of slow homes too. Await it before a foreign program runs whose words are kept."""
    here = current_token()
    for home in _homes:
        if home.slow is not None and home.loop == here:
            await home.slow()


def _ask() -> None:
    for home in _homes:
        learn(home.quick())


def struck(text: str) -> str:
    """The text with `[secret]` in place of each known secret and of text that looks like a key."""
    return _LOOKS_SECRET.sub(MARK, without_known(text))


def without_known(text: str) -> str:
    """The text with `[secret]` in place of each known secret. Text that only looks like a key may be a user's data."""
    _ask()
    return _known_pattern().sub(MARK, text) if any(one in text for one in _needles) else text


def body_without_known(body: bytes) -> bytes:
    """The body of an answer, in UTF-8, with `[secret]` in place of each known secret."""
    _ask()
    if not any(one in body for one in _needles_in_bytes):
        return body
    return without_known(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _known_pattern() -> re.Pattern[str]:
    global _pattern  # noqa: PLW0603  (one process, one set of secrets)
    if _pattern is None or _pattern[0] != len(_known):
        # The longest first: one key may begin with another.
        longest_first = sorted(_known.copy(), key=len, reverse=True)
        digits = [re.escape(one) for secret in longest_first for one in sorted(_in_digits(secret), key=len)[::-1]]
        _pattern = len(longest_first), re.compile("|".join([*map(_escaped, longest_first), *digits]))
    return _pattern[1]


def _escaped(secret: str) -> str:
    """A pattern for the secret in which each mark may be escaped as in a URL, JSON, HTML or a Python literal."""
    return "".join(one if one.isascii() and one.isalnum() else f"(?:{_spellings(one)})" for one in secret)


def _spellings(mark: str) -> str:
    """A pattern for the ways to write one character. JSON within JSON doubles its backslashes."""
    if mark == "\\":
        return r"\\+|%5[Cc]|\\+u005[Cc]"
    raw = mark.encode("utf-8", "surrogatepass")
    units = mark.encode("utf-16-be", "surrogatepass")
    told = [
        re.escape(mark),
        _BACKSLASHES + re.escape(mark),
        re.escape(html.escape(mark)),
        f"&\\#(?:0*{ord(mark)}|[xX]0*(?i:{ord(mark):x}));",
        f"(?i:{''.join(f'%{byte:02x}' for byte in raw)})",
        f"(?i:{''.join(rf'{_BACKSLASHES}u{units[at]:02x}{units[at + 1]:02x}' for at in range(0, len(units), 2))})",
        f"(?i:{_BACKSLASHES}(?:x|U)0*{ord(mark):02x})",
        re.escape(repr(mark)[1:-1]),
    ]
    if mark == " ":
        told.append(r"\+")
    return "|".join(dict.fromkeys(told))


def _longest_run(secret: str) -> str:
    """The longest part of a secret that no escape changes; an empty one is part of every text."""
    run = max(_RUN.findall(secret), key=len, default="")
    return run if len(run) >= _SHORTEST_RUN else ""


def _in_digits(secret: str) -> set[str]:
    return _in_hex(secret) | _in_base64(secret)


def _in_hex(secret: str) -> set[str]:
    told = secret.encode("utf-8", "replace").hex()
    return {told, told.upper()}


def _in_base64(secret: str) -> set[str]:
    """The digits of base64 that the secret alone decides, whatever stands around it, in both alphabets.

    The first and the last digit of a text may depend on its neighbours, so a text has three forms.
    """
    raw = secret.encode("utf-8", "replace")
    found: set[str] = set()
    for before in range(3):
        digits = b64encode(b"\0" * before + raw).decode()
        fixed = digits[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
        found |= {fixed, fixed.translate(_IN_URLS)}
    return {one for one in found if len(one) >= SHORTEST}
