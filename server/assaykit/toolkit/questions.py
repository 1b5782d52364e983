"""Questions to the user before a call does something that cannot be taken back.

The model fills in the arguments of a call, so an argument is not a person's consent. A question is asked before the
first effect of the call. It has one deadline, `Settings.answer_s`, and no answer means no.

Older clients are asked within the call. Newer clients (2026-07-28) get the question as the result of the call, and
repeat the call with the answer. The repeated call plans anew as of the moment of the question, so that a relative
window means the same time.
"""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult, render_elicitation_schema
from mcp.server.mcpserver import Context
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequest, InputRequiredResult
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, Field, ValidationError

from assaykit.errors import Unavailable
from assaykit.session import Session

_KEY = "consent"
_REPEATS_CALLS = "2026-07-28"
"""First protocol version in which a client repeats a call with its answers."""


class Sure(BaseModel):
    """The form. It has one field, since some clients hang on an empty form."""

    yes: bool = Field(title="Yes, do it")


class Answer(NamedTuple):
    """The user's answer. `refusal` is the reason of a no, in words."""

    yes: bool
    refusal: str = ""


class QuestionPending(Exception):
    """The call ends with a question, and the client repeats it with the answer."""

    def __init__(self, question: str, state: str) -> None:
        super().__init__(question)
        self.question = question
        self.state = state

    def as_result(self) -> InputRequiredResult:
        """The result that carries the question."""
        form = ElicitRequestFormParams(message=self.question, requested_schema=render_elicitation_schema(Sure))
        asked: dict[str, InputRequest] = {_KEY: ElicitRequest(params=form)}
        return InputRequiredResult(input_requests=asked, request_state=self.state)


UNANSWERED = Unavailable(
    "The client took the question to the user and gave back no usable answer, so nothing was done.",
    "Ask the user in the conversation, and see whether the client can show forms.",
)


def can_ask(ctx: Context[Session]) -> bool:
    """True if the client shows forms. A bare `elicitation: {}` means that it does; one for URLs alone does not."""
    declared = ctx.client_capabilities.elicitation if ctx.client_capabilities is not None else None
    return declared is not None and (declared.form is not None or declared.url is None)


async def asked(ctx: Context[Session], question: str) -> Answer:
    """Ask the user, who may answer until the deadline.

    Raises:
        Unavailable: the client's answer does not fit the form.
        QuestionPending: the client repeats the call with the answer.
    """
    here = ctx.request_context.lifespan_context
    if is_version_at_least(ctx.protocol_version or "", _REPEATS_CALLS):
        return _repeated(ctx, question)
    result: ElicitationResult[Sure] | None = None
    with anyio.move_on_after(here.settings.answer_s):
        try:
            result = await ctx.elicit(question, Sure)
        except ValueError as error:
            raise UNANSWERED from error
    return _too_late(here) if result is None else _answer(result.action, is_ticked=_ticked(result))


def as_of_question(ctx: Context[Session]) -> Session:
    """The session of a call. In a call that is repeated with an answer, its clock stands at the question."""
    here = ctx.request_context.lifespan_context
    begun = _begun(ctx.request_state)
    return here if begun is None else replace(here, now=lambda: begun[1])


def _repeated(ctx: Context[Session], question: str) -> Answer:
    here = ctx.request_context.lifespan_context
    digest, begun = _digest(question), _begun(ctx.request_state)
    answer = (ctx.input_responses or {}).get(_KEY)
    if begun is None or begun[0] != digest or answer is None:
        # The client was asked nothing yet, or something else: the plan has changed meanwhile.
        raise QuestionPending(question, json.dumps({"question": digest, "at": here.now().isoformat()}))
    if here.now() > begun[1] + timedelta(seconds=here.settings.answer_s):
        return _too_late(here)
    if not isinstance(answer, ElicitResult):
        raise UNANSWERED
    if answer.action != "accept":
        return _answer(answer.action, is_ticked=False)
    try:
        return _answer(answer.action, is_ticked=Sure.model_validate(answer.content).yes)
    except ValidationError as error:
        raise UNANSWERED from error


def _ticked(result: ElicitationResult[Sure]) -> bool:
    return isinstance(result, AcceptedElicitation) and result.data.yes


def _answer(action: str, *, is_ticked: bool) -> Answer:
    if action == "accept":
        return Answer(yes=True) if is_ticked else Answer(yes=False, refusal="the user did not tick the box")
    return Answer(yes=False, refusal="the user declined" if action == "decline" else "the user closed the question")


def _too_late(here: Session) -> Answer:
    seconds = here.settings.answer_s
    within = f"{seconds / 60:g} minutes" if seconds % 60 == 0 else f"{seconds:g} s"
    return Answer(yes=False, refusal=f"nobody answered the question within {within}")


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()


def _begun(state: str | None) -> tuple[str, datetime] | None:
    """The digest of the question that a repeated call answers, and the moment of the question.

    The SDK seals this text, so it comes back as it was sent.
    """
    try:
        found = cast("dict[str, str]", json.loads(state or ""))
        return found["question"], datetime.fromisoformat(found["at"])
    except (ValueError, LookupError, TypeError):
        return None
