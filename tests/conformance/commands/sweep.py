"""Every command of `ax` 0.39 over the resources that the engine serves, run in one process.

A command costs seconds of start-up and milliseconds of work, so the sweep starts once and calls the CLI's own app.
"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ax.cli import app
from ledger import Given, Ledger, play
from typer.testing import CliRunner

SPACE = "--space default"
NOT_FOUND = "exit 4"


class Exit(Exception):
    """A command that ended with a code other than 0."""


def ax(line: str, answers: str = "") -> Callable[[], Any]:
    """The command as a call: what `-o json` printed, or its text. `answers` is what is typed when it asks."""
    words = shlex.split(line)

    def run() -> Any:
        ended = CliRunner().invoke(app, words, input=answers)
        if ended.exit_code != 0:
            raise Exit(f"exit {ended.exit_code}: {ended.stderr or ended.stdout}")
        return json.loads(ended.stdout) if line.endswith("-o json") else ended.stdout

    run.__qualname__ = f"ax {' '.join(words[:2])}"
    return run


def write(name: str, content: Any) -> str:
    """A JSON file in the working folder; its name."""
    Path(name).write_text(json.dumps(content), encoding="utf-8")
    return name


def quoted(content: Any) -> str:
    """JSON as one word of a command."""
    return shlex.quote(json.dumps(content))


def rows(printed: str) -> list[dict[str, Any]]:
    """What `export --stdout` printed, each with its own columns beside the rest."""
    return [{**one, **one.get("additional_properties", {})} for one in json.loads(printed)]


def spaces(calls: Ledger, _given: Given) -> None:
    listed = calls.call(ax("spaces list -o json"))
    calls.check("one space", [one["name"] for one in listed["spaces"]] == ["default"])
    calls.check("get has the same", calls.call(ax("spaces get default -o json"))["id"] == listed["spaces"][0]["id"])
    calls.refused(Exit, NOT_FOUND, ax("spaces get nowhere -o json"))


def projects(calls: Ledger, _given: Given) -> None:
    made = calls.call(ax(f"projects create --name shop {SPACE} -o json"))
    calls.check("id leads to it", calls.call(ax(f"projects get {made['id']} -o json")) == made)
    listed = calls.call(ax(f"projects list --name SHO {SPACE} -o json"))
    calls.check("a part of the name finds it", [one["id"] for one in listed["projects"]] == [made["id"]])
    renamed = calls.call(ax(f"projects update shop --name market {SPACE} -o json"))
    calls.check("it is renamed", renamed["name"] == "market")
    calls.call(ax(f"projects delete market {SPACE}", answers="y\n"))
    calls.refused(Exit, NOT_FOUND, ax(f"projects get market {SPACE} -o json"))
    calls.refused(Exit, NOT_FOUND, ax(f"projects get {made['id']} -o json"))


def spans(calls: Ledger, given: Given) -> None:
    project, ids = given["project"], given["spans"]
    printed = calls.call(ax(f"spans export {project} {SPACE} --stdout"))
    calls.check("all are printed", [one["context"]["span_id"] for one in json.loads(printed)] == ids)
    one = calls.call(ax(f"spans export {project} {SPACE} --span-id {ids[1]} --stdout"))
    calls.check("one by its id", [one["context"]["span_id"] for one in json.loads(one)] == [ids[1]])
    session = calls.call(
        ax(f"spans export {project} {SPACE} --session-id session-1 --filter \"span_kind = 'LLM'\" --stdout")
    )
    calls.check("all by their session", len(json.loads(session)) == len(ids))
    calls.call(ax(f"spans export {project} {SPACE} --limit 2 --output-dir exported"))
    calls.check("the file is there", list(Path("exported").rglob("*.json")))
    calls.call(ax(f"annotation-configs create freeform --name remark-on-span {SPACE} -o json"))
    note = [{"record_id": ids[0], "values": [{"name": "remark-on-span", "text": "Fine."}]}]
    calls.call(ax(f"spans annotate {project} {SPACE} --file {write('notes.json', note)}"))
    calls.call(ax(f"spans delete {project} {SPACE} --span-id {ids[3]} --force"))
    left = calls.call(ax(f"spans export {project} {SPACE} --stdout"))
    calls.check("three are left", len(json.loads(left)) == len(ids) - 1)


def traces(calls: Ledger, given: Given) -> None:
    listed = calls.call(ax(f"traces list {given['project']} {SPACE} --limit 2 -o json"))
    calls.check("two traces and a cursor", listed["pagination"]["has_more"] and len(listed["traces"]) == 2)
    cursor = listed["pagination"]["next_cursor"]
    rest = calls.call(ax(f"traces list {given['project']} {SPACE} --limit 2 --cursor {cursor} -o json"))
    calls.check(
        "the cursor leads on", rest["traces"][0]["trace_id"] not in {one["trace_id"] for one in listed["traces"]}
    )
    printed = calls.call(ax(f"traces export {given['project']} {SPACE} --stdout"))
    calls.check("their spans are printed", len(json.loads(printed)) >= 3)


def datasets(calls: Ledger, _given: Given) -> None:
    sent = quoted([{"q": "one", "tier": 1}, {"q": "two", "tier": 2}])
    made = calls.call(ax(f"datasets create --name quiz {SPACE} --json {sent} -o json"))
    Path("quiz.csv").write_text("q,tier\nthree,3\nfour,4\n", encoding="utf-8")
    calls.call(ax(f"datasets create --name from-csv {SPACE} --file quiz.csv -o json"))
    got = calls.call(ax(f"datasets get quiz {SPACE} -o json"))
    version = got["versions"][0]["id"]
    calls.check("it is the one", got["id"] == made["id"])
    listed = calls.call(ax(f"datasets list --name qui {SPACE} -o json"))
    calls.check("a part of the name finds it", [one["id"] for one in listed["datasets"]] == [made["id"]])
    calls.call(ax(f"datasets append quiz {SPACE} --json {quoted([{'q': 'three', 'tier': 3}])} -o json"))
    calls.call(ax(f"datasets append {made['id']} --file quiz.csv --version-id {version} -o json"))
    examples = rows(calls.call(ax(f"datasets export quiz {SPACE} --stdout")))
    calls.check("five rows", [one["q"] for one in examples] == ["one", "two", "three", "three", "four"])
    some = rows(calls.call(ax(f"datasets export {made['id']} --filter 'tier = 3' --limit 1 --stdout")))
    calls.check("a filter and a limit", [one["q"] for one in some] == ["three"])
    changed = quoted([{"id": examples[1]["id"], "tier": 7}])
    calls.call(ax(f"datasets update-examples quiz {SPACE} --json {changed} -o json"))
    gone = quoted([examples[0]["id"]])
    calls.call(ax(f"datasets delete-examples quiz {SPACE} --version-id {version} --example-ids {gone} --force"))
    calls.call(ax(f"annotation-configs create freeform --name remark-on-example {SPACE} -o json"))
    note = [{"record_id": examples[1]["id"], "values": [{"name": "remark-on-example", "text": "Hard."}]}]
    calls.call(ax(f"datasets annotate-examples quiz {SPACE} --file {write('hard.json', note)}"))
    left = rows(calls.call(ax(f"datasets export quiz {SPACE} --stdout")))
    calls.check("one went, one has a note", len(left) == 4 and left[0]["annotations"][0]["text"] == "Hard.")
    calls.check("and another tier", left[0]["tier"] == 7)
    renamed = calls.call(ax(f"datasets update quiz --name test {SPACE} -o json"))
    calls.check("it is renamed", renamed["name"] == "test")
    calls.call(ax(f"datasets delete test {SPACE} --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"datasets get {made['id']} -o json"))


def experiments(calls: Ledger, _given: Given) -> None:
    sent = quoted([{"q": "one"}, {"q": "two"}])
    dataset = calls.call(ax(f"datasets create --name of-experiments {SPACE} --json {sent} -o json"))["id"]
    examples = rows(calls.call(ax(f"datasets export {dataset} --stdout")))
    runs = [{"example_id": one["id"], "output": f"answer to {one['q']}", "eval.taste.score": 1} for one in examples]
    made = calls.call(
        ax(f"experiments create --name base --dataset of-experiments {SPACE} --file {write('runs.json', runs)} -o json")
    )
    calls.check("id leads to it", calls.call(ax(f"experiments get {made['id']} -o json"))["name"] == "base")
    got = calls.call(ax(f"experiments get base --dataset of-experiments {SPACE} -o json"))
    calls.check("name leads to it", got["id"] == made["id"])
    listed = calls.call(ax(f"experiments list --dataset {dataset} -o json"))
    calls.check("it is listed", [one["id"] for one in listed["experiments"]] == [made["id"]])
    printed = rows(calls.call(ax(f"experiments export base --dataset {dataset} --stdout")))
    calls.check("its runs are printed", {one["output"] for one in printed} == {"answer to one", "answer to two"})
    found = calls.call(ax(f"experiments list-runs {made['id']} --filter \"output CONTAINS 'two'\" -o json"))
    calls.check("a filter finds one", [one["output"] for one in found["experiment_runs"]] == ["answer to two"])
    calls.call(ax(f"annotation-configs create freeform --name remark-on-run {SPACE} -o json"))
    note = [{"record_id": printed[0]["id"], "values": [{"name": "remark-on-run", "text": "Late."}]}]
    calls.call(ax(f"experiments annotate-runs {made['id']} --file {write('late.json', note)}"))
    calls.call(ax(f"experiments delete base --dataset {dataset} --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"experiments get {made['id']} -o json"))


def judges(calls: Ledger, given: Given) -> None:
    integration = calls.call(
        ax(
            "ai-integrations create --name provider --provider OPEN_AI --api-key env:MODEL_KEY "
            f"--base-url {given['model']} --model-name m-1 -o json"
        )
    )["id"]
    calls.check("it has its key", calls.call(ax(f"ai-integrations get provider {SPACE} -o json"))["has_api_key"])
    listed = calls.call(ax(f"ai-integrations list --name PROVIDE {SPACE} -o json"))
    calls.check("it is listed", integration in {one["id"] for one in listed["ai_integrations"]})
    changed = calls.call(ax(f"ai-integrations update {integration} --name vendor --model-name m-2 -o json"))
    calls.check("it is changed", (changed["name"], changed["model_names"]) == ("vendor", ["m-2"]))
    config = (
        f"--template-name taste --template 'Is it good or bad? {{answer}}' --ai-integration-id {integration} "
        f"--model-name m-2 --classification-choices {quoted({'good': 1, 'bad': 0})} --include-explanations"
    )
    made = calls.call(
        ax(f"evaluators create-evaluator template --name taste {SPACE} --commit-message First {config} -o json")
    )
    second = calls.call(
        ax(f"evaluators create-evaluator-version template taste {SPACE} --commit-message Second {config} -o json")
    )
    calls.check("it is a new version", second["id"] != made["version"]["id"])
    versions = calls.call(ax(f"evaluators list-versions taste {SPACE} -o json"))
    calls.check("both are listed", len(versions["evaluator_versions"]) == 2)
    first = calls.call(ax(f"evaluators get-version {made['version']['id']} -o json"))
    calls.check("the first is there", first["commit_message"] == "First")
    got = calls.call(ax(f"evaluators get taste {SPACE} --version-id {second['id']} -o json"))
    calls.check("the version asked for", got["version"]["id"] == second["id"])
    renamed = calls.call(ax(f"evaluators update taste {SPACE} --name flavour --description 'Is it good?' -o json"))
    calls.check("it is renamed", (renamed["name"], renamed["description"]) == ("flavour", "Is it good?"))
    calls.call(ax(f"evaluators delete flavour {SPACE} --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"evaluators get {made['id']} -o json"))
    calls.call(ax("ai-integrations delete vendor --space default --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"ai-integrations get {integration} -o json"))


def checks(calls: Ledger, given: Given) -> None:
    config = "--code-type MANAGED --code-name json --managed-evaluator JSON_PARSEABLE --variables " + quoted(["output"])
    made = calls.call(
        ax(f"evaluators create-evaluator code --name parseable {SPACE} --commit-message First {config} -o json")
    )["id"]
    listed = calls.call(ax(f"evaluators list --name pars {SPACE} -o json"))
    calls.check("it is listed", [one["id"] for one in listed["evaluators"]] == [made])
    calls.call(
        ax(f"evaluators create-evaluator-version code parseable {SPACE} --commit-message Second {config} -o json")
    )
    attached = quoted([{"evaluator_id": made, "column_mappings": {"output": "attributes.output.value"}}])
    task = calls.call(
        ax(
            f"tasks create-evaluation --name sweep {SPACE} --task-type CODE_EVALUATION --project {given['project']} "
            f"--evaluators {attached} --sampling-rate 1.0 --no-continuous -o json"
        )
    )["id"]
    changed = calls.call(ax(f"tasks update sweep {SPACE} --query-filter \"span_kind = 'LLM'\" -o json"))
    calls.check("it has a filter", changed["query_filter"] == "span_kind = 'LLM'")
    ended = calls.call(ax(f"tasks trigger-run {task} --max-spans 2 --wait --poll-interval 0.1 -o json"))
    calls.check("two were scored", (ended["status"], ended["num_successes"]) == ("COMPLETED", 2))
    calls.call(ax(f"tasks delete sweep {SPACE} --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"tasks get {task} -o json"))


def prompts(calls: Ledger, _given: Given) -> None:
    said = quoted([{"role": "USER", "content": "Say {word}."}])
    how = f"--provider OPEN_AI --input-variable-format F_STRING --messages {said} --model m-1"
    made = calls.call(ax(f"prompts create --name say {SPACE} {how} --description 'Says it.' -o json"))
    second = calls.call(ax(f"prompts create-version say {SPACE} {how} --commit-message Second -o json"))["id"]
    calls.check("get has the newest", calls.call(ax(f"prompts get say {SPACE} -o json"))["version"]["id"] == second)
    versions = calls.call(ax(f"prompts list-versions {made['id']} -o json"))
    calls.check("both are listed", len(versions["prompt_versions"]) == 2)
    calls.call(ax(f"prompts set-version-labels {second} --label production --label new -o json"))
    labelled = calls.call(ax(f"prompts get-version-by-label say {SPACE} --label production -o json"))
    calls.check("the label leads to it", labelled["id"] == second)
    calls.call(ax(f"prompts remove-version-label {second} --label production"))
    calls.refused(Exit, NOT_FOUND, ax(f"prompts get-version-by-label say {SPACE} --label production -o json"))
    changed = calls.call(ax(f"prompts update say {SPACE} --description 'Says a word.' -o json"))
    calls.check("it is described anew", changed["description"] == "Says a word.")
    listed = calls.call(ax(f"prompts list --name sa {SPACE} -o json"))
    calls.check("it is listed", [one["id"] for one in listed["prompts"]] == [made["id"]])
    calls.call(ax(f"prompts delete say {SPACE} --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"prompts get {made['id']} -o json"))


def annotation_configs(calls: Ledger, _given: Given) -> None:
    words = calls.call(
        ax(f"annotation-configs create categorical --name verdict-word {SPACE} --value good --value bad -o json")
    )
    calls.check("it has two values", [one["label"] for one in words["values"]] == ["good", "bad"])
    mark = calls.call(
        ax(f"annotation-configs create continuous --name mark {SPACE} --min-score 0 --max-score 10 -o json")
    )["id"]
    calls.call(ax(f"annotation-configs create freeform --name remark {SPACE} -o json"))
    wider = calls.call(ax(f"annotation-configs update continuous mark {SPACE} --max-score 20 -o json"))
    calls.check("its range is wider", wider["maximum_score"] == 20)
    calls.call(ax(f"annotation-configs update categorical {words['id']} --value yes --value no -o json"))
    calls.call(ax(f"annotation-configs update freeform remark {SPACE} --new-name comment -o json"))
    got = calls.call(ax(f"annotation-configs get comment {SPACE} -o json"))
    listed = calls.call(ax(f"annotation-configs list {SPACE} -o json"))
    calls.check("all are listed", {words["id"], mark, got["id"]} <= {one["id"] for one in listed["annotation_configs"]})
    calls.call(ax(f"annotation-configs delete comment {SPACE} --force"))
    calls.refused(Exit, NOT_FOUND, ax(f"annotation-configs get comment {SPACE} -o json"))


play(spaces, projects, spans, traces, datasets, experiments, judges, checks, prompts, annotation_configs)
