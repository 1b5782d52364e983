"""The versions of an evaluator."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from ledger import Given, Ledger, play

SPACE = "default"


def check(name: str, variable: str = "output") -> dict[str, object]:
    return {"type": "MANAGED", "name": name, "managed_evaluator": "JSON_PARSEABLE", "variables": [variable]}


def life(calls: Ledger, given: Given) -> None:
    evaluators = ArizeClient().evaluators
    made = calls.call(
        evaluators.create_code_evaluator,
        name="versioned",
        space=SPACE,
        commit_message="First.",
        code_config=check("json"),
    )
    second = calls.call(
        evaluators.create_code_version,
        evaluator="versioned",
        space=SPACE,
        commit_message="Second.",
        code_config=check("json", "input"),
    )
    calls.check("it is another version", second.id != made.version.id)
    calls.check("the newest is the evaluator's", calls.call(evaluators.get, evaluator=made.id).version.id == second.id)
    got = calls.call(evaluators.get_version, version_id=made.version.id)
    calls.check("the first is as it was", got.code_config.variables == ["output"])
    listed = calls.call(evaluators.list_versions, evaluator=made.id)
    calls.check("both are listed", len(listed.evaluator_versions) == 2)
    pages = calls.pages("evaluator_versions", evaluators.list_versions, evaluator="versioned", space=SPACE, limit=1)
    calls.check("two pages have the same", [one.id for one in pages] == [one.id for one in listed.evaluator_versions])
    gone = calls.call(evaluators.delete_versions, evaluator=made.id, version_ids=[made.version.id])
    calls.check("it says which is gone", gone.deleted_version_ids == [made.version.id])
    calls.refused(ApiException, "404", evaluators.get_version, version_id=made.version.id)
    calls.refused(ApiException, "409", evaluators.delete_versions, evaluator=made.id, version_ids=[second.id])
    calls.refused(ApiException, "404", evaluators.get_version, version_id="RXZhbHVhdG9yVmVyc2lvbjo5OTk6eHh4eA==")


play(life)
