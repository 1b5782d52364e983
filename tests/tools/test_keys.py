"""The places of a key and the hosts that may get it. No refusal repeats a key."""

import secrets

import pytest

from assaykit.errors import Invalid
from assaykit.tools.models.keys import (
    checked_url,
    checked_variable,
    is_local,
    looks_like_key,
    origin,
    refuse_elsewhere,
    refuse_keys,
    shown_url,
)

KEYS = [
    "sk-proj-Ab3dE6gH9jK2",
    "sk-ant-api03-x1y2z3w4",
    "sk-or-v1-0123456789abcdef",
    "Bearer abc",
    "gsk_4rT6yU8iO0pA2sD4fG6h",
    "AIzaSyD-9tSrke72PouQMnMX",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJIUzI1NiJ9.e30.Zm9v",
    "my key is sk-proj-Ab3dE6gH9jK2 thanks",
]
NAMES = [
    "OPENAI_API_KEY",
    "MY_COMPANY_GATEWAY_API_KEY_FOR_STAGING_2",
    "gateway",
    "openai production key",
    "task-skill-risk",
    "MyCompanyGatewayProductionKey",
    "claude3sonnet20240229v1",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "internationalisation",
    "kubernetes-cluster-eu-west-1",
]


@pytest.mark.parametrize("text", KEYS)
def test_a_key_is_known_by_its_beginning(text: str) -> None:
    assert looks_like_key(text)


@pytest.mark.parametrize("text", NAMES)
def test_a_name_is_no_key(text: str) -> None:
    assert not looks_like_key(text)


def test_most_long_random_texts_are_known_as_keys() -> None:
    made = [secrets.token_hex(20) for _ in range(100)] + [secrets.token_urlsafe(40) for _ in range(100)]
    assert sum(looks_like_key(text) for text in made) > 150


@pytest.mark.parametrize("text", KEYS)
def test_a_key_in_place_of_a_name_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        refuse_keys(name=None, keyring_entry=text)
    assert caught.value.message == "keyring_entry looks like a key itself; it was not used."
    assert text not in str(caught.value)
    with pytest.raises(Invalid) as caught:
        checked_variable(text, {}, must_be_set=False)
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", ["hunter2", "correct horse", "QWERTYUIOPASDFGHJKLZ", "a-b", "", "Ünlü", "X" * 17])
def test_what_is_no_usual_name_of_a_variable_is_not_repeated_either(text: str) -> None:
    for must_be_set in (True, False):
        with pytest.raises(Invalid) as caught:
            checked_variable(text, {}, must_be_set=must_be_set)
        assert text == "" or text not in str(caught.value)


def test_a_variable_that_is_set_may_have_any_name() -> None:
    assert checked_variable("gateway.key", {"gateway.key": "x"}, must_be_set=True) == "gateway.key"
    assert checked_variable("GATEWAY_KEY", {}, must_be_set=False) == "GATEWAY_KEY"
    with pytest.raises(Invalid, match="The variable GATEWAY_KEY is not set where the server was started"):
        checked_variable("GATEWAY_KEY", {"GATEWAY_KEY": ""}, must_be_set=True)


@pytest.mark.parametrize("name", ["ARIZE_API_KEY", "arize_api_key", "ASSAYKIT_ENGINE_KEY"])
def test_the_servers_own_keys_go_to_no_model(name: str) -> None:
    with pytest.raises(Invalid, match="is this server's own and goes to no model"):
        checked_variable(name, {name: "x"}, must_be_set=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        " https://gateway.example:8443/openai/v1 ",
        "http://127.0.0.1:11434/v1",
        "http://localhost:8000",
        "http://[::1]:8000/v1",
        "https://gateway.example/v1/0123456789abcdef0123456789abcdef/openai",
    ],
)
def test_https_and_loopback_are_addresses_for_a_key(url: str) -> None:
    assert checked_url(url) == url.strip()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.openai.com/v1", "base_url has to be https, or http on loopback"),
        ("http://127.0.0.1.nip.io/v1", "http://127.0.0.1.nip.io is neither"),
        ("http://localhost.evil.example/v1", "is neither"),
        ("http://2130706433/v1", "is neither"),
        ("http://0.0.0.0:8000/v1", "is neither"),
        ("http://169.254.169.254/latest", "is neither"),
        ("ftp://127.0.0.1/v1", "is neither"),
        ("file:///etc/passwd", "not a plain address"),
        ("https://", "not a plain address"),
        ("gateway.example/v1", "not a plain address"),
        ("https://me:secret@gateway.example/v1", "not a plain address"),
        ("https://127.0.0.1@evil.example/v1", "not a plain address"),
        ("https://gateway.example/v1?key=secret", "not a plain address"),
        ("https://gateway.example/v1#secret", "not a plain address"),
        ("https://r.openai.azure.com?api-version=2024-10-21&key=secret", "not a plain address"),
        ("https://r.openai.azure.com?api-version=secret", "not a plain address"),
        ("https://r.openai.azure.com?api-version=2024-10-21#secret", "not a plain address"),
        ("https://gateway.example:99999/v1", "not a plain address"),
        ("https://[::1/v1", "not a plain address"),
        ("https://gateway.example/sk-proj-Ab3dE6gH9jK2", "something like a key"),
    ],
)
def test_no_other_address_is_taken(url: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_url(url)
    assert said in caught.value.message
    assert "secret" not in str(caught.value)
    assert "sk-proj" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("OPENAI_API_KEY", "https://api.openai.com/v1"),
        ("OPENAI_API_KEY", "https://API.OpenAI.com:443/other"),
        ("OPENAI_API_KEY", "https://proxy.example/openai"),
        ("ANTHROPIC_API_KEY", "https://api.anthropic.com"),
        ("GATEWAY_KEY", "https://evil.example/v1"),
    ],
)
def test_a_key_goes_to_its_own_provider_or_where_the_user_has_moved_it(variable: str, url: str) -> None:
    refuse_elsewhere(variable, url, {"OPENAI_BASE_URL": "https://proxy.example/v1"})


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("OPENAI_API_KEY", "https://evil.example/v1"),
        ("OPENAI_API_KEY", "https://api.openai.com.evil.example/v1"),
        ("OPENAI_API_KEY", "https://api.openai.com:8443/v1"),
        ("OPENAI_API_KEY", "https://api.openai.com./v1"),
        ("OPENAI_API_KEY", "http://127.0.0.1:8000/v1"),
        ("OPENAI_API_KEY", "https://api.anthropic.com/v1"),
        ("ANTHROPIC_API_KEY", "https://api.openai.com/v1"),
    ],
)
def test_a_providers_key_goes_nowhere_else(variable: str, url: str) -> None:
    with pytest.raises(Invalid) as caught:
        refuse_elsewhere(variable, url, {})
    assert f"would send it to {origin(url)}" in caught.value.message
    assert "provider='CUSTOM'" in caught.value.next
    assert "a variable of its own" in caught.value.next


@pytest.mark.parametrize("version", ["2024-10-21", "2025-01-01-preview", "preview"])
def test_an_address_may_name_the_version_of_azures_api(version: str) -> None:
    url = f"https://r.openai.azure.com?api-version={version}"
    assert (checked_url(url), shown_url(url)) == (url, url)


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert shown_url("https://me:secret@host.example:8443/v1?key=secret#x") == "https://host.example:8443/v1"
    assert shown_url("https://[::1]/v1") == "https://[::1]/v1"
    assert shown_url("https://[") == "(unreadable)"
    assert is_local("http://localhost/v1")
    assert not is_local("https://gateway.example")
    assert not is_local("https://[")
