"""Removal of a reasoning model's thoughts from its reply.

A server without a parser for reasoning leaves the thoughts in the text: `<think>...</think>answer`, or only the closing
tag where the prompt had the opening one. A reply that ends inside a thought has no answer, and the thought is none.
"""

import re

_NAMES = r"(?:\w+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|scratchpad|reflection|analysis|inner_monologue)"
_OPEN = (
    rf"<\s*{_NAMES}(?:\s[^<>\n]{{0,80}})?>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING|thinking)\|>"
    r"|<\|channel\|>(?:analysis|commentary)\b[^<\n]{0,80}<\|message\|>|<unused94>"
)
_CLOSE = (
    rf"<\s*/\s*{_NAMES}\s*>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING|/thinking)\|>"
    r"|<\|channel\|>final\b[^<\n]{0,80}<\|message\|>|<unused95>"
)
_TAG = re.compile(f"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
_MENTION = "\"'`“\u2018"
"""A tag after one of these characters is a quotation."""

# The channels of gpt-oss, after a decoder that drops special tokens: `analysisThe user asks ...assistantfinalgood`.
_BARE_CHANNEL = re.compile(r"\s*analysis(?=[A-Z])")
_BARE_FINAL = re.compile(r"assistantfinal(?:json)?\s*")

_WRAPPING = re.compile(r"<\|(?:begin_of_solution|end_of_solution|START_RESPONSE|END_RESPONSE|return)\|>", re.IGNORECASE)
_ENDS = (
    *(f"<|{name}|>" for name in ("im_end", "eot_id", "end", "endoftext", "end_of_text", "return", "eom_id")),
    *("</s>", "<end_of_turn>", "<eos>", "<\uff5cend▁of▁sentence\uff5c>"),
)
"""Tokens of a chat format that a server left at the end of a reply."""


def answer(text: str) -> str | None:
    """Return the reply without its thoughts; None if it ends inside a thought."""
    text = _without_ends(text)
    if _BARE_CHANNEL.match(text):
        finals = list(_BARE_FINAL.finditer(text))
        return text[finals[-1].end() :].strip() if finals else None
    if _TAG.search(text) is None:
        return _WRAPPING.sub("", text)
    kept: list[str] = []
    position, inside = 0, False
    for tag in _TAG.finditer(text):
        # The names of tags inside an answer in JSON are part of its explanation.
        between = text[position : tag.start()]
        if not inside and between.lstrip().startswith("{"):
            break
        if text[tag.start() - 1 : tag.start()] in _MENTION and tag.start() > 0:
            continue
        if tag["open"] is not None:
            kept += [] if inside else [between]
            inside = True
        else:
            # A closing tag without an opening one ends a thought that began with the reply.
            kept = kept if inside else []
            inside = False
        position = tag.end()
    if inside:
        return None
    return _WRAPPING.sub("", "".join([*kept, text[position:]])).strip()


def _without_ends(text: str) -> str:
    text = text.rstrip()
    while text.endswith(_ENDS):
        text = next(text.removesuffix(end) for end in _ENDS if text.endswith(end)).rstrip()
    return text
