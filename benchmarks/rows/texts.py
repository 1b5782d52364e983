"""S15, S16, S17, S21, S22: hostile code, paths, filters and templates, in one process."""

import random
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import anyio
from rows.outcome import Outcome, Terms, few
from tests.engine.rest import Rest, opened, span
from tests.files.swapping import swapped

from assaykit.errors import AssayError
from assaykit.files.folders import Folders, open_inside
from assaykit.files.opening import open_below
from assaykit.judge import templates
from assaykit.judge.score import score
from assaykit.judge.verdicts import Unscored
from assaykit.wire.evaluators import CustomCodeConfig, ManagedCodeConfig

HIT = "was-here"

SNIPPETS = tuple(
    body.replace("PLACE", "{place}")
    for body in (
        "open({place!r}, 'w').write('x')", "import os; os.system('touch ' + {place!r})",
        "import subprocess; subprocess.run(['touch', {place!r}])", "__import__('pathlib').Path({place!r}).touch()",
        "eval(\"open({place!r}, 'w')\")", "exec(\"open({place!r}, 'w')\")",
        "().__class__.__base__.__subclasses__(); open({place!r}, 'w')",
        "import ctypes; open({place!r}, 'w')", "import socket; open({place!r}, 'w')",
        "import importlib; open({place!r}, 'w')",
    )
)  # fmt: skip


def snippets(terms: Terms) -> Mapping[str, Outcome]:
    """Hostile code in evaluators: none of it runs, because no code of an evaluator does."""
    place = terms.folder / HIT
    ran: list[str] = []
    refused = 0
    tried = 0
    for body in SNIPPETS:
        for written in ("{}", "def evaluate(output): {}", "class X:\n    {}", "lambda: [{}]"):
            tried += 1
            code = written.format(body.format(place=str(place)))
            config = CustomCodeConfig.model_construct(type="CUSTOM", name="x", code=code, variables=["output"])
            try:
                verdict = anyio.run(score, config, {"output": "x"}, None)
            except Exception as error:  # noqa: BLE001  (an error of the code is proof that it ran)
                ran.append(f"{code[:60]!r} ended in {error!r}")
                continue
            refused += isinstance(verdict, Unscored) and verdict.reason == "unsupported"
            if place.exists():
                ran.append(f"{code[:60]!r} wrote a file")
                place.unlink()
    faults = ran + ([] if refused == tried or ran else [f"{tried - refused} snippets were not refused"])
    return {"S15": Outcome({"snippets": tried, "refused": refused, "ran": len(ran)}, few(faults))}


def overhead(terms: Terms) -> Mapping[str, Outcome]:
    """The time of one code evaluator on one row."""
    config = ManagedCodeConfig.model_validate(
        {
            "type": "MANAGED",
            "name": "refunds",
            "managed_evaluator": "CONTAINS_ANY_KEYWORD",
            "variables": ["output"],
            "static_params": [{"name": "keywords", "type": "STRING_ARRAY", "default_value": ["refund"]}],
        }
    )
    number = terms.of(500, 10_000)

    async def timed() -> list[float]:
        took: list[float] = []
        for place in range(number):
            began = time.perf_counter()
            await score(config, {"output": f"a refund {place}" * 20}, None)
            took.append(time.perf_counter() - began)
        return took

    began = time.perf_counter()
    took = sorted(anyio.run(timed))
    whole = time.perf_counter() - began
    middle, high = statistics.median(took) * 1000, took[int(number * 0.99)] * 1000
    faults = (
        [] if middle < 1 and high < 5 and whole < 30 else [f"p50 {middle:.2f} ms, p99 {high:.2f} ms, {whole:.1f} s"]
    )
    return {"S16": Outcome({"rows": number, "p50, ms": middle, "p99, ms": high, "all, s": whole}, faults)}


def paths(terms: Terms) -> Mapping[str, Outcome]:
    """Paths that lead out of the folder, and a folder that is swapped for a link while files are opened."""
    inside, outside = terms.folder / "inside", terms.folder / "outside"
    for folder in (inside / "out", inside / "real", outside, terms.folder / "inside-evil"):
        folder.mkdir(parents=True)
    for file in (
        outside / "a.csv",
        outside / "secret.csv",
        terms.folder / "inside-evil" / "a.csv",
        terms.folder / "secret.csv",
    ):
        file.write_text("secret", encoding="utf-8")
    for file in (inside / "a.csv", inside / "real" / "a.csv", inside / "out" / "a.csv"):
        file.write_text("plain", encoding="utf-8")
    (inside / "link").symlink_to(outside)
    (inside / "link.csv").symlink_to(outside / "a.csv")
    (inside / "hard").mkdir()
    vectors = _vectors(inside, outside)
    escapes = [vector for vector in vectors if _read(vector, inside) == b"secret"]
    opens, raced = _race(inside, terms.of(1, 10))
    faults = [f"{vector!r} was read" for vector in escapes] + ([f"{raced} opens of the race led out"] if raced else [])
    return {
        "S17": Outcome(
            {"vectors": len(vectors), "escapes": len(escapes), "raced opens": opens, "led out": raced}, few(faults)
        )
    }


def _vectors(inside: Path, outside: Path) -> list[str]:
    targets = ("secret.csv", "outside/a.csv", "inside-evil/a.csv")
    ups = (
        "../",
        "..//",
        "./../",
        "out/../../",
        "link/../../",
        "out/./../../",
        "../inside/../",
        "//../",
        "out//..//../",
    )
    made = [up + target for up in ups for target in targets]
    made += [str(outside / "a.csv"), f"{inside}/../secret.csv", f"{inside}-evil/a.csv", f"{inside}/link/a.csv"]
    made += [f"{lead}link/a.csv" for lead in ("", "./", "out/../", ".//", f"{inside}/")]
    made += [f"{lead}link.csv" for lead in ("", "./", "out/../", ".//", f"{inside}/")]
    made += [
        f"file://{outside}/a.csv",
        f"~/{outside}/a.csv",
        f"\\\\?\\{outside}\\a.csv",
        "..\\secret.csv",
        "%2e%2e/secret.csv",
    ]
    spelt = [
        change(path)
        for path in made
        for change in (
            str,
            lambda path: f" {path}",
            lambda path: f"{path}\0",
            lambda path: path.replace("..", ".\u200b."),
            str.upper,
        )
    ]
    return [*dict.fromkeys(spelt)]


def _read(path: str, inside: Path) -> bytes:
    try:
        with open_inside(path, Folders((inside,))) as file:
            return file.read()
    except AssayError:
        return b""


def _race(inside: Path, seconds: float) -> tuple[int, int]:
    """Open a file below a folder that a second thread swaps for a link; the opens, and how many led out."""
    opens = out = 0
    ends = time.monotonic() + seconds
    with swapped(inside):
        while time.monotonic() < ends:
            opens += 1
            try:
                with open_below(inside, ("door", "a.csv")) as file:
                    out += file.read() == b"secret"
            except (AssayError, OSError):
                continue
    return opens, out


PIECES = (
    "name = 'x'", "latency_ms > 0", "span_kind = 'LLM'", "attributes.a = 1", "eval.tone.label = 'good'",
    "status_code = 'OK'",
)  # fmt: skip
TRICKS = (
    "' OR '1'='1", "') OR 1=1 --", "'; DROP TABLE spans; --", "' UNION SELECT * FROM evals --", "1=1", "TRUE",
    "name = name",
    "name IN (SELECT name FROM spans)", "project_id = 'x'", "project_id IS NOT NULL", "name LIKE '%'",
    "name LIKE '%%%%%%%%x'",
    "NOT (name = 'no')", "attributes.`a') OR 1=1 --` = 1", 'attributes."x" = 1', "eval.`x' OR 1=1`.label = 'y'",
    "/* */ 1=1",
    "load_extension('x')", "randomblob(1000000000) = 1", "name = 'a' || 'b'", 'name = "x" OR 1', "\x00",
    "name = '\x00'",
    "name = 'x' -- y", "(((((name = 'x')))))", "1 OR 1", "EXISTS (SELECT 1)", "CASE WHEN 1 THEN 1 END",
    "name REGEXP '(a+)+$'",
    "name MATCHES '(a+)+$'", "name = ''''", "name = '''; --'", "latency_ms BETWEEN 0 AND 1e999", "latency_ms > 0x10",
    "sqlite_version() = '3'", "spans.project_id = 1", "main.spans.name = 'x'", "rowid > 0", "oid = 1",
)  # fmt: skip


def filters(terms: Terms) -> Mapping[str, Outcome]:
    """Filters that would show the spans of another project."""
    return {"S21": anyio.run(_filtered, terms)}


async def _filtered(terms: Terms) -> Outcome:
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the filters repeatable)
    texts = [
        *TRICKS,
        *(f"{chance.choice(PIECES)} {join} {trick}" for trick in TRICKS for join in ("AND", "OR", "AND NOT")),
    ]
    texts += [f"({chance.choice(PIECES)} OR {trick})" for trick in TRICKS for _ in range(4)]
    texts = texts[: terms.of(60, 300)]
    faults: list[str] = []
    slowest, taken = 0.0, 0
    async with opened(terms.folder / "home") as rest:
        own = await rest.door.send(*(span(number) for number in range(5)), project="own")
        await rest.door.send(*(span(number) for number in range(5, 10)), project="other")
        before = await _rows(rest)
        for text in texts:
            began = time.monotonic()
            answer = await rest.door.http.post(
                "/v2/spans", json={"project_id": own, "filter": text}, params={"limit": 100}
            )
            slowest = max(slowest, time.monotonic() - began)
            taken += answer.status_code == 200
            if answer.status_code >= 500:
                faults.append(f"{answer.status_code} for {text!r}")
            found = {one["context"]["span_id"] for one in answer.json().get("spans", [])}
            if {number for number in found if int(number, 16) > 5}:
                faults.append(f"{text!r} showed another project's spans")
        if await _rows(rest) != before:
            faults.append("a filter changed the store")
    if slowest > 2:
        faults.append(f"the slowest filter took {slowest:.1f} s")
    return Outcome({"filters": len(texts), "taken": taken, "slowest, s": slowest}, few(faults))


async def _rows(rest: Rest) -> int:
    return await rest.door.engine.database.read(
        lambda connection: connection.exec_driver_sql("SELECT count(*) FROM spans").scalar_one()
    )


ATTACKS = (
    "{x.__class__}", "{x.__class__.__init__.__globals__}", "{0}", "{0:>999999999}", "{x!r}", "{x:>999999999}",
    "{{x.__class__}}",
    "{% for i in range(10**9) %}{% endfor %}", "{{ ''.__class__.__mro__ }}", "{{ 7*7 }}", "{{#x}}{{/x}}",
    "{{>file}}", "{{{x}}}",
    "{{&x}}", "${x}", "$x", "<%= x %>", "#{x}", "{x[0]}", "{x[__class__]}",
    "{" * 5_000, "}" * 5_000, "{x" * 5_000, "{{x}}" * 5_000,
    "{x.a.b.c.d.e}", "{ x }", "{x\n}", "{\u202ex}", "{x}{x}{x}", "{{x", "%(x)s", "%s",
    "{x}" + "{y" * 2_000, "{__import__}",
    "{self}", "{config}", "{request}", "{{config}}", "{{self.__init__.__globals__}}", "{x.__dict__}",
    "{x.__reduce__}", "{x:{x}}",
    "{x:%Y}", "{x!s:>10}", "{x.format}", "{x.join}", "{lambda: 1}", "{1+1}", "{'a'*10}", "{x}\x00",
)  # fmt: skip


def template_texts(_: Terms) -> Mapping[str, Outcome]:
    """Templates that would run code, read an object or grow."""
    faults: list[str] = []
    slowest = 0.0
    value = "VALUE {x} {{x}} {0} " + HIT
    for attack in ATTACKS:
        text = f"Is {{x}} good? {attack}"
        values = dict.fromkeys(templates.placeholders(text), value)
        began = time.perf_counter()
        try:
            shown = templates.render(text, values, "0" * 32)
        except AssayError:
            shown = ""
        except Exception as error:  # noqa: BLE001  (any other error is the finding)
            faults.append(f"{attack[:40]!r} ended in {type(error).__name__}")
            continue
        took = time.perf_counter() - began
        slowest = max(slowest, took)
        # A fence and a name stand around each value.
        most = len(text) + (text.count("{") + 1) * (len(value) + 400) + 2_000
        if took > 0.1 or len(shown) > most:
            faults.append(f"{attack[:40]!r}: {took * 1000:.0f} ms, {len(shown)} characters")
        if any(word in shown for word in ("<class", "__main__", "built-in", "<function", str(Path.cwd()))):
            faults.append(f"{attack[:40]!r} showed an object")
    return {"S22": Outcome({"templates": len(ATTACKS), "slowest, ms": slowest * 1000}, few(faults))}
