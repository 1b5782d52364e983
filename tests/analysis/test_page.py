"""A comparison as a page: what it says, and that nothing in it runs or leads anywhere."""

import re
from html.parser import HTMLParser

import pytest
from tests.analysis.variants import approx, rising

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import details
from assaykit.analysis.findings import Comparison
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.slices import Column
from assaykit.analysis.truth import Truth
from assaykit.report.html import comparison_html

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;<!--"
VOID = {"meta"}
ASKING = {"script", "img", "link", "iframe", "object", "embed", "audio", "video", "form", "base", "style:import"}


class Page(HTMLParser):
    """What is in a page; every element has to be closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def variant(name: str, scores: list[float | None], output: str = "x") -> Variant:
    return Variant(
        name,
        [
            Outcome(f"e{place}", output, None, {} if score is None else {"tone": Judgement(name="tone", score=score)})
            for place, score in enumerate(scores)
        ],
    )


def compared(name: str = "new", output: str = "x") -> Comparison:
    before, after = [1.0, 0.0, 0.0, 0.0] * 20, [0.0, 1.0, 1.0, 1.0] + [1.0, 1.0, 1.0, 0.0] * 19
    return compare(variant("old", list(before)), [variant(name, list(after), output)], reading=rising("tone"))


def test_the_page_says_what_the_text_says() -> None:
    comparison = compared()
    (finding,) = comparison.findings
    page = Page(comparison_html(comparison))
    assert finding.sentence in page.text
    assert "▲ better" in page.text
    assert f"{len(finding.fixed or ())} fixed, 41 of them shown".partition(",")[0] in page.text
    assert "1 broken" in page.text
    assert page.tags.count("svg") == 1
    assert page.tags.count("title") == 2


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    text = comparison_html(compared(HOSTILE, HOSTILE))
    page = Page(text)
    assert not ASKING & set(page.tags)
    assert HOSTILE in page.text
    assert not [name for name, _ in page.attributes if name.startswith("on")]


@pytest.mark.parametrize("output", ["x", "see https://example.com/?q=1", "url(https://example.com)"])
def test_the_page_asks_nobody_for_anything(output: str) -> None:
    text = comparison_html(compared(output=output))
    page = Page(text)
    leading = {"src", "href", "action", "data", "poster", "srcset", "xlink:href", "background"}
    assert not leading & {name for name, _ in page.attributes}
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert "url(" not in style[0]
    assert "@import" not in style[0]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_the_chart_puts_the_difference_within_its_interval() -> None:
    comparison = compared()
    (finding,) = comparison.findings
    text = comparison_html(comparison)
    (low, high), (middle,) = (
        [float(one) for one in re.findall(pattern, text)[-1]] if "x2" in pattern else
        [float(re.findall(pattern, text)[-1])]
        for pattern in (r'<line x1="([\d.]+)" x2="([\d.]+)" y1="15', r'<circle cx="([\d.]+)"')
    )  # fmt: skip
    assert finding.interval is not None
    assert finding.difference is not None
    share = (finding.difference - finding.interval.low) / (finding.interval.high - finding.interval.low)
    assert (middle - low) / (high - low) == approx(share, abs=0.01)


def test_what_cannot_be_compared_is_said() -> None:
    before = Variant("old", [Outcome("e1", "x", None, {"tone": Judgement(name="tone", label="a")})])
    after = Variant("new", [Outcome("e1", "y", None, {"tone": Judgement(name="tone", label="b")})])
    page = Page(comparison_html(compare(before, [after])))
    assert "svg" not in page.tags
    assert "not tested" in page.text


def test_what_stands_beside_the_findings_is_escaped_and_asks_nobody() -> None:
    """Slices, classes, repetitions and usage of names, values and labels that would be elements."""
    sides: list[Variant] = []
    for side, name in enumerate(("old", HOSTILE)):
        rows = [
            Outcome(
                f"e{place}",
                HOSTILE,
                None,
                {
                    HOSTILE: Judgement(
                        name=HOSTILE, label=HOSTILE if (place + side) % 3 else "b", score=(place + side) % 2
                    )
                },
                repetition=str(repetition),
                latency_ms=float(place),
            )
            for place in range(8)
            for repetition in range(2)
        ]
        sides.append(Variant(name, rows))
    values = {f"e{place}": HOSTILE for place in range(8)}
    truth = Truth(HOSTILE, values, HOSTILE, HOSTILE)
    comparison = compare(sides[0], sides[1:], reading=rising(HOSTILE))
    found = details(sides, comparison, [Column(HOSTILE, values)], truth)
    page = Page(comparison_html(comparison, found))
    assert not ASKING & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    for heading in ("Latency, tokens and cost", "Repetitions", f"{HOSTILE} against the truth {HOSTILE}", "Slices"):
        assert heading in page.text
    assert f"as {HOSTILE}" in page.text
    assert page.tags.count("svg") == 2
