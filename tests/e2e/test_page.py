"""The page of a comparison in a browser: it asks for nothing, complains of nothing, and can be read light and dark."""

import os
import struct
import zlib
from pathlib import Path

import pytest
from tests.browser import opened
from tests.caller import serving

from assaykit import sample
from assaykit.settings import Settings

pytestmark = pytest.mark.slow

PICTURE = Path(__file__).parents[2] / "docs" / "comparison.png"
"""What the README shows of the page; written anew with ASSAYKIT_UPDATE, as snapshots are."""

ASKS = """<!doctype html><title>t</title><link rel="stylesheet" href="https://example.com/x.css">
<img src="http://example.org/a.png"><script>console.error("oh no"); missing()</script>"""
COLUMNS = {
    "helpful": {"label": "human_label", "score": "human_score"},
    "cites_policy": {"label": "cites_policy"},
}


async def page_of(settings: Settings) -> Path:
    """The page that the tool writes of the sample's two variants."""
    folder = settings.folders[0]
    for name in ("questions.csv", "variant-a.csv", "variant-b.csv"):
        (folder / name).write_bytes((sample.variant_path("a").parent / name).read_bytes())
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="questions", file=str(folder / "questions.csv"))
        for variant in ("a", "b"):
            given = {"file": str(folder / f"variant-{variant}.csv"), "key": "key", "output": "answer"}
            await ax.ask("upload_experiment", dataset="questions", evaluators=COLUMNS, **given)
        both = {"experiments": ["variant-a", "variant-b"], "positive": {"cites_policy": "yes"}}
        directions = dict.fromkeys(COLUMNS, "MAXIMIZE")
        await ax.ask("compare_experiments", **both, directions=directions, save_to=str(folder / "comparison.html"))
    return folder / "comparison.html"


def brightness(picture: Path) -> float:
    """Of the first pixel of a PNG in 8-bit RGB or RGBA, 0 to 255: that of the page, as text keeps off its edge."""
    raw, at, data = picture.read_bytes(), 8, b""
    channels = {2: 3, 6: 4}[raw[25]]
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        data += raw[at + 8 : at + 8 + length] if raw[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    first = zlib.decompress(data)[1 : 1 + channels]  # after the filter, which has nothing to go by in the first pixel
    return sum(first[:3]) / 3


async def test_the_page_asks_for_nothing_and_complains_of_nothing_light_or_dark(
    settings: Settings, tmp_path: Path
) -> None:
    page = await page_of(settings)
    light, dark = (opened(page, tmp_path / "seen", dark=dark) for dark in (False, True))
    for seen in (light, dark):
        assert [address for address in seen.asked if address != page.as_uri()] == []
        assert seen.console == []
    assert brightness(light.picture) > 230
    assert brightness(dark.picture) < 40
    if os.environ.get("ASSAYKIT_UPDATE"):
        PICTURE.write_bytes(light.picture.read_bytes())


def test_a_page_that_asks_and_complains_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "asks.html"
    page.write_text(ASKS, encoding="utf-8")
    seen = opened(page, tmp_path / "seen")
    assert {"https://example.com/x.css", "http://example.org/a.png"} <= set(seen.asked)
    assert len(seen.console) == 2
    assert "oh no" in seen.console[0]
    assert "missing is not defined" in seen.console[1]
