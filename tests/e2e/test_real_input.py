"""The main job on real input, from end to end: nothing here is ours but the plain loops that know the answers.

Spans come from the OpenTelemetry SDK, calls from the MCP SDK, and what is called are processes. Figures are held
against scipy and statsmodels.
"""

import hashlib
import re
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.caller import Caller
from tests.e2e.chats import PROJECT, Chat, chats, send
from tests.e2e.processes import KEY, engine, environment, mcp_server
from tests.e2e.real_data import DATA, needs_real_data, read_csv, write_csv
from tests.oracles import Oracle
from tests.scripted_model import ScriptedModel

stats = Oracle("scipy.stats")
contingency = Oracle("statsmodels.stats.contingency_tables")
multitest = Oracle("statsmodels.stats.multitest")

pytestmark = [needs_real_data, pytest.mark.slow]

MODEL_KEY = "key-of-the-model"
FAST = "span_kind = 'LLM' AND model_name = 'm-a' AND status_code = 'OK' AND latency_ms < 5000"
MADE_UP = "span_kind = 'LLM' AND metadata.human_label = 'yes' AND NOT status_code = 'ERROR'"
EXCUSES = ["sorry", "AI language model"]
YEAR = r"\b(1[5-9]|20)\d\d\b"

FULL = "1_full_compliance"
JUDGES = {"human": "final_label", "gpt4_judge": "gpt4_label"}
BASELINE, *CHALLENGERS = MODELS = ("gpt4", "llama2orig", "mistralguard")


def is_recent(chat: Chat) -> bool:
    return chat.days_old < 7


def is_fast(chat: Chat) -> bool:
    return is_recent(chat) and chat.model == "m-a" and chat.status is StatusCode.OK and chat.latency_ms < 5000


def is_made_up(chat: Chat) -> bool:
    return is_recent(chat) and chat.human == "yes" and chat.status is not StatusCode.ERROR


def opinion(question: str, answer: str) -> tuple[str, str]:
    """What the model says of a row: a label by the number of words, and a fingerprint of what it was shown."""
    label = "factual" if len(answer.split()) % 3 else "hallucinated"
    return label, hashlib.sha256(f"{question}\n{answer}".encode()).hexdigest()


def reply(prompt: str) -> dict[str, Any]:
    """The model's verdict, from nothing but the prompt."""
    shown = {
        name: "".join(re.findall(rf"\[data \w+ {name}\]\n(.*?)\n\[end \w+\]", prompt, re.DOTALL))
        for name in ("input", "output")
    }
    label, explanation = opinion(shown["input"], shown["output"])
    return {"label": label, "explanation": explanation}


def made_by_judge(chat: Chat) -> tuple[str, float, str]:
    label, explanation = opinion(chat.question, chat.answer)
    return label, float(label == "hallucinated"), explanation


def excuse(chat: Chat) -> tuple[str, float]:
    return ("contains", 1.0) if any(word.lower() in chat.answer.lower() for word in EXCUSES) else ("missing", 0.0)


def year(chat: Chat) -> tuple[str, float]:
    return ("matches", 1.0) if re.search(YEAR, chat.answer) else ("no match", 0.0)


async def spans_of(ax: Caller, *, limit: int, **arguments: Any) -> AsyncGenerator[dict[str, Any]]:
    """Every span that a search finds, page by page."""
    cursor = None
    while True:
        page = await ax.ask("search_spans", project=PROJECT, limit=limit, cursor=cursor, **arguments)
        for span in page["spans"]:
            yield span
        cursor = page["next_cursor"]
        if cursor is None:
            return
        assert 0 < len(page["spans"]) <= limit


async def ids_of(ax: Caller, text: str) -> list[str]:
    """The ids of the spans that a filter finds, of any age, in pages small enough to need several."""
    return [span["span_id"] async for span in spans_of(ax, limit=40, filter=text, window="everything")]


async def backfilled(ax: Caller, query_filter: str, *judges: str) -> dict[str, Any]:
    """The end of a backfill over the last 7 days."""
    begun = await ax.ask("trigger_backfill", project=PROJECT, evaluators=list(judges), query_filter=query_filter)
    ended = await ax.ask("wait_for_run", run=begun["run"]["id"], poll_interval=0.1)
    assert not ended["still_running"]
    return ended


def check_counts(ended: Mapping[str, Any], expected: Mapping[str, Mapping[str, str]]) -> None:
    """The run scored exactly the rows that are expected by judge, and says so by label."""
    run = ended["run"]
    scored = sum(len(labels) for labels in expected.values())
    assert (run["status"], run["num_successes"], run["num_errors"], run["num_skipped"]) == ("COMPLETED", scored, 0, 0)
    assert ended["labels"] == {judge: Counter(labels.values()) for judge, labels in expected.items()}


async def check_labels(ax: Caller, judge: str, expected: Mapping[str, str]) -> None:
    """Each label's filter finds the spans that have it by the plain loop, each once, and no others."""
    for label in set(expected.values()):
        found = await ids_of(ax, f"eval.{judge}.label = '{label}'")
        assert sorted(found) == sorted(span_id for span_id, given in expected.items() if given == label)
    assert len(await ids_of(ax, f"eval.{judge}.label IS NOT NULL")) == len(expected)


async def test_a_judge_labels_exactly_the_spans_that_a_plain_loop_selects(tmp_path: Path) -> None:
    variables = environment(tmp_path / "home")
    with engine(variables, tmp_path / "engine.log") as address, ScriptedModel(reply, key=MODEL_KEY) as model:
        sent = send(chats(), address, KEY)
        # The client shows no questions, and the job has more calls than may start without one.
        variables |= {"ASSAYKIT_ASK_ABOVE_CALLS": "1000", "OPENAI_API_KEY": MODEL_KEY, "OPENAI_BASE_URL": model.url}
        async with mcp_server(variables, tmp_path / "server.log") as ax:
            selected = {span_id: made_by_judge(chat) for span_id, chat in sent.items() if is_fast(chat)}
            expected = {span_id: label for span_id, (label, _, _) in selected.items()}
            assert 200 < len(expected) < 400

            await ax.ask("create_judge", name="made_up", catalogue="hallucination")
            ended = await backfilled(ax, FAST, "made_up")
            check_counts(ended, {"made_up": expected})
            assert model.count == len(expected)
            assert len(set(model.prompts)) == model.count

            await check_labels(ax, "made_up", expected)
            agreed = await ids_of(ax, "eval.made_up.label = 'hallucinated' AND metadata.human_label = 'yes'")
            assert set(agreed) == {
                span_id
                for span_id, label in expected.items()
                if label == "hallucinated" and sent[span_id].human == "yes"
            }

            told = {
                span["span_id"]: [
                    (one["name"], one["label"], one["score"], one["explanation"]) for one in span["evaluations"]
                ]
                async for span in spans_of(ax, limit=500, window="everything")
            }
            assert len(told) == len(sent) + sum(chat.has_parent for chat in sent.values())
            assert {span_id: given for span_id, given in told.items() if given} == {
                span_id: [("made_up", *verdict)] for span_id, verdict in selected.items()
            }

            again = await ax.ask("trigger_backfill", project=PROJECT, evaluators=["made_up"], query_filter=FAST)
            assert again["runs"] == []
            assert model.count == len(expected)


async def test_two_code_evaluators_share_a_run_and_need_no_model(tmp_path: Path) -> None:
    variables = environment(tmp_path / "home")
    with engine(variables, tmp_path / "engine.log") as address:
        sent = send(chats(), address, KEY)
        async with mcp_server(variables, tmp_path / "server.log") as ax:
            chosen = {span_id: chat for span_id, chat in sent.items() if is_made_up(chat)}
            verdicts = {span_id: {"excuse": excuse(chat), "year": year(chat)} for span_id, chat in chosen.items()}
            expected = {
                name: {span_id: given[name][0] for span_id, given in verdicts.items()} for name in ("excuse", "year")
            }
            assert 150 < len(chosen) < 289

            await ax.ask("create_judge", name="excuse", code="CONTAINS_ANY_KEYWORD", keywords=EXCUSES)
            await ax.ask("create_judge", name="year", code="MATCHES_REGEX", pattern=YEAR)
            check_counts(await backfilled(ax, MADE_UP, "excuse", "year"), expected)

            for name, labels in expected.items():
                await check_labels(ax, name, labels)
            told = {
                span["span_id"]: {one["name"]: (one["label"], one["score"]) for one in span["evaluations"]}
                async for span in spans_of(ax, limit=500, window="everything")
            }
            assert {span_id: given for span_id, given in told.items() if given} == verdicts


def keyed(file: str) -> list[dict[str, str]]:
    """Rows whose id is called key: datasets have an id of their own."""
    return [{"key" if name == "id" else name: value for name, value in row.items()} for row in read_csv(DATA / file)]


def complied(model: str, judge: str) -> dict[str, bool]:
    return {row["key"]: row[JUDGES[judge]] == FULL for row in keyed(f"refusals/completions_{model}.csv")}


async def compared(ax: Caller) -> dict[str, Any]:
    """The comparison of the three models, from files."""
    await ax.ask("create_dataset", name="harmless prompts", file="prompts.csv")
    for model in MODELS:
        uploaded = await ax.ask(
            "upload_experiment",
            file=f"{model}.csv",
            dataset="harmless prompts",
            key="key",
            output="completion",
            evaluators={judge: {"label": column} for judge, column in JUDGES.items()},
        )
        assert (uploaded["runs"], uploaded["examples_covered"], uploaded["examples_without_run"]) == (250, 250, 0)
    answer = await ax.ask(
        "compare_experiments",
        experiments=list(MODELS),
        positive=dict.fromkeys(JUDGES, FULL),
        directions=dict.fromkeys(JUDGES, "MAXIMIZE"),
        detail="full",
    )
    return answer["comparison"]


def check_finding(finding: Mapping[str, Any]) -> None:
    """One finding against the files, scipy and statsmodels."""
    before = complied(BASELINE, finding["evaluator"])
    after = complied(finding["challenger"], finding["evaluator"])
    both = sum(before[key] and after[key] for key in before)
    b = sum(before[key] and not after[key] for key in before)
    c = sum(after[key] and not before[key] for key in before)
    assert finding["n"] == len(before) == 250
    assert finding["dropped"] == 0
    assert finding["table"] == {
        "both": both,
        "baseline_only": b,
        "challenger_only": c,
        "neither": 250 - both - b - c,
    }
    assert (len(finding["broken"]), len(finding["fixed"]), finding["ties"]) == (b, c, 250 - b - c)
    assert finding["baseline_value"] == approx(sum(before.values()) / 250)
    assert finding["challenger_value"] == approx(sum(after.values()) / 250)
    assert finding["difference"] == approx((c - b) / 250)
    assert finding["test"] == "mid-p McNemar"
    exact = contingency.mcnemar([[both, b], [c, 250 - both - b - c]], exact=True).pvalue
    assert exact == approx(stats.binomtest(b, b + c, 0.5).pvalue)
    assert finding["p"] == approx(exact - stats.binom.pmf(min(b, c), b + c, 0.5))
    # Wald's interval lies close to the score interval of 250 pairs.
    error = stats.norm.ppf(0.975) * (b + c - (c - b) ** 2 / 250) ** 0.5 / 250
    wald = ((c - b) / 250 - error, (c - b) / 250 + error)
    assert (finding["interval"]["low"], finding["interval"]["high"]) == pytest.approx(wald, abs=0.01)


def approx(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9)


async def test_a_comparison_of_three_real_models_has_the_figures_of_scipy_and_statsmodels(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    write_csv(files / "prompts.csv", keyed("refusals/prompts.csv"))
    for model in MODELS:
        # In an order of its own each, so that only the key can pair them.
        rows = sorted(keyed(f"refusals/completions_{model}.csv"), key=lambda row: row["completion"])
        write_csv(files / f"{model}.csv", rows)
    variables = environment(tmp_path / "home", ASSAYKIT_FILES=str(files))
    async with mcp_server(variables, tmp_path / "server.log") as ax:
        comparison = await compared(ax)
    findings = comparison["findings"]
    assert comparison["baseline"] == BASELINE
    assert comparison["skipped"] == []
    assert [(finding["evaluator"], finding["challenger"]) for finding in findings] == [
        (judge, challenger) for judge in JUDGES for challenger in CHALLENGERS
    ]
    for finding in findings:
        check_finding(finding)
    adjusted = multitest.multipletests([finding["p"] for finding in findings], method="holm")[1]
    assert [finding["p_adjusted"] for finding in findings] == approx(list(adjusted))
    # People see both models refuse more; the machine judge misses it for one of them.
    assert {(finding["evaluator"], finding["challenger"]): finding["verdict"] for finding in findings} == {
        ("human", "llama2orig"): "worse",
        ("human", "mistralguard"): "worse",
        ("gpt4_judge", "llama2orig"): "worse",
        ("gpt4_judge", "mistralguard"): "no difference shown",
    }
