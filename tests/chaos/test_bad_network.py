"""The tools over a bad network: a real TCP proxy spoils the answers of an engine that poses as AX."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from tests.chaos.creates import creates, lossy, sent_again
from tests.chaos.faults import FAULTS, LATE, PAUSES, Fault, slow_down
from tests.chaos.proxy import Asked, Spoil
from tests.chaos.scene import Scene, calls, outcome, scene
from tests.chaos.trials import EVERY, REFUSED, Loss, Trial, once, some_calls, spoiling, under

from assaykit.api import answers
from assaykit.api.recognition import SKEW

pytestmark = pytest.mark.embedded("it starts an engine of its own")

ROOT = Path(__file__).parents[2]
SHORT_S = 0.3
"""The deadline in the short size."""

LOOK_S = 4.0
"""A deadline of which a quarter is enough to look a create up."""

PATIENT_S = 20.0
"""The same on a machine that is busy, for faults that do not use their deadline up."""

LARGEST = 2**20
"""The limit for an answer in the short size, in bytes: an answer of 64 MiB takes a tenth of a second to unpack."""

CARRIED_OUT = [fault for fault in FAULTS if fault.carried_out and "" not in fault.codes]


@pytest.fixture(scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    """The store of the scene, which the tests of this module share."""
    async with scene(tmp_path_factory.mktemp("chaos")) as made:
        yield made


@pytest.fixture(scope="module")
async def worn(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    """Another one, where things are deleted too."""
    async with scene(tmp_path_factory.mktemp("worn")) as made:
        yield made


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch, long: bool) -> None:
    """Lower the limit for an answer in the short size."""
    if not long:
        monkeypatch.setattr(answers, "LARGEST_ANSWER", LARGEST)


def wrong(found: list[Trial] | list[Loss]) -> list[str]:
    return [str(one) for one in found if not one.is_right]


async def test_a_call_under_each_fault_ends_with_the_right_error(there: Scene) -> None:
    found: list[Trial] = []
    for number, fault in enumerate(EVERY):
        found += await under(there, fault, some_calls(there, 1, 3 * number), SHORT_S)
    assert wrong(found) == []
    assert not [one for one in found if one.tells_too_much]


async def test_creates_whose_answers_are_lost_are_made_once_and_told(there: Scene) -> None:
    found = await lossy(there, 22, seed=3)
    assert found.pop("answers_dropped") > 3
    assert found == {"creates": 22, "lost": 0, "duplicates": 0, "ambiguous": 0, "failed": 0}


@pytest.mark.slow
@pytest.mark.parametrize("pause", PAUSES)
async def test_a_refusal_for_a_moment_is_waited_out(there: Scene, pause: str) -> None:
    fault = Fault("slow down", slow_down(pause), frozenset({""}), carried_out=False)
    (made,) = await once(there, fault, 100 + PAUSES.index(pause), 30, "judge")
    assert (made.code, made.made) == ("", 1)


@pytest.mark.slow
async def test_a_create_that_did_not_happen_is_told_so(there: Scene) -> None:
    (before,) = [one for one in FAULTS if one.name == "reset before"]
    (judge,) = await once(there, before, 200, LOOK_S, "judge")
    assert (judge.code, judge.made) == ("unavailable", 0)
    told = json.loads(judge.text)
    assert told["message"].endswith("Two looks at what is there show that the judge was not made.")
    assert told["next"] == "Call again."
    (version,) = await once(there, before, 201, LOOK_S, "judge version")
    assert "Look once more with list_judges before you call again" in json.loads(version.text)["next"]


@pytest.mark.slow
async def test_a_create_that_cannot_be_looked_up_is_ambiguous_and_made_once(there: Scene) -> None:
    tool, arguments = creates(300)["dataset"]
    async with there.caller(deadline_s=1.0) as ax:
        await ax.ask("list_datasets")
        sent: list[str] = []

        def choose(asked: Asked) -> Spoil | None:
            sent.extend([asked.path] * (asked.method == "POST"))
            return CARRIED_OUT[1].spoil if sent else None

        there.proxy.choose = choose
        try:
            code, text = await outcome(ax, tool, **arguments)
        finally:
            there.proxy.choose = lambda _: None
    assert (code, sent) == ("ambiguous", ["/v2/datasets"])
    told = json.loads(text)
    assert "It is ambiguous whether the dataset was made. The look for it " in told["message"]
    assert told["next"] == "Look with list_datasets, and call again only if it is not there."


@pytest.mark.slow
async def test_calls_stop_while_nobody_answers_and_go_on_after_a_probe(there: Scene) -> None:
    async with there.caller() as ax:
        async with spoiling(there, REFUSED):
            said = [await ax.refused("list_spaces") for _ in range(3)]
        assert {one["code"] for one in said} == {"unavailable"}
        address = there.proxy.address.removeprefix("http://")
        assert (
            f"Arize AX at {address} is not called: the last 8 calls got no answer (ConnectError)." in said[2]["message"]
        )
        assert "The next try is made in 5 s." in said[2]["message"]
        there.proxy.asked.clear()
        assert "is not called" in (await ax.refused("list_spaces"))["message"]
        assert there.proxy.asked == []


@pytest.mark.slow
async def test_the_status_tells_of_the_failures_and_of_no_key(there: Scene) -> None:
    fault = Fault("slow down", slow_down("retry-after: 0.2"), frozenset({""}), carried_out=False)
    async with there.caller() as ax:
        text = await ax.read("get_status")
        assert f"- Connection: {there.proxy.address.removeprefix('http://')}, last answer 20" in text
        assert "failure" not in text
        async with spoiling(there, fault, once=True):
            await ax.ask("create_judge", name="after a pause", code="MATCHES_REGEX", pattern="x")
        told = (await ax.ask("get_status"))["connection"]
        assert (told["breaker"], told["second_tries"], told["retry_after_s"]) == ("closed", 1, 0.2)
        assert "asked to slow down 20" in await ax.read("get_status")
        assert str(ax.settings.ax_key) not in str(told)


@pytest.mark.slow
async def test_the_control_makes_things_twice(there: Scene) -> None:
    async with sent_again():
        found = await lossy(there, 11, seed=4)
    assert found["duplicates"] + found["failed"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.name)
async def test_each_tool_under_each_fault_ends_with_the_right_error(worn: Scene, fault: Fault) -> None:
    found = await under(worn, fault, calls(worn, 1000 + EVERY.index(fault)).items(), SHORT_S)
    assert wrong(found) == []
    assert not [one for one in found if one.tells_too_much]


@pytest.mark.slow
@pytest.mark.parametrize("fault", CARRIED_OUT, ids=lambda fault: fault.name)
async def test_each_create_whose_answer_is_lost_is_found(there: Scene, fault: Fault) -> None:
    deadline_s = LOOK_S if fault.name in LATE else PATIENT_S
    # Equal rows of the fault before would fit too, as long as clocks may differ.
    await anyio.sleep(2 * SKEW.total_seconds())
    found = await once(there, fault, 2000 + FAULTS.index(fault), deadline_s)
    assert wrong(found) == []
    assert {one.kind: one.code for one in found if one.code} == {}


@pytest.mark.slow
def test_many_creates_are_neither_lost_nor_doubled(*, long: bool) -> None:
    number = 500 if long else 200
    command = [sys.executable, "-m", "tests.chaos", "creates", "--calls", str(number), "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    measured = json.loads(run.stdout)["measured"]
    assert measured["creates"] == number
    assert measured["answers_dropped"] > number // 5
