"""The check of the engine's key."""

import pytest

from assaykit.engine.access import encoded, require
from assaykit.errors import Unauthorized

KEY = b"the-right-key"


@pytest.mark.parametrize("sent", [KEY, b"Bearer " + KEY, b"bearer " + KEY, b"BEARER " + KEY])
def test_the_key_is_accepted_with_and_without_its_scheme(sent: bytes) -> None:
    require(sent, KEY)


WRONG = [b"", b"Bearer ", b"Bearer", b"the-right-ke", b"the-right-key ", b"Bearer  the-right-key", b"Basic " + KEY]


@pytest.mark.parametrize("sent", [*WRONG, b"xearer " + KEY, "schlüssel".encode(), b"\xff"])
def test_any_other_key_is_refused_with_the_next_step(sent: bytes) -> None:
    with pytest.raises(Unauthorized, match="missing or wrong") as caught:
        require(sent, KEY)
    assert "Authorization: Bearer <key>" in caught.value.next
    with pytest.raises(Unauthorized) as caught:
        require(sent, KEY, "Send it in the metadata.")
    assert caught.value.next == "Send it in the metadata."


@pytest.mark.parametrize("sent", [b"", b"Bearer ", b"x"])
def test_an_empty_key_accepts_nobody(sent: bytes) -> None:
    with pytest.raises(Unauthorized):
        require(sent, b"")


def test_a_key_is_bytes_and_never_blank() -> None:
    assert encoded("schlüssel") == "schlüssel".encode()
    for blank in ("", " ", "\n\t"):
        with pytest.raises(ValueError, match="not empty"):
            encoded(blank)
