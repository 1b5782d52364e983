"""Detection of the quoted answers that a template asks for, to compare them with the judge's choices.

A judge that is told to answer "positive" or "negative" but has the choices correct and incorrect leaves every row
unscored. Only quoted words that a template plainly asks for count, because a false alarm would reject a good template.
"""

import re
from collections.abc import Sequence

_QUOTED = r"""(?:"[^"\n]{1,60}"|“[^”\n]{1,60}”|`[^`\n]{1,60}`|(?<!\w)'[^'\n]{1,60}'(?!\w))"""

# The start of an instruction about the answer: an imperative, "your answer", "the label", "Labels:".
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

# The text up to the first quoted word: within the same sentence and without a blank line.
_GAP = re.compile(rf"""(?P<gap>(?:(?!\n\s*\n)[^.!?"“`']|(?<=\w)'(?=\w)){{0,120}}?)(?P<word>{_QUOTED})""")
_OTHER_MATTER = re.compile(
    r"\b(?:if|when|whether|why|because|about|to|how|like|not|never|\w+n't|mention\w*|contain\w*|includ\w*|start\w*"
    r"|begin\w*|end\w*|keys?|fields?|json|objects?|propert\w+|named|called|columns?|explain\w*|explanation|reason\w*"
    r"|examples?|format)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not|never|avoid|\w+n't)\s*$", re.IGNORECASE)

# The text between two quoted answers: "or", a comma, a slash; or the rest of a line and a bullet.
_JOINT = re.compile(
    rf"""(?:\s*(?:\([^()"\n]*\)\s*)?(?:,|/|\||;)?\s*(?:\b(?:or|and|vs\.?|versus|either)\b\s*)*(?=["“`'])"""
    rf"""|[^"“`\n]*\n\s*(?:[-*•]|\(?\w[.)])\s*)(?P<word>{_QUOTED})""",
    re.IGNORECASE,
)
# Quotes inside a code block or a JSON object belong to a format or an example, not to an answer.
_CODE = re.compile(r"```.*?```|\{[^{}\"']*[\"'][^{}]*\}", re.DOTALL)
_FIELDS = {"label", "score", "explanation", "reason", "reasoning", "rationale", "verdict", "answer"}
"""Names of the parts of a reply. A template that asks for these words describes the format of the reply."""
_SPACE = re.compile(r"\s+")


def contradictions(template: str, choices: Sequence[str]) -> list[str]:
    """Return the answers that the template asks for if they contradict the choices; else an empty list.

    They contradict the choices if one of them is not a choice. There is one exception: the template asks for all
    choices elsewhere, and no group with an unknown word contains a choice. Then the unknown words are quotes in the
    rubric.
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
    """Return the quoted answers that the template asks for, one group per list: `[["positive", "negative"]]`."""
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
        # "Output:" and similar words introduce a field of an example, unless alternatives follow.
        heading = first["gap"].lstrip().startswith(":") and len(words) < 2  # noqa: PLR2004
        if words and not heading and not _FIELDS.issuperset(word.casefold() for word in words):
            groups.append(words)
    return groups


def _one_space(hit: re.Match[str]) -> str:
    """Shorten white space to a blank line, a line break or a blank, because long runs would make the search slow."""
    return ("\n\n" if hit.group().count("\n") > 1 else "\n") if "\n" in hit.group() else " "


def _leads_elsewhere(text: str, start: re.Match[str], first: re.Match[str]) -> bool:
    before = text[max(0, start.start() - 20) : start.start() + 1]
    return bool(_OTHER_MATTER.search(first["gap"]) or _NEGATION.search(before.rstrip()))


def _listed(text: str, first: re.Match[str]) -> tuple[list[str], int]:
    """Return the first quoted word with the words joined to it, and the position after the last."""
    words = [_bare(first["word"])]
    position = first.end()
    while more := _JOINT.match(text, position):
        words.append(_bare(more["word"]))
        position = more.end()
    return [word for word in words if word and "{" not in word], position


def _bare(quoted: str) -> str:
    return quoted[1:-1].strip().rstrip(".,;:!?").rstrip()


def _is_known(word: str, known: set[str]) -> bool:
    """Whether the word is a choice, or several choices written as `yes/no`."""
    parts = [part.strip().casefold() for part in re.split(r"[/|]", word)]
    return word.casefold() in known or all(part in known for part in parts)
