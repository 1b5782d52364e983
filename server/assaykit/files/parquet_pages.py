"""What the pages of a Parquet file come to, by their own headers, without unpacking one.

The footer's sums are what a writer says; a page's header is what a reader goes by when it makes room for the page. It
is a struct of Thrift's compact protocol. Source: Apache Parquet format, `parquet.thrift`, `PageHeader`.
"""

from typing import Any, BinaryIO, NamedTuple

MOST_PAGES = 500_000
"""Pages of a file; each takes some microseconds."""

_MOST_BYTES_OF_A_NUMBER = 10
_DEEPEST = 4
_TRUE, _FALSE, _BYTE, _NUMBERS, _DOUBLE, _TEXT, _STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, 12
_UNPACKED, _PACKED, _DATA, _WORDS, _DATA_2 = 2, 3, 5, 7, 8
"""Fields of `PageHeader`; the first field of both sorts of data page is the number of values."""

_ENCODING, _ENCODING_2 = 2, 4
_DELTAS = (5, 6, 7)
_SHARED_BEGINNINGS = 7

Header = dict[int, "int | Header"]


class Unreadable(ValueError):
    """It is no header of a page, or there are too many of them; in a few words."""


class Chunk(NamedTuple):
    """The pages of a column in a row group: bytes unpacked, those of its dictionary, `words`, among them; and values.

    `is_delta`: of some pages only what differs is written, and a reader makes room for all their values at once.
    `shared` are the bytes of those in which texts have their beginning from the one before: each may be as long as all.
    """

    unpacked: int
    words: int
    values: int
    is_delta: bool
    shared: int


class Pages:
    """Reads the headers of one file's pages."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._count = 0

    def chunk(self, told: Any) -> Chunk:
        """What a column of a row group comes to; `told` is what the footer says of it, of which the place is used.

        Raises: Unreadable.
        """
        first, place = told.dictionary_page_offset, told.data_page_offset
        place = min(place, first) if first else place
        end = place + told.total_compressed_size
        unpacked = words = values = shared = 0
        is_delta = False
        while place < end:
            self._count += 1
            if self._count > MOST_PAGES:
                raise Unreadable(f"more than {MOST_PAGES:,} pages")
            self._file.seek(place)
            header = self._struct(0)
            place = self._file.tell() + _number(header, _PACKED)
            size = _number(header, _UNPACKED)
            unpacked += size
            words += size if _WORDS in header else 0
            for kind, said in ((_DATA, _ENCODING), (_DATA_2, _ENCODING_2)):
                if isinstance(data := header.get(kind), dict):
                    values += _number(data, 1)
                    encoding = _number(data, said)
                    is_delta = is_delta or encoding in _DELTAS
                    shared += size if encoding == _SHARED_BEGINNINGS else 0
        return Chunk(unpacked, words, values, is_delta, shared)

    def _struct(self, depth: int) -> Header:
        if depth > _DEEPEST:
            raise Unreadable("a header of a page that goes too deep")
        found: Header = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            if kind in _NUMBERS:
                found[field] = self._signed()
            elif kind == _STRUCT:
                found[field] = self._struct(depth + 1)
            elif kind == _TEXT:
                self._file.seek(self._unsigned(), 1)
            elif kind in {_BYTE, _DOUBLE}:
                self._file.seek(1 if kind == _BYTE else 8, 1)
            elif kind not in {_TRUE, _FALSE}:
                raise Unreadable("a header of a page with a list in it")
        return found

    def _signed(self) -> int:
        number = self._unsigned()
        return number >> 1 ^ -(number & 1)

    def _unsigned(self) -> int:
        number = 0
        for place in range(_MOST_BYTES_OF_A_NUMBER):
            byte = self._byte()
            number |= (byte & 127) << 7 * place
            if byte < 128:  # noqa: PLR2004  (the bit that says there is more)
                return number
        raise Unreadable("a number without an end")

    def _byte(self) -> int:
        byte = self._file.read(1)
        if not byte:
            raise Unreadable("a page behind the end")
        return byte[0]


def _number(header: Header, field: int) -> int:
    value = header.get(field)
    if not isinstance(value, int) or value < 0:
        raise Unreadable("a header of a page without its size")
    return value
