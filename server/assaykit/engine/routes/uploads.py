"""The engine-only routes that write a dataset and an experiment of any size in one transaction.

`wire.local` has the bodies.
"""

from itertools import chain

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.requests import answer, body, engine, gone
from assaykit.engine.store.definitions import uploads
from assaykit.wire.local import Uploaded, UploadRequest


async def upload(request: Request) -> Response:
    """`POST /x/uploads`: write examples, and runs of a new experiment. On AX: several writes, not one transaction."""
    wanted = await body(request, UploadRequest)
    here = engine(request)
    part = uploads.part_of(wanted)
    if wanted.more:
        return answer(Uploaded(upload_id=here.uploads.keep(wanted.upload_id, uploads.packed(part))))
    with here.uploads.taken(wanted.upload_id) as kept:
        parts = chain((uploads.unpacked(line) for line in kept), [part])
        try:
            return answer(await here.database.write(uploads.write, wanted, parts, here.clock))
        except uploads.Refused as refused:
            return answer(Uploaded(matches=refused.matches))


async def give_up(request: Request) -> Response:
    """`DELETE /x/uploads/{upload_id}`: drop the parts of an unfinished upload. On AX: none, writes have no parts."""
    engine(request).uploads.give_up(request.path_params["upload_id"])
    return gone()


routes = [
    Route("/x/uploads", upload, methods=["POST"]),
    Route("/x/uploads/{upload_id}", give_up, methods=["DELETE"]),
]
