import pytest

from assaykit.engine.flight.spool import FlightMessage, Spool
from assaykit.errors import Invalid

ROWS = [{"n": n, "word": f"w{n}" * (n % 7)} for n in range(1200)]


def test_what_one_spool_writes_another_reads_part_by_part() -> None:
    with Spool() as sent, Spool() as taken:
        sent.write(lambda: ROWS, {"n": "int"})
        parts = 0
        while (part := sent.next()) is not None:
            taken.add(part)
            parts += 1
        assert parts == 4, "the schema and three batches"
        assert [row for some in taken.rows() for row in some] == ROWS


def test_a_projection_writes_the_columns_it_names_and_no_others() -> None:
    with Spool() as sent, Spool() as taken:
        sent.write(lambda: ROWS[:2], {"word": None, "nowhere": None}, only=True)
        while (part := sent.next()) is not None:
            taken.add(part)
        assert list(taken.rows()) == [[{"word": "", "nowhere": None}, {"word": "w1", "nowhere": None}]]


def test_what_is_no_arrow_stream_is_refused() -> None:
    for parts in ([], [FlightMessage(b"nonsense", b"")], [FlightMessage(b"\0" * 64, b"\0" * 64)]):
        with Spool() as spool:
            for part in parts:
                spool.add(part)
            with pytest.raises(Invalid, match="The data is not a readable Arrow stream"):
                list(spool.rows())
