"""Spaces."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play


def reading(calls: Ledger, _given: Given) -> None:
    spaces = ArizeClient().spaces
    listed = calls.call(spaces.list, name="default", limit=1)
    calls.check("the first space is called default", [one.name for one in listed.spaces] == ["default"])
    by_name = calls.call(spaces.get, space="default")
    by_id = calls.call(spaces.get, space=by_name.id)
    calls.check("name and id lead to the same space", by_name == by_id)
    calls.refused(NotFoundError, "no-such-space", spaces.get, space="no-such-space")
    calls.refused(ApiException, "404", spaces.get, space="U3BhY2U6OTk6eHh4eA==")


play(reading)
