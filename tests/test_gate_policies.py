"""Policy files that are wrong, through `assaykit gate`: one sentence with the place, exit code 2, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import assaykit.cli

RULES = 'rules = ["q: better"]\n'
Gate = Callable[..., Result]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """`gate(text, *words)`: the command with this policy file, and with both reports asked for."""

    def run(text: str | bytes, *words: str) -> Result:
        file = tmp_path / "gate.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        reports = ("--junit", str(tmp_path / "gate.xml"), "--markdown", str(tmp_path / "gate.md"))
        asked = ("gate", "--policy", str(file), *reports, *words)
        return CliRunner().invoke(assaykit.cli.main, asked, env={"ASSAYKIT_HOME": str(tmp_path / "home")})

    return run


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = [\n'q: better',\n'r: better'\nlooks = 1", "gate.toml is not TOML: Unclosed array (at line 4"),
        (b"\xff\xfe", "gate.toml is not UTF-8 text."),
        (b" " * 1_000_001, "gate.toml is larger than 1,000,000 bytes."),
        ("", "gate.toml has no rule."),
        (RULES + "looks = nan", "gate.toml: looks: "),
        (RULES + "looks = '2'", "gate.toml: looks: "),
        (RULES + "lookz = 2", "gate.toml: lookz: unknown name, did you mean 'looks'."),
        (RULES + "[ranges]\nq = [1, inf]", "gate.toml: ranges.q.1: "),
        (RULES + "[ranges]\nq = [1]", "gate.toml: ranges.q: "),
        (RULES + "[[rule]]\nrule = 'q: bettr'", "gate.toml, rule 2: 'q: bettr' is not a rule."),
        (RULES + "[[rule]]\nrule = 'q: better'", "gate.toml: Rule 2 repeats rule 1"),
        (
            "rules = ['q: not worse by more than nan points']",
            "gate.toml, rule 1: 'q: not worse by more than nan points'",
        ),
        ("rules = ['failed rows: at most 2']", "gate.toml, rule 1: The share in 'failed rows: at most 2' has no unit."),
        ("rules = ['latency: at most 2']", "gate.toml, rule 1: The limit in 'latency: at most 2' lacks its unit."),
        ("[[rule]]\nrule = 'failed rows: at most 2 %'\nslice_by = 'tier'", "takes no slice_by."),
        ("[[rule]]\nrule = 'q: better'\nsmall_slices = 'block'", "has small_slices and no slice_by."),
        ("[[rule]]\nrule = 'q: better'\nslyce_by = 'tier'", "slyce_by: unknown name, did you mean 'slice_by'."),
        (RULES, "No candidate is named."),
        (RULES + "candidate = 'new'", "Rule 1, 'q: better', needs a baseline, and none is named."),
        (RULES + "candidate = 'new'\nbaseline = 'new'", "gate.toml: baseline and candidate are the same experiment."),
        (RULES + "candidate = 'new'\nbaseline = 'old'", "No experiment is named 'new'"),
        (RULES + "candidate = 'new'\nbaseline = 'old'\n[ranges]\nq = [5, 1]", "The range of 'q' is not two finite"),
    ],
)
def test_a_wrong_policy_file_is_one_sentence_with_the_place(
    gate: Gate, tmp_path: Path, text: str | bytes, said: str
) -> None:
    done = gate(text)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert done.output.startswith("assaykit: ")
    assert done.output.count("\n") == 1, done.output
    assert not [name for name in ("gate.xml", "gate.md") if (tmp_path / name).exists()]


def test_an_option_of_the_command_line_replaces_that_of_the_file(gate: Gate) -> None:
    same = gate(RULES + "candidate = 'new'\nbaseline = 'old'", "--candidate", "old")
    assert (same.exit_code, "The candidate 'old' is the baseline." in same.output) == (2, True)
    repeated = gate(RULES, "--rule", "q: better")
    assert "Rule 2 repeats rule 1: 'q: better'." in repeated.output
    wrong = gate("looks = 2", "--rule", "q: nonsense")
    assert "Rule 1: 'q: nonsense' is not a rule." in wrong.output


def test_a_policy_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    words = ("gate", "--policy", str(tmp_path / "gone.toml"))
    done = CliRunner().invoke(assaykit.cli.main, words, env={"ASSAYKIT_HOME": str(tmp_path / "home")})
    assert (done.exit_code, f"{tmp_path / 'gone.toml'} cannot be read" in done.output) == (2, True), done.output
