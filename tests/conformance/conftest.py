"""One engine process, one scripted provider and one HOME for a worker's clients."""

from collections.abc import Generator

import pytest
from tests.conformance.clients import Place, prepare
from tests.conformance.sdk import engine_for_sdk
from tests.scripted_model import ScriptedModel


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    """The engine, a judge that finds every answer good after as long as a model takes, and one that takes ages."""
    folder = tmp_path_factory.mktemp("conformance")
    prepare(folder / "home")
    with (
        ScriptedModel(lambda _prompt: "good", latency_s=0.2) as model,
        ScriptedModel(lambda _prompt: "good", latency_s=60) as slow,
        engine_for_sdk(folder / "store", folder / "engine.log", MODEL_KEY="sk-scripted-0123456789") as doors,
    ):
        yield Place(doors, folder / "store", folder / "home", model.url, slow.url)
