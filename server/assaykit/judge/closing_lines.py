"""The label in the closing line of a reply: the line is the label, or words such as `Final answer:` introduce it."""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

_DECORATION = "\"'`*_“”\u2018\u2019«»「」()$ \t"
_STOPS = ".!。"
_RULE = re.compile(r"[`=~*_-]{3,}")
_BULLET = re.compile(r"^(?:(?:[#>•*-]+|\d{1,2}[.)])\s+)+")
_EMPHASIS = re.compile(r"\*\*|__|`")
_BOXED = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}?\}")
_TAGGED = re.compile(r"<(answer|final_answer|label|verdict|output|result)>([^<]{0,200})</\1>", re.IGNORECASE)
_TAGGED_END = re.compile(_TAGGED.pattern + r"\Z", re.IGNORECASE)
LONGEST_LINE = 2_000
"""Characters of a closing line in which a label is looked for."""
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{0,15})?")

_CONNECTIVE = r"(?:so|thus|therefore|hence|overall|finally|accordingly|in conclusion|in summary|to conclude|to sum up)"
_ADJECTIVE = (
    r"(?:my|the|our|this|final|overall|correct|right|best|appropriate|proper|most|chosen|assigned|selected|resulting)"
)
_NOUN = (
    r"(?:answer|label|verdict|choice|rating|score|classification|category|class|judge?ment|conclusion|decision|result"
    r"|evaluation|assessment|grade)"
)
_LEAD = re.compile(
    rf"(?:^|[.!?;]\s+)(?P<lead>(?:{_CONNECTIVE},?\s+)?(?P<adjectives>(?:{_ADJECTIVE}\s+){{0,4}}){_NOUN})"
    r"[\"'*_]{0,3}(?:\s*(?:::?|=>?|->|→)|\s+[-\u2013—](?=\s)|\s+(?:is|would be|should be|must be)\b:?)"
    r"\s*[\"'*_]{0,3}\s*(?P<said>\S.*)$",
    re.IGNORECASE,
)

# A sentence of the model about itself, up to the label: `I would rate this answer as`.
_CHOSEN = re.compile(
    rf"(?:^|[.!?;]\s+)(?:{_CONNECTIVE},?\s+)?I(?:['\u2019]d|\s+would|\s+will|\s+must)?(?:\s+(?:therefore|thus|hence))?"
    r"\s+(?:rate|label|classify|judge|choose|select|pick|answer|conclude|say|assign|grade|mark|give|go)"
    r"(?:\s+(?:it|this|that|(?:the|this)(?:\s+(?!not\b|never\b|hardly\b|less\b|far\b)\w+){1,3}))?"
    r"(?:\s+(?:as|with|is|for|to be|that (?:it|this) is|the label|the answer)){0,2}$",
    re.IGNORECASE,
)


def last(text: str) -> tuple[str | None, str]:
    """Return the last line that has words, or None, and the lines before it.

    The content of `<answer>...</answer>` at the end counts as a line.
    """
    text = text.strip()
    if (tagged := _TAGGED_END.search(text, max(0, len(text) - 300))) is not None:
        if {hit[2].strip() for hit in _TAGGED.finditer(text)} - {tagged[2].strip()}:
            return text, ""
        return tagged[2].strip(), text[: tagged.start()].strip()
    lines = [line for line in text.splitlines() if line.strip()]
    while len(lines) > 1 and _RULE.fullmatch(lines[-1].strip()):
        lines.pop()
    return (lines[-1].strip(), "\n".join(lines[:-1])) if lines else (None, "")


def choice(line: str, choices: Mapping[str, float]) -> str | None:
    """Return the one choice that the closing line names; None if it names none or more than one."""
    if len(line) > LONGEST_LINE:
        return None
    exact = same(line, choices)
    if exact is not None:
        return exact
    bare = _EMPHASIS.sub("", _BULLET.sub("", line.strip())).strip()
    for pattern, part in ((_TAGGED, 2), (_BOXED, 1)):
        if wrapped := {hit[part].strip() for hit in pattern.finditer(bare)}:
            return same(wrapped.pop(), choices) if len(wrapped) == 1 else None
    found = _LEAD.search(bare)
    if found is None:
        return same(bare, choices) or _chosen(bare, choices)
    named = {same(word, choices) for word in found["adjectives"].split()} - {None}
    return None if named else same(found["said"], choices)


def _chosen(line: str, choices: Mapping[str, float]) -> str | None:
    """The choice at the end of a sentence such as `I would rate this answer as good`; None for any other line."""
    text = line.strip(_DECORATION).rstrip(_STOPS).strip(_DECORATION)
    ends = [one for one in choices if re.search(rf"(?<!\w){re.escape(one.strip())}$", text, re.IGNORECASE)]
    if not ends:
        return None
    said = max(ends, key=len)
    lead = _CHOSEN.search(text[: -len(said.strip())].rstrip(f"{_DECORATION}:"))
    if lead is None or any(same(word, choices) for word in lead[0].split()):
        return None
    return same(said, choices)


def same(said: str, choices: Mapping[str, float]) -> str | None:
    """Return the one choice that equals the text in any letter case, without quotes, emphasis and a final full stop.

    A number equals a choice of the same value: `5.0` is the choice `5`.
    """
    if len(said) > LONGEST_LINE:
        return None
    plain = "".join(sign for sign in said if unicodedata.category(sign) != "Cf").strip()
    bare = plain.strip(_DECORATION).rstrip(_STOPS).strip(_DECORATION)
    for form in (plain, bare):
        hits = [one for one in choices if one.strip().casefold() == form.casefold()]
        if len(hits) == 1:
            return hits[0]
        if form in hits:
            return form
    number = _number(bare)
    equal = [one for one in choices if number is not None and _number(one.strip()) == number]
    return equal[0] if len(equal) == 1 else None


def _number(text: str) -> Decimal | None:
    text = text.replace("\u2212", "-")
    return Decimal(text) if _NUMBER.fullmatch(text) else None
