"""Azure OpenAI: chat completions at the address of a resource or of a deployment, with the key in a header of its own.

Base URLs: `https://NAME.openai.azure.com/openai/v1`; with `?api-version=...` also the resource itself, whose
deployment is the model, or `.../openai/deployments/NAME`. Source: Azure OpenAI REST API reference.
"""

from dataclasses import replace
from urllib.parse import quote, urlsplit

from assaykit.judge.providers import addresses, openai

_OPENAI = "/openai"


def _path(base: str, model: str) -> str:
    try:
        parts = urlsplit(base)
    except ValueError:
        return base
    path = parts.path.rstrip("/")
    if path in {"", _OPENAI}:
        deployment = f"deployments/{quote(model, safe='')}" if "api-version=" in parts.query else "v1"
        base = parts._replace(path=f"{_OPENAI}/{deployment}").geturl()
    return addresses.joined(base, openai.PATH)


def _headers(key: str | None) -> dict[str, str]:
    return {"api-key": key} if key else {}


API = replace(openai.API, path=_path, headers=_headers)
