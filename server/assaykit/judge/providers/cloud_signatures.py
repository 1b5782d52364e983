"""Signatures of calls to clouds, with the credentials that the cloud's own tools would find on this machine.

The packages of the extra `providers` find and refresh the credentials: variables, profiles with roles, and the identity
of the machine. Each signature is made for one call, in a thread, because a refresh may ask the network.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from assaykit.errors import AssayError, Unauthorized, Unsupported
from assaykit.foreign import as_word
from assaykit.judge.providers.calls import Signer
from assaykit.judge.providers.cloud_places import REGION_OF_A_HOST, AwsPlace, of_bedrock
from assaykit.judge.providers.models import Endpoint

_SERVICE = "bedrock"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SESSION_NAME = "assaykit"
_STS_TIMEOUT_S = 10
_PACKAGES = {"AWS_BEDROCK": "botocore", "VERTEX_AI": "google.auth"}


def require(provider: str) -> None:
    """Check that the package for the credentials of a provider is installed.

    Raises:
        Unsupported: it is not.
    """
    package = _PACKAGES[provider]
    try:
        is_there = importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise Unsupported(f"{provider} needs {package}, which is not installed.", "pip install 'assaykit[providers]'")


def located(endpoint: Endpoint) -> Endpoint:
    """The endpoint with an address: Bedrock without one is called in the region of the AWS configuration.

    It reads files of the user.

    Raises:
        Unauthorized: the AWS configuration cannot be read.
        Unsupported: no region is known, or the package is not installed.
    """
    if endpoint.provider != "AWS_BEDROCK" or endpoint.base_url is not None:
        return endpoint
    require(endpoint.provider)
    try:
        region = aws_session().get_config_variable("region")
    except importlib.import_module("botocore.exceptions").BotoCoreError as error:
        raise _refusal("AWS", error) from None
    return replace(endpoint, base_url=of_bedrock(_known(region)))


def aws(endpoint: Endpoint) -> Signer:
    """The signer of calls to Bedrock, with the role of the endpoint, else the machine's own credentials.

    The region is that of the endpoint, else that of the address, else that of the AWS configuration. The signer raises:
        Unauthorized: there are no credentials, they cannot be used, or the role cannot be assumed.
        Unsupported: no region is known.
    """
    return partial(_signed, endpoint.aws_place)


def _signed(place: AwsPlace, url: str, body: bytes) -> Mapping[str, str]:
    auth, awsrequest = importlib.import_module("botocore.auth"), importlib.import_module("botocore.awsrequest")
    faults = importlib.import_module("botocore.exceptions")
    try:
        found = REGION_OF_A_HOST.search(urlsplit(url).hostname or "")
        named = found[1] if found else aws_session().get_config_variable("region")
        region = _known(place.region or named)
        credentials = _credentials(replace(place, region=region))
        frozen = None if credentials is None else credentials.get_frozen_credentials()
    except faults.ClientError as error:
        raise _denied(place, error.response.get("Error", {}).get("Code")) from None
    except faults.BotoCoreError as error:
        raise _refusal("AWS", error) from None
    if frozen is None:
        raise Unauthorized("There are no AWS credentials.", "Set AWS_PROFILE, or log in with the AWS tools.")
    call = awsrequest.AWSRequest("POST", url, {"content-type": "application/json"}, body)
    auth.SigV4Auth(frozen, _SERVICE, region).add_auth(call)
    return {name.lower(): value for name, value in call.headers.items()}


def _known(region: str | None) -> str:
    if not region:
        raise Unsupported(
            "No AWS region is known.", "Set AWS_REGION, or give the integration a region or the base_url of one."
        )
    return region


def _credentials(place: AwsPlace) -> Any:
    """The credentials of the role of a place, else those of the machine; None if the machine has none."""
    own = aws_session().get_credentials()
    return own if own is None or place.role_arn is None else assumed(place)


@cache
def assumed(place: AwsPlace) -> Any:
    """The credentials of a role of AWS, which the machine's own credentials assume. They are fetched when first used.

    The session is not that of the process, because a session makes its clients in one thread at a time.
    """
    session = importlib.import_module("botocore.session").Session()
    limits = importlib.import_module("botocore.config").Config(
        connect_timeout=_STS_TIMEOUT_S, read_timeout=_STS_TIMEOUT_S, retries={"total_max_attempts": 2}
    )
    more = {} if place.external_id is None else {"ExternalId": place.external_id}
    module = importlib.import_module("botocore.credentials")
    fetcher = module.AssumeRoleCredentialFetcher(
        partial(session.create_client, region_name=place.region, config=limits),
        session.get_credentials(),
        place.role_arn,
        {"RoleSessionName": _SESSION_NAME, **more},
    )
    return module.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def google(endpoint: Endpoint) -> Signer:
    """The signer of calls to Vertex AI. It raises Unauthorized if there are no credentials, or they cannot be used."""
    del endpoint  # Google's tokens do not depend on the project.
    return _with_token


def _with_token(url: str, body: bytes) -> Mapping[str, str]:
    del url, body  # Google's tokens do not depend on the call.
    try:
        credentials = google_credentials()
        if not credentials.valid:
            credentials.refresh(importlib.import_module("google.auth.transport.requests").Request())
    except importlib.import_module("google.auth.exceptions").GoogleAuthError as error:
        raise _refusal("Google", error) from None
    return {"authorization": f"Bearer {credentials.token}"}


@cache
def aws_session() -> Any:
    """The session of AWS of this process, which keeps and refreshes its credentials."""
    return importlib.import_module("botocore.session").Session()


@cache
def google_credentials() -> Any:
    """The Google credentials of this process."""
    return importlib.import_module("google.auth").default(scopes=[_SCOPE])[0]


def _denied(place: AwsPlace, code: object) -> AssayError:
    """The refusal for a role that AWS does not let the machine assume."""
    told = as_word(code) if isinstance(code, str) else "no code"
    if place.role_arn is None:
        return Unauthorized(f"AWS gives this machine no credentials: {told}.", "Log in again with the AWS tools.")
    return Unauthorized(
        f"AWS does not let this machine assume {place.role_arn}: {told}.",
        "Check role_arn, external_id and the trust policy of the role.",
    )


def _refusal(cloud: str, error: Exception) -> AssayError:
    """The refusal for a fault of a cloud's package. Only the error's name is told, because its text may be secret."""
    return Unauthorized(
        f"The {cloud} credentials of this machine cannot be used: {type(error).__name__}.",
        f"Log in again with the {cloud} tools.",
    )
