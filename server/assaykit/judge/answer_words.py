"""The answers a template asks for in so many words, to be held against the choices.

A judge told to answer "positive" or "negative" whose choices are correct and incorrect leaves every row
unscored. Only quoted words that a template plainly asks for count: a wrong alarm would stop a good template.
"""

import re
from collections.abc import Sequence

_QUOTED = r"""(?:"[^"\n]{1,60}"|“[^”\n]{1,60}”|`[^`\n]{1,60}`|(?<!\w)'[^'\n]{1,60}'(?!\w))"""

# Where a sentence starts to say what to answer: an order, "your answer", "the label", "Labels:".
_ORDER = (
    r"(?:^|[\n.!?,;:)\]*-]|\}[\x22'”]?|\b(?:please|always|only|just|simply|then|and|otherwise|else"
    r"|you must|you should)\b)"
    r"\s*(?:only |always |please |just |simply )*"
    r"\b(?:answer|respond|reply|return|output|write|say|print|label|classify|choose|pick|select|rate|grade)\b"
)
_NOUN = (
    r"\byour (?:\w+ ){0,2}?"
    r"(?:answer|response|reply|output|verdict|label|rating|classification|judge?ment|decision)\b"
    r"|\bthe (?:final )?(?:verdict|label|rating|classification) (?:must|should|is|has to|can|may)\b"
    r"|\b(?:labels|choices|options|categories|classes|answers)(?: are\b|:)"
    r"|\b(?:otherwise|else),?(?=\s)"
)
_DIRECTION = re.compile(f"(?:{_ORDER})|(?:{_NOUN})", re.IGNORECASE)

# Up to the first quoted word: the same sentence, no blank line, and not yet another matter.
_GAP = re.compile(rf"""(?P<gap>(?:(?!\n\s*\n)[^.!?"“`']|(?<=\w)'(?=\w)){{0,120}}?)(?P<word>{_QUOTED})""")
_OTHER_MATTER = re.compile(
    r"\b(?:if|when|whether|why|because|about|to|how|like|not|never|\w+n't|mention\w*|contain\w*|includ\w*|start\w*"
    r"|begin\w*|end\w*|keys?|fields?|json|objects?|propert\w+|named|called|columns?|explain\w*|explanation|reason\w*"
    r"|examples?|format)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not|never|avoid|\w+n't)\s*$", re.IGNORECASE)

# From one quoted answer to the next: "or", a comma, a slash; or the rest of a line and a bullet.
_JOINT = re.compile(
    rf"""(?:\s*(?:\([^()"\n]*\)\s*)?(?:,|/|\||;)?\s*(?:\b(?:or|and|vs\.?|versus|either)\b\s*)*(?=["“`'])"""
    rf"""|[^"“`\n]*\n\s*(?:[-*•]|\(?\w[.)])\s*)(?P<word>{_QUOTED})""",
    re.IGNORECASE,
)
# What is quoted in there is the writing of a format or an example, not an answer.
_CODE = re.compile(r"```.*?```|\{[^{}\"']*[\"'][^{}]*\}", re.DOTALL)
_FIELDS = {"label", "score", "explanation", "reason", "reasoning", "rationale", "verdict", "answer"}
"""What the parts of a reply are called; a template that asks for these speaks of its format."""
_SPACE = re.compile(r"\s+")


def contradictions(template: str, choices: Sequence[str]) -> list[str]:
    """The answers the template asks for, when they cannot be squared with the choices; else an empty list.

    They cannot when one of them is no choice. They can, all the same, when the choices are asked for in full
    elsewhere and these words stand apart from them: then it is the rubric that quotes.
    """
    known = {choice.strip().casefold() for choice in choices}
    groups = asked(template)
    wrong = [group for group in groups if not all(_is_known(word, known) for word in group)]
    if not wrong:
        return []
    right = {word.casefold() for group in groups if group not in wrong for word in group}
    apart = not any(_is_known(word, known) for group in wrong for word in group)
    if apart and known <= right:
        return []
    return list(dict.fromkeys(word for group in groups for word in group))


def asked(template: str) -> list[list[str]]:
    """The quoted answers asked for, in groups as they are listed: `[["positive", "negative"]]`."""
    text = _SPACE.sub(_one_space, template)
    while (plain := _CODE.sub(" ", text)) != text:
        text = plain
    groups: list[list[str]] = []
    position = 0
    while start := _DIRECTION.search(text, position):
        position = start.end()
        first = _GAP.match(text, position)
        if first is None or _leads_elsewhere(text, start, first):
            continue
        words, position = _listed(text, first)
        # "Output:" and the like head a field of an example, unless alternatives follow.
        heading = first["gap"].lstrip().startswith(":") and len(words) < 2  # noqa: PLR2004
        if words and not heading and not _FIELDS.issuperset(word.casefold() for word in words):
            groups.append(words)
    return groups


def _one_space(hit: re.Match[str]) -> str:
    """A blank line, a line break or a blank: long runs of space would make the search slow."""
    return ("\n\n" if hit.group().count("\n") > 1 else "\n") if "\n" in hit.group() else " "


def _leads_elsewhere(text: str, start: re.Match[str], first: re.Match[str]) -> bool:
    before = text[max(0, start.start() - 20) : start.start() + 1]
    return bool(_OTHER_MATTER.search(first["gap"]) or _NEGATION.search(before.rstrip()))


def _listed(text: str, first: re.Match[str]) -> tuple[list[str], int]:
    """The first quoted word with those joined to it, and where they end."""
    words = [_bare(first["word"])]
    position = first.end()
    while more := _JOINT.match(text, position):
        words.append(_bare(more["word"]))
        position = more.end()
    return [word for word in words if word and "{" not in word], position


def _bare(quoted: str) -> str:
    return quoted[1:-1].strip().rstrip(".,;:!?").rstrip()


def _is_known(word: str, known: set[str]) -> bool:
    """A choice, or several of them written as `yes/no`."""
    parts = [part.strip().casefold() for part in re.split(r"[/|]", word)]
    return word.casefold() in known or all(part in known for part in parts)
