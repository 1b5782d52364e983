"""The sentences and the notes of several findings, each said once with the evaluators that it is about."""

from collections.abc import Iterable, Iterator, Sequence

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import call_for_directions, lacks_direction
from assaykit.errors import quote

ABSENT_TOLD = 24
"""Limit on the notes on missing rows that are told before the sentences."""

_NAMES_LIMIT = 120


def sentences_of(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """Yield each distinct sentence with its first finding; evaluators whose sentences are alike share one."""
    alike: dict[str, list[Finding]] = {}
    for one in findings:
        alike.setdefault(one.sentence.removeprefix(f"{short(one.evaluator)}: "), []).append(one)
    for rest, group in alike.items():
        names = dict.fromkeys(short(one.evaluator) for one in group)
        yield group[0], f"{quote(', '.join(names), _NAMES_LIMIT)}: {rest}" if len(names) > 1 else group[0].sentence


def absent_of(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the notes on missing rows, at most `ABSENT_TOLD`, and the number of the rest."""
    about = _by_note(findings, ((one, line) for one in findings for line in one.absent))
    for whose, line in about[:ABSENT_TOLD]:
        yield f"Missing{whose}: {line}"
    if len(about) > ABSENT_TOLD:
        yield f"Missing: {len(about) - ABSENT_TOLD} more counts stand in the sentences and the page."


def cautions_of(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the cautions, with one call for all findings whose direction is missing."""
    lacking = [one for one in findings if lacks_direction(one)]
    call = call_for_directions(lacking) if lacking else ""
    told = (
        (one, call if lacks_direction(one) and line == call_for_directions([one]) else line)
        for one in findings
        for line in one.cautions
    )
    for whose, line in _by_note(findings, told):
        yield f"Note{whose}: {line}"


def _by_note(findings: Sequence[Finding], told: Iterable[tuple[Finding, str]]) -> list[tuple[str, str]]:
    """The distinct notes in order, each after the evaluators that it is about; nothing is named if it is all."""
    about: dict[str, dict[str, None]] = {}
    for finding, line in told:
        about.setdefault(line, {})[short(finding.evaluator)] = None
    number = len({one.evaluator for one in findings})
    return [
        ("" if len(names) == number else f" on {quote(', '.join(names), _NAMES_LIMIT)}", line)
        for line, names in about.items()
    ]
