"""One engine process, one scripted provider and one HOME for a worker's clients."""

from collections.abc import Generator
from pathlib import Path

import pytest
from tests.conformance.clients import Place, prepare, variables_of
from tests.conformance.sdk import engine_for_sdk
from tests.forks import Forks
from tests.scripted_model import ScriptedModel

CLIENTS = ("pandas", "arize", "arize.experiments", "ax.cli", "openai", "phoenix.evals", "phoenix.evals.llm")
"""The packages that take seconds to import. An environment has some of them."""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HOME of the clients, with a profile for `ax`."""
    home = tmp_path_factory.mktemp("clients") / "home"
    prepare(home)
    return home


@pytest.fixture(scope="session")
def forks(home: Path) -> Generator[Forks]:
    """Interpreters that have imported the clients."""
    with Forks(*CLIENTS, variables=variables_of(home)) as forks:
        yield forks


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, home: Path, forks: Forks) -> Generator[Place]:
    """The engine, a judge that finds every answer good after as long as a model takes, and one that takes ages."""
    folder = tmp_path_factory.mktemp("conformance")
    with (
        ScriptedModel(lambda _prompt: "good", latency_s=0.2) as model,
        ScriptedModel(lambda _prompt: "good", latency_s=60) as slow,
        engine_for_sdk(folder / "store", folder / "engine.log", MODEL_KEY="sk-scripted-0123456789") as doors,
    ):
        yield Place(doors, folder / "store", home, model.url, slow.url, forks)
