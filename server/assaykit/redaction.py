"""Secrets that this process knows, and their removal from text.

A key is learnt where it is read: from the environment at the start, or from the variable or keyring entry that an
integration names. Log lines and errors of providers, backends and the user's code lose their keys before they are
shown or kept.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote

MARK = "[secret]"

SHORTEST = 6
"""Shorter values are not struck out: they occur in ordinary words."""

_LOOKS_SECRET = re.compile(r"\b(?:sk|ak)-[A-Za-z0-9_\-]{8,}|\bBearer\s+[A-Za-z0-9._~+/\-]{8,}=*", re.IGNORECASE)

_NAMED_LIKE_A_KEY = re.compile(r"(?:^|_)(?:API_?KEY|ACCESS_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD)$", re.IGNORECASE)

_IN_URLS = str.maketrans("+/", "-_")
"""From the digits of base64 to those of its alphabet for URLs."""

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values of the variables whose names end like a key's: OPENAI_API_KEY, MY_GATEWAY_KEY, GH_TOKEN.

    An integration may name any variable as its key's, so a list of names would not do.
    """
    return [value for name, value in environment.items() if _NAMED_LIKE_A_KEY.search(name)]


def learn(secrets: Iterable[str]) -> None:
    """Strike these values out of text from now on, in every spelling that a log or an address gives them."""
    global _pattern  # noqa: PLW0603  (one process, one set of secrets)
    # A variable may have blanks around its key, and requests carry the key without them.
    bare = {secret.strip() for secret in secrets}
    new = {secret for secret in bare if len(secret) >= SHORTEST} - _known
    if not new:
        return
    _known.update(new)
    spelt = {spelling for secret in _known for spelling in _spellings(secret)}
    # The longest first: one key may begin with another.
    _pattern = re.compile("|".join(re.escape(one) for one in sorted(spelt, key=len, reverse=True)))


def struck(text: str) -> str:
    """The text with `[secret]` in place of each known secret and of text that looks like a key."""
    return _LOOKS_SECRET.sub(MARK, without_known(text))


def without_known(text: str) -> str:
    """The text with `[secret]` in place of each known secret. Text that only looks like a key may be a user's data."""
    return text if _pattern is None else _pattern.sub(MARK, text)


def _spellings(secret: str) -> set[str]:
    """The secret as it is, in a Python literal and in a URL, each of these in a JSON string; in hex and in base64."""
    plain = {secret, repr(secret)[1:-1], quote(secret, safe="")}
    told = {json.dumps(one, ensure_ascii=ascii_only)[1:-1] for one in plain for ascii_only in (True, False)}
    raw = secret.encode("utf-8", "replace")
    return plain | told | {raw.hex(), raw.hex().upper()} | _in_base64(raw)


def _in_base64(raw: bytes) -> set[str]:
    """The digits of base64 that the bytes alone decide, whatever stands around them, in both alphabets.

    The first and the last digit of a text may depend on its neighbours, so a text has three forms.
    """
    found: set[str] = set()
    for before in range(3):
        digits = b64encode(b"\0" * before + raw).decode()
        fixed = digits[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
        found |= {fixed, fixed.translate(_IN_URLS)}
    return {one for one in found if len(one) >= SHORTEST}
