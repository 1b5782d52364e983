"""Parameters that only one provider has, as headers of its requests."""

import re

from assaykit.errors import Invalid, Unsupported
from assaykit.wire.invocation import ProviderParams

_HEADER_VALUE = re.compile(r"[A-Za-z0-9._-]{1,100}")


def headers(provider: str, params: ProviderParams | None) -> dict[str, str]:
    """The headers that the parameters ask for; none for a provider other than Anthropic."""
    if params is None or provider != "ANTHROPIC":
        return {}
    named = params.anthropic_headers.anthropic_beta if params.anthropic_headers else None
    beta = ",".join(dict.fromkeys(one for one in named or () if one))
    version = params.anthropic_version
    return {**({"anthropic-version": version} if version else {}), **({"anthropic-beta": beta} if beta else {})}


def check(provider: str, params: ProviderParams) -> None:
    """Check that each parameter that is set has an effect.

    Raises:
        Unsupported: the provider has no such parameter, or the engine does not send it.
        Invalid: a value cannot be a header's.
    """
    given = {name for name, value in params.model_dump(exclude_none=True, exclude_defaults=True).items() if value}
    sent = {"anthropic_headers", "anthropic_version"} if provider == "ANTHROPIC" else set[str]()
    if dropped := sorted(given - sent):
        raise Unsupported(
            f"The embedded engine sends no {', '.join(dropped)} of provider_parameters to {provider}.",
            "Leave it out; an integration's base_url and headers name another address, deployment or region.",
        )
    for name, value in headers(provider, params).items():
        if not all(_HEADER_VALUE.fullmatch(part) for part in value.split(",")):
            raise Invalid(f"provider_parameters: a value for {name} has characters that a header cannot have.")
