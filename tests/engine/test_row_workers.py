"""Items worked on by a few workers: what ends them early, and what becomes of the work under way."""

from collections.abc import Mapping, Sequence

import anyio
import anyio.lowlevel

from assaykit.column_paths import Row
from assaykit.engine.runs.row_workers import OUTCOMES_PER_WRITE, Job, RowWorkers
from assaykit.engine.store.queue.runs import Item

ITEMS = [Item(number, f"{number}", "judge") for number in range(5 * OUTCOMES_PER_WRITE)]


async def read(_: Sequence[Item]) -> Mapping[str, Row]:
    return {}


async def work(job: Job) -> int:
    return job.item.position


async def test_a_run_that_is_ended_elsewhere_stops_however_many_results_are_on_their_way() -> None:
    stored: list[int] = []

    async def store(batch: list[int]) -> bool:
        # Meanwhile the other workers have filled what lies between, and wait with a result each.
        for _ in range(3_000):
            await anyio.lowlevel.checkpoint()
        stored.extend(batch)
        return False

    await RowWorkers(read, work, store, rows_at_once=50).run(ITEMS)
    assert 0 < len(stored) < len(ITEMS)


async def test_without_room_nothing_is_begun_and_what_is_under_way_is_stored() -> None:
    begun: list[int] = []
    stored: list[int] = []

    async def note(job: Job) -> int | None:
        if len(begun) == 7:
            return None
        begun.append(job.item.position)
        await anyio.lowlevel.checkpoint()
        return job.item.position

    async def store(batch: list[int]) -> bool:
        stored.extend(batch)
        return True

    await RowWorkers(read, note, store, rows_at_once=3, goes_on=lambda _: len(begun) < 7).run(ITEMS)
    assert sorted(stored) == sorted(begun) == list(range(7))


async def test_results_that_come_one_after_the_other_are_stored_together() -> None:
    batches: list[list[int]] = []

    async def slow(job: Job) -> int:
        await anyio.sleep(0.001)
        return job.item.position

    async def store(batch: list[int]) -> bool:
        batches.append(batch)
        return True

    await RowWorkers(read, slow, store, rows_at_once=2).run(ITEMS[:200])
    assert sorted(position for batch in batches for position in batch) == list(range(200))
    assert len(batches) < 100


async def test_items_that_do_not_go_on_are_passed_over_and_those_under_way_are_stored() -> None:
    """As for a judge that is given up: its items are left, and the items of another judge go on."""
    begun: list[int] = []
    stored: list[int] = []
    all_begun = anyio.Event()

    async def slow(job: Job) -> int:
        begun.append(job.item.position)
        if len(begun) < 3:
            await all_begun.wait()
        all_begun.set()
        return job.item.position

    async def store(batch: list[int]) -> bool:
        stored.extend(batch)
        return True

    def goes_on(item: Item) -> bool:
        return not all_begun.is_set() or item.position % 2 == 0

    with anyio.fail_after(60):
        await RowWorkers(read, slow, store, rows_at_once=3, goes_on=goes_on).run(ITEMS)
    assert sorted(stored) == sorted(begun) == sorted({0, 1, 2, *range(0, len(ITEMS), 2)})
