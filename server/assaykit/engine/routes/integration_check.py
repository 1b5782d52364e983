"""An engine-only route that checks whether the model of an integration answers.

AX has no such route. There, create a judge, trigger it on one span, and read the run's `failure_reason`.
"""

import time

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.requests import answer, body, engine
from assaykit.engine.store.definitions import integrations
from assaykit.errors import Invalid, quote
from assaykit.judge.providers.models import ModelReply
from assaykit.judge.verdicts import Unscored
from assaykit.wire.local import CheckIntegrationRequest, IntegrationCheck

DEADLINE_S = 20.0
"""Seconds for the question, including retries."""
QUESTION = "This is a connection check. Reply with the single word: ready"
_SHOWN = 80


async def check_integration(request: Request) -> Response:
    """`POST /x/ai-integrations/{integration_id}/check`: ask one tiny question, which costs like any other call."""
    wanted = await body(request, CheckIntegrationRequest)
    here = engine(request)
    access = await here.database.read(integrations.access, request.path_params["integration_id"])
    name = wanted.model or next(iter(access.model_names), None)
    if name is None:
        raise Invalid(f"Integration {access.name!r} lists no models, so none can be chosen.", "Send model.")
    model = await here.models.to_check(access, name)
    began = time.monotonic()
    reply: ModelReply | Unscored = Unscored("timeout", f"{access.provider} did not answer within {DEADLINE_S:g} s.")
    with anyio.move_on_after(DEADLINE_S):
        reply = await model.ask(QUESTION, None)
    latency_ms = round((time.monotonic() - began) * 1000, 1)
    if isinstance(reply, Unscored):
        return answer(IntegrationCheck(ok=False, model=name, detail=reply.detail, latency_ms=latency_ms))
    said = f"It answered {quote(reply.text, _SHOWN)!r}."
    return answer(IntegrationCheck(ok=True, model=reply.model or name, detail=said, latency_ms=latency_ms))


routes = [Route("/x/ai-integrations/{integration_id}/check", check_integration, methods=["POST"])]
