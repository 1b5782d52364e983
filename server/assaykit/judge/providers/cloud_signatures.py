"""Signatures of calls to clouds, with the credentials that the cloud's own tools would find on this machine.

The packages of the extra `providers` find and refresh the credentials: variables, profiles with roles, and the identity
of the machine. Each signature is made for one call, in a thread, because a refresh may ask the network.
"""

import importlib
import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from assaykit.errors import AssayError, Unauthorized, Unsupported

_SERVICE = "bedrock"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_REGION = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
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


def aws(url: str, body: bytes) -> Mapping[str, str]:
    """The headers that sign a call to Bedrock. The region is that of the address, else that of the AWS configuration.

    Raises:
        Unauthorized: there are no credentials, or they cannot be used.
        Unsupported: no region is known.
    """
    session = aws_session()
    auth, awsrequest = importlib.import_module("botocore.auth"), importlib.import_module("botocore.awsrequest")
    try:
        credentials = session.get_credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
        found = _REGION.search(urlsplit(url).hostname or "")
        region = found[1] if found else session.get_config_variable("region")
    except importlib.import_module("botocore.exceptions").BotoCoreError as error:
        raise _refusal("AWS", error) from None
    if frozen is None:
        raise Unauthorized("There are no AWS credentials.", "Set AWS_PROFILE, or log in with the AWS tools.")
    if not region:
        raise Unsupported("No AWS region is known.", "Set AWS_REGION, or give the base_url of a region.")
    call = awsrequest.AWSRequest("POST", url, {"content-type": "application/json"}, body)
    auth.SigV4Auth(frozen, _SERVICE, region).add_auth(call)
    return {name.lower(): value for name, value in call.headers.items()}


def google(url: str, body: bytes) -> Mapping[str, str]:
    """The headers of a call to Vertex AI.

    Raises:
        Unauthorized: there are no credentials, or they cannot be used.
    """
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


def _refusal(cloud: str, error: Exception) -> AssayError:
    """The refusal for a fault of a cloud's package. Only the error's name is told, because its text may be secret."""
    return Unauthorized(
        f"The {cloud} credentials of this machine cannot be used: {type(error).__name__}.",
        f"Log in again with the {cloud} tools.",
    )
