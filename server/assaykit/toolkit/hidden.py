"""Sentences about tools that a server does not show: how its user can show them."""

import re
from collections.abc import Mapping

_FENCED = re.compile(r"--- untrusted data (\w+), .*?--- end of data \1 ---", re.DOTALL)
_NAME = re.compile(r"(?<![\w.=])[a-z]+(?:_[a-z]+)+(?![\w=])|(?<=`)annotate(?=`)|(?<!\w)annotate(?=\()")


def with_hidden(text: str, not_shown: Mapping[str, str]) -> str:
    """The text, with a sentence for the tools that it names and the server does not show."""
    return f"{text} {hidden_in(text, not_shown)}".rstrip()


def hidden_in(text: str, not_shown: Mapping[str, str]) -> str:
    """The sentence for the tools that a text names and the server does not show; empty if there are none.

    `not_shown` has for each hidden tool the change of the start that shows it. Text inside fences is foreign, so tool
    names in it do not count.
    """
    if not not_shown:
        return ""
    changes: dict[str, list[str]] = {}
    for name in dict.fromkeys(_NAME.findall(_FENCED.sub("", text))):
        if name in not_shown:
            changes.setdefault(not_shown[name], []).append(name)
    return " ".join(is_hidden(names, change) for change, names in changes.items())


def is_hidden(names: list[str], change: str) -> str:
    """The sentence that a server does not show these tools, and the remedy."""
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {verb} not shown here: the user can start the server {change}."
