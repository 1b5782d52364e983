"""The table of providers: one row for each word of the wire, and a module for each API."""

import subprocess
import sys
from importlib import import_module
from typing import get_args

from assaykit.judge.providers import registry
from assaykit.judge.providers.output_modes import ProviderApi
from assaykit.wire.integrations import ProviderName


def test_every_provider_of_the_wire_has_a_row() -> None:
    assert list(registry.PROVIDERS) == list(get_args(ProviderName))


def test_a_provider_is_called_by_a_module_or_says_what_to_do_instead() -> None:
    for provider in registry.PROVIDERS.values():
        if provider.api is None:
            assert provider.instead
        else:
            module = import_module(f"assaykit.judge.providers.{provider.api}")
            assert isinstance(module.API, ProviderApi), provider.name


def test_the_key_of_a_variable_has_an_address_to_go_to() -> None:
    for provider, usual in registry.ADOPTED:
        assert provider.own_url is not None
        assert provider.own_url.startswith("https://"), usual.name


def test_the_table_is_cheap_to_import() -> None:
    script = "import sys, assaykit.judge.providers.registry; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    assert {"pydantic", "aiohttp", "assaykit.judge.providers.openai"}.isdisjoint(loaded)
    assert "assaykit.judge.providers.registry" in loaded
