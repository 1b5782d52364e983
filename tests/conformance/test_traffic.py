"""Everything the tools send, and everything the engine answers them, held against the generated models of `arize`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.environments import ARIZE, python_with

from assaykit import tools

KEPT_AT = "ASSAYKIT_TEST_TRAFFIC"
"""A variable that names a folder which a run of `pytest tests/tools --backend ax --record FOLDER` has filled."""

SHORT = "ASSAYKIT_TEST_TRAFFIC_SHORT"
"""A variable that says of that folder: only the tests marked `over_http` were run for it."""

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(tools.__path__[0])

NO_MATCH = "request: No match found when deserializing the JSON string into"
NO_SUCH_RECORD = (
    f"{NO_MATCH} AnnotationQueueRecordInput with oneOf schemas: AnnotationQueueExampleRecordInput, "
    "AnnotationQueueSessionRecordInput, AnnotationQueueSpanRecordInput, AnnotationQueueTraceRecordInput. Details: "
    "Error due to additional fields (not defined in AnnotationQueueExampleRecordInput) in the input: experiment_id"
)
NO_SUCH_REGION = (
    f"{NO_MATCH} ProviderMetadataRequest with oneOf schemas: AwsProviderMetadataRequest, GcpProviderMetadataRequest. "
    "Details: Error due to additional fields (not defined in AwsProviderMetadataRequest) in the input: region"
)

KNOWN = {
    (
        "POST /v2/experiments",
        "reply: body.run_ids is lost",
    ): "more than the contract says, so that a client need not ask",
    ("POST /v2/tasks", "reply: the status 501"): "the engine does not offer it yet, and says so",
    ("PATCH /v2/tasks/{}", "reply: the status 501"): "the engine does not offer it yet, and says so",
    (
        "POST /v2/annotation-queues",
        "request: 1 validation error for CreateAnnotationQueueRequest annotation_config_ids",
    ): "an engine's queue needs no annotation config before the first label; on AX the tool asks for one",
    (
        "POST /v2/annotation-queues",
        NO_SUCH_RECORD,
    ): "an engine's queue may hold runs of an experiment; on AX the tool refuses them",
    (
        "GET /v2/annotation-queues/{}/records",
        "reply: 1 validation error for AnnotationQueueRecord source_type Input should be 'SPANS' or 'DATASET'",
    ): "the same",
    (
        "POST /v2/ai-integrations",
        NO_SUCH_REGION,
    ): "an engine's integration of Bedrock may name its region; on AX the tool refuses it",
    ("POST /v2/ai-integrations", "reply: body.provider_metadata.region is lost"): "the same",
    ("GET /v2/ai-integrations", "reply: body.ai_integrations[].provider_metadata.region is lost"): "the same",
}
"""What differs and may, with the reason: by route, and how the fault begins."""


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recorded calls: the one that is kept, or of a run of the tools' tests made here."""
    kept = os.environ.get(KEPT_AT)
    if kept is not None:
        return Path(kept)
    folder = tmp_path_factory.mktemp("traffic")
    run = [sys.executable, "-m", "pytest", "tests/tools", "--backend", "ax", "--record", str(folder), "-q", "-m", ""]
    played = subprocess.run([*run, "-k", "not hostile"], cwd=ROOT, capture_output=True, check=False, encoding="utf-8")
    assert played.returncode == 0, played.stdout[-4000:]
    return folder


@pytest.fixture(scope="module")
def outcome(traffic: Path) -> dict[str, Any]:
    """What the check found."""
    python = python_with(*ARIZE)
    check = [str(python), str(Path(__file__).with_name("traffic.py")), str(traffic)]
    done = subprocess.run(check, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_call_of_the_tools_and_every_reply_fits_the_published_models(outcome: dict[str, Any]) -> None:
    wrong: dict[str, dict[str, int]] = {
        route: {fault: times for fault, times in faults.items() if not known(route, fault)}
        for route, faults in outcome["wrong"].items()
    }
    found = {route: faults for route, faults in wrong.items() if faults}
    assert not found, json.dumps({route: [faults, outcome["examples"][route]] for route, faults in found.items()})
    assert outcome["calls"] > (400 if os.environ.get(SHORT) else 1000)


def known(route: str, fault: str) -> bool:
    return any(route == at and fault.startswith(begins) for at, begins in KNOWN)


@pytest.mark.slow
def test_every_route_that_a_tool_names_as_its_source_was_called(outcome: dict[str, Any]) -> None:
    named = {
        f"{method} {re.sub('{.*?}', '{}', at)}"
        for file in TOOLS.rglob("*.py")
        for method, at in re.findall(r"`([A-Z]+) (/v2/[^`?]+)`", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert named - set(outcome["routes"]) == set()
