"""One HTTP call to a model provider: attempts, waits, and the meaning of each status.

Failures are returned, not raised.

A call that ends with 408, 409, 5xx or a connection error is attempted up to four times; a 429 is waited out up to eight
times. While the provider refuses every call, refusals are not counted, and a call waits at the gate up to
`LONGEST_STORM_S`. A broken call may have been answered and charged. A retry is still safe, because a judge changes
nothing.
"""

import json
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from pydantic_core import PydanticSerializationError, from_json, to_json

from assaykit import redaction
from assaykit.errors import AssayError, quote
from assaykit.foreign import exactly
from assaykit.judge.providers import envelopes, transport
from assaykit.judge.providers.models import Endpoint
from assaykit.judge.providers.rate_control import LONGEST_STORM_S, Gate, Refusing
from assaykit.judge.providers.transport import BadAddress, Broken, NotReached, Transport
from assaykit.judge.verdicts import Reason, Unscored
from assaykit.retry_after import seconds

ATTEMPTS = 4
REFUSALS = 8
"""Limit on the 429 answers to one call. They do not count as attempts, because the provider did no work.

A refusal counts only while the provider accepts other calls.
"""
DEADLINE_S = 60.0
"""Seconds for one attempt, from the start of the call to the last byte read."""
LONGEST_WAIT_S = 20.0
"""Limit in seconds on a wait, including one that `Retry-After` asks for."""
LONGEST_REFUSED_WAIT_S = 4.0
"""Limit in seconds on a wait after a 429. The gate holds refused calls back, as one for all."""
FIRST_WAIT_S = 0.5

Sleep = Callable[[float], Awaitable[None]]

_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
_ANSWERED = range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_NO_MONEY = re.compile(r"insufficient_quota|credit balance|billing", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model_not_found|(?:unknown|invalid|no such) model|model\b.{0,80}(?:not found|does not exist|not exist)"
    r"|not a valid model|model (?:id|identifier|name).{0,20}invalid",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"api.?key (?:is )?(?:not valid|invalid)|invalid.api.key|incorrect api key", re.IGNORECASE)
_MODERATED = re.compile(r"moderation|flagged|content policy", re.IGNORECASE)
_NO_SUCH_FEATURE = re.compile(r"no endpoints? (?:found|available) that|does not support|not supported", re.IGNORECASE)
_NO_FEATURE = re.compile(
    r"(?:response_format|json_schema|structured.?output|tool_choice|grammar|guided).{0,120}"
    r"(?:not (?:support|implement)|unsupported|unimplemented)"
    r"|(?:not (?:support|implement)|unsupported).{0,120}(?:response_format|json_schema|structured.?output|tool_choice)",
    re.IGNORECASE,
)
_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|key|gsk|xai|nvapi|tgp|fw)[-_][\w*.-]{6,}|\bAIza[\w-]{10,}")


Signer = Callable[[str, bytes], Mapping[str, str]]
"""From an address and a body to the headers that sign the call. It blocks; bad credentials raise an AssayError."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call: the address, its headers, its JSON body, and the signer of calls that need a signature."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    sign: Signer | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refused the request, and may accept another body; `text` is its message.

    `failure` is the outcome if there is no other body to try; None for a 400 or 422, whose message says what is wrong.
    """

    text: str
    failure: Unscored | None = None


class Withheld(Exception):
    """The call was not made, because `may_go` denied it when its turn had come."""


CallAnswer = dict[str, Any] | Rejected | Unscored


def always() -> bool:
    """True: a call may always go out."""
    return True


@dataclass(frozen=True, slots=True)
class Line:
    """The means of a call: the transport, the gate that limits the rate, and the deadline of one attempt."""

    transport: Transport
    gate: Gate
    sleep: Sleep = anyio.sleep
    deadline_s: float = DEADLINE_S


def _no_other() -> None:
    return None


async def post(
    line: Line,
    endpoint: Endpoint,
    request: Request,
    may_go: Callable[[], bool] = always,
    instead: Callable[[], Request | None] = _no_other,
) -> CallAnswer:
    """Return the JSON object of the answer, or the reason why there is none.

    A call that waits for its next attempt holds no slot of the gate. `may_go` is asked when an attempt leaves the gate,
    where it may have waited long. From the third attempt after a 500 on, the request that `instead` gives is sent.

    Raises:
        Withheld: `may_go` denied an attempt.
    """
    attempts = refusals = before = 0
    refused: CallAnswer | None = None
    while True:
        try:
            outcome, wait_s = await _turn(line, endpoint, request, before, may_go)
        except Refusing:
            return refused or _failed("rate_limited", endpoint, f"refused every call for {LONGEST_STORM_S:g} s")
        if wait_s is None:
            return outcome
        before += 1
        if not _is_refusal(outcome):
            attempts += 1
        else:
            refused = outcome
            refusals += line.gate.pace.storm is None
        if attempts == ATTEMPTS or refusals == REFUSALS or (refused is outcome and line.gate.is_hopeless()):
            return _final(outcome)
        if anyio.current_time() + max(wait_s, line.gate.wait_s()) >= anyio.current_effective_deadline():
            return _final(outcome)
        await line.sleep(wait_s)
        if isinstance(outcome, Rejected) and attempts > 1:
            request = instead() or request


def _final(outcome: CallAnswer) -> CallAnswer:
    return outcome.failure or outcome if isinstance(outcome, Rejected) else outcome


async def _turn(
    line: Line, endpoint: Endpoint, request: Request, before: int, may_go: Callable[[], bool]
) -> tuple[CallAnswer, float | None]:
    """Make one attempt in a slot of the gate. Return its outcome, and the wait in seconds if a retry makes sense."""
    outcome: CallAnswer | None = None
    headers = None
    async with line.gate.slot() as began:
        if not may_go():
            raise Withheld
        with anyio.move_on_after(line.deadline_s):
            outcome, headers = await _once(line, endpoint, request)
        refused = headers is not None and _is_refusal(outcome)
        asked_s = None if headers is None else _asked_s(headers)
        line.gate.pace.answered(began, line.gate.clock(), refused=refused, wait_s=asked_s or 0.0)
    if outcome is None:
        return _failed("timeout", endpoint, f"did not answer within {line.deadline_s:g} s"), None
    if headers is None:
        return outcome, None
    return outcome, _wait_s(before + 1, asked_s, LONGEST_REFUSED_WAIT_S if refused else LONGEST_WAIT_S)


def _is_refusal(outcome: CallAnswer | None) -> bool:
    return isinstance(outcome, Unscored) and outcome.reason == "rate_limited"


async def _once(line: Line, endpoint: Endpoint, request: Request) -> tuple[CallAnswer, Mapping[str, str] | None]:
    """Make one attempt. Return its outcome, and the headers that set the wait if a retry makes sense."""
    body = _written(request.body)
    try:
        headers = request.headers
        if request.sign is not None:
            headers = {**headers, **await anyio.to_thread.run_sync(request.sign, request.url, body)}
        response = await line.transport.post(request.url, headers, body)
    except AssayError as error:
        return _failed("auth", endpoint, "is not called", f"{error.message} {error.next}"), None
    except BadAddress as error:
        return _failed("bad_model", endpoint, "has no usable address", str(error)), None
    except NotReached as error:
        return _failed("model_error", endpoint, "could not be reached", str(error)), {}
    except Broken as error:
        return _failed("model_error", endpoint, "gave no complete answer", str(error)), {}
    line.gate.told(response.headers, len(body))
    return _read(response, endpoint, request.url)


def _written(body: Mapping[str, Any]) -> bytes:
    try:
        return to_json(body)
    except PydanticSerializationError:
        return json.dumps(body).encode()  # a template has half a surrogate pair, which only an escape can express


def _read(response: transport.HttpAnswer, endpoint: Endpoint, url: str) -> tuple[CallAnswer, Mapping[str, str] | None]:
    status, said, inside = response.status, "", ""
    if status in _ANSWERED:
        body = _object(response, endpoint)
        found = envelopes.fault(body) if isinstance(body, dict) else None
        if found is None:
            return body, None
        inside = ", which it sent as a success" if found.status else ""
        status, said = found
    else:
        said = _error_text(response)
    lasting = _lasting(status, said, endpoint, url)
    if lasting is not None:
        return lasting, None
    again = response.headers if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _failed("rate_limited", endpoint, "refused for too many requests", said), again
    what = f"answered with status {status}{inside}" if status else "answered with an error"
    failure = _failed("model_error", endpoint, what, said)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Rejected(scrub(said, endpoint), failure), again
    return failure, again


def _lasting(status: int, said: str, endpoint: Endpoint, url: str) -> Rejected | Unscored | None:
    """Return the outcome of a failure that a retry cannot fix; None for any other failure."""
    denied = _denied(status, said, endpoint, url)
    if denied is not None:
        return denied
    if status == HTTPStatus.NOT_FOUND and _NO_SUCH_FEATURE.search(said):
        return Rejected(scrub(said, endpoint), _failed("model_error", endpoint, f"answered with status {status}", said))
    if status == HTTPStatus.NOT_FOUND or (status in _REFUSED and _NO_MODEL.search(said)):
        # Ollama and vLLM serve their API below /v1, and a base URL without a path is a usual mistake.
        wrong = "lacks a path such as /v1" if urlsplit(url).path == "/chat/completions" else "is wrong"
        what = f"has no model {exactly(endpoint.model)}, or the base URL {wrong} (status {status})"
        return _failed("bad_model", endpoint, what, said)
    if status == HTTPStatus.NOT_IMPLEMENTED or (
        status == HTTPStatus.INTERNAL_SERVER_ERROR and _NO_FEATURE.search(said)
    ):
        return Rejected(scrub(said, endpoint), _failed("model_error", endpoint, f"answered with status {status}", said))
    return Rejected(scrub(said, endpoint)) if status in _REFUSED else None


def _denied(status: int, said: str, endpoint: Endpoint, url: str) -> Unscored | None:
    """Return the outcome of a failure that no other request would change: of the key, its credit, or the prompt."""
    if status == HTTPStatus.FORBIDDEN and _MODERATED.search(said):
        return _failed("refused", endpoint, "refused the request", said)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or (status in _REFUSED and _BAD_KEY.match(said)):
        key = f"the key in {endpoint.key_name}" if endpoint.key else "a call without a key"
        return _failed("auth", endpoint, f"did not accept {key} at {_address(url)} (status {status})", said)
    if status == HTTPStatus.PAYMENT_REQUIRED or _NO_MONEY.search(said):
        return _failed("rate_limited", endpoint, "has no quota or credit left for this key", said)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _failed("refused", endpoint, "refused the request as too large", said)
    return None


def _address(url: str) -> str:
    """A URL without its query and its user, either of which may hold a secret."""
    parts = urlsplit(url)
    return quote(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl())


def _object(response: transport.HttpAnswer, endpoint: Endpoint) -> CallAnswer:
    try:
        body = _parsed(redaction.body_without_known(response.body))
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return cast("dict[str, Any]", body)
    # A gateway's page in place of a reply is no fault of the row.
    return _failed("model_error", endpoint, "answered something that is not a JSON object", response.text)


def _parsed(body: bytes) -> Any:
    """The value of JSON text. pydantic's reader takes a quarter of the time of the `json` module.

    Raises:
        ValueError, RecursionError: the text is not JSON, or nests too deeply.
    """
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)  # pydantic refuses lone surrogates, deep nesting and UTF-16


def _error_text(response: transport.HttpAnswer) -> str:
    """The provider's error text: message, code and parameter of its error object, else the whole body."""
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return response.text
    # Gemini's compatible endpoint puts the error object into a list.
    answer = envelopes.fields(next(iter(envelopes.items(body)), body))
    error = answer.get("error") or next(iter(envelopes.items(answer.get("errors"))), None) or answer
    if isinstance(error, dict):
        return envelopes.words(envelopes.fields(error)) or response.text
    return str(error) if answer else response.text


def _asked_s(headers: Mapping[str, str]) -> float | None:
    """The wait in seconds that the provider asks for, if it does."""
    asked = _milliseconds(headers.get("retry-after-ms", ""))
    return seconds(headers.get("retry-after", "")) if asked is None else asked


def _wait_s(attempt: int, asked_s: float | None, longest_s: float) -> float:
    """The wait that the provider asks for, else one that doubles with each attempt; jitter spreads the callers."""
    if asked_s is not None:
        return min(asked_s + random.uniform(0, 0.25), longest_s)  # noqa: S311  (spreads load, hides nothing)
    return min(FIRST_WAIT_S * 2 ** (attempt - 1), longest_s) * random.uniform(0.5, 1)  # noqa: S311


def _milliseconds(text: str) -> float | None:
    """Seconds from `retry-after-ms`, which some providers send beside `Retry-After`; None for other text."""
    return float(text) / 1000 if re.fullmatch(r"\d{1,9}(\.\d+)?", text.strip()) else None


def _failed(reason: Reason, endpoint: Endpoint, what: str, said: str = "") -> Unscored:
    words = quote(scrub(said, endpoint))
    return Unscored(reason, f"{endpoint.provider} {what}{f': {words!r}' if words else '.'}")


def scrub(text: str, endpoint: Endpoint) -> str:
    """Replace the key, and any text that looks like a key, in foreign text."""
    key = (endpoint.key or "").strip()
    return redaction.struck(_LIKE_A_KEY.sub("***", text.replace(key, "***") if key else text))
