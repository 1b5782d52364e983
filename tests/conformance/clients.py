"""Other people's clients of the engine: each in a process and an environment of its own, told where the engine is.

The processes are forks of an interpreter that has imported the clients, because an import takes seconds.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.conformance.sdk import arize_python
from tests.e2e.processes import KEY, environment
from tests.forks import Forks, Program
from tests.traces import Span, id_of, span

HERE = Path(__file__).parent

Note = Callable[[str, object], None]
"""pytest's `record_property`: what is noted reaches the session's last lines from any worker."""


@dataclass(frozen=True, slots=True)
class Place:
    """A running engine, and a HOME for its clients with a profile for `ax`.

    `doors` are the SDK's variables that lead to the engine, `store` is its folder, `model` is the address of a provider
    for judges, `slow` of one whose answers take a minute. `forks` run the clients.
    """

    doors: Mapping[str, str]
    store: Path
    home: Path
    model: str
    slow: str
    forks: Forks

    @property
    def address(self) -> str:
        """Where the engine's REST API is."""
        return f"http://{self.doors['ARIZE_API_HOST']}:{self.doors['ARIZE_API_PORT']}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment a client is started with."""
        openai = {"OPENAI_API_KEY": "sk-scripted-0123456789", "OPENAI_BASE_URL": self.model}
        return {**variables_of(self.home), **self.doors, **openai}

    def client(self) -> httpx.Client:
        """A plain client, for what a test needs before another one starts."""
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)

    def send(self, project: str) -> list[str]:
        """Store four spans of a project; their ids, newest first."""
        names = [f"{project} {number}" for number in range(4)]
        resource = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": project}}]}
        spans = [_span(name, 10 * (number + 1)) for number, name in enumerate(names)]
        with self.client() as client:
            body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
            client.post("/v1/traces", json=body).raise_for_status()
        return [id_of(name) for name in names]


def variables_of(home: Path) -> dict[str, str]:
    """The environment of every client with this HOME, wherever its engine is."""
    return environment(
        home,
        HOME=str(home),
        ARIZE_DIRECTORY=str(home / "cache"),
        # The clients leave sockets and files to the garbage collector, and say much on a wide terminal only.
        PYTHONWARNINGS="ignore",
        COLUMNS="400",
        NO_COLOR="1",
    )


def prepare(home: Path) -> None:
    """Give `ax` the profile without which it does nothing. It must not look for a newer version of itself."""
    profiles = home / ".arize" / "profiles"
    profiles.mkdir(parents=True)
    (profiles.parent / ".active_profile").write_text("default", encoding="utf-8")
    (profiles / "default.toml").write_text(
        """
        [profile]
        name = "default"
        [auth]
        api_key = "${ARIZE_API_KEY}"
        auth_method = "api-key"
        [routing]
        api_host = "${ARIZE_API_HOST}"
        api_scheme = "http"
        [update]
        enabled = false
        """,
        encoding="utf-8",
    )


def play(place: Place, script: Path, note: Note, interpreter: Path | None = None, **given: Any) -> list[str]:
    """Run a script that ends with what it counted; the calls that it made, by name. None of them may have failed."""
    given = {"project": script.stem, "spans": place.send(script.stem), "model": place.model, **given}
    ran = place.forks.run(
        interpreter or arize_python(),
        Program.of(script, HERE / "resources"),
        [json.dumps(given)],
        variables=place.variables,
        folder=place.home,
    )
    return counted(ran, note)


def counted(ran: subprocess.CompletedProcess[str], note: Note) -> list[str]:
    """The calls that a script made, by name, which its last line has. None of them may have failed."""
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    count(note, said["made"], said["passed"])
    assert said["failures"] == [], "\n".join([*said["failures"], ran.stderr])
    assert 0 < said["made"] == said["passed"]
    return said["names"]


def count(note: Note, made: int, passed: int) -> None:
    """Note calls for the total that the session ends with."""
    note("conformance", [made, passed])


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command of `ax` ended."""

    code: int
    out: str
    errors: str

    @property
    def data(self) -> Any:
        """The object that `-o json` printed. A question that was asked stands before it."""
        return json.loads(self.out[self.out.index("{") :])


_AX = "import sys; from ax.cli import app; sys.exit(app())"
"""The command that an installer writes for the entry point."""


def ax(place: Place, words: Sequence[str], answers: str = "", interpreter: Path | None = None) -> Answer:
    """Run `ax` as a user does; `answers` is what is typed when it asks. `interpreter` has another release."""
    python = interpreter or arize_python()
    program = Program(_AX, str(python.with_name("ax")))
    ran = place.forks.run(python, program, words, variables=place.variables, folder=place.home, typed=answers)
    return Answer(ran.returncode, ran.stdout, ran.stderr)


def _span(name: str, minutes_ago: float) -> Span:
    more: Mapping[str, Any] = {"session__id": "session-1", "llm__model_name": "m-a"}
    return span(name, f"Answer of {name}.", asked=f"Question of {name}?", minutes_ago=minutes_ago, **more)
