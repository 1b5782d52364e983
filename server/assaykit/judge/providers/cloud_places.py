"""The place of a cloud's models: a role and a region of AWS, or a project and a location of Google Cloud.

An integration has it as `provider_metadata`. The fields are those of Arize AX. `region` for Bedrock is not in AX.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from assaykit.errors import Invalid
from assaykit.foreign import exactly

REGION_OF_A_HOST = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
LABEL = "project_access_label"


@dataclass(frozen=True, slots=True)
class AwsPlace:
    """The role to assume and the region to call; None for those of the machine's AWS configuration."""

    role_arn: str | None = None
    external_id: str | None = None
    region: str | None = None


class _Field(NamedTuple):
    form: re.Pattern[str]
    example: str


_KINDS: Mapping[str, tuple[str, Mapping[str, _Field]]] = {
    "AWS_BEDROCK": (
        "AWS",
        {
            "role_arn": _Field(
                re.compile(r"arn:aws[a-z-]{0,20}:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII),
                "arn:aws:iam::123456789012:role/judges",
            ),
            "external_id": _Field(re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII), "team-7"),
            "region": _Field(re.compile(r"[a-z]{2}(?:-[a-z]{2,20}){1,3}-\d{1,2}"), "eu-central-1"),
        },
    ),
    "VERTEX_AI": (
        "GCP",
        {
            "project_id": _Field(re.compile(r"[a-z0-9](?:[a-z0-9.:-]{0,98}[a-z0-9])?"), "my-project-1"),
            "location": _Field(re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?"), "europe-west4"),
            LABEL: _Field(re.compile(r"[^\x00-\x1f\x7f]{1,255}"), "My project"),
        },
    ),
}
_FIELDS = {
    "AWS_BEDROCK": "role_arn, external_id and region",
    "VERTEX_AI": "project_id, location and project_access_label",
}


def kind_of(provider: str) -> str | None:
    """The `kind` of the metadata of a provider; None for a provider that has no metadata."""
    return _KINDS[provider][0] if provider in _KINDS else None


def checked(provider: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of an integration, without its nulls. A Vertex project without a label gets its id as the label.

    Raises:
        Invalid: the provider has no metadata, a field is unknown, missing or malformed, or `kind` is another cloud's.
    """
    if provider not in _KINDS:
        raise Invalid(
            f"provider_metadata is for AWS_BEDROCK and VERTEX_AI; {provider} has none.",
            "Leave provider_metadata out, or send null to remove it.",
        )
    kind, known = _KINDS[provider]
    given = {name: value for name, value in metadata.items() if value is not None}
    if str(given.pop("kind", "")).upper() != kind:
        raise Invalid(
            f"The provider_metadata of {provider} has the kind {kind}.",
            f'Send "kind": "{kind}" with {_FIELDS[provider]}, or null to remove it.',
        )
    if unknown := [name for name in given if name not in known]:
        raise Invalid(
            f"The provider_metadata of {provider} has no field {exactly(unknown[0])}.", f"It has {_FIELDS[provider]}."
        )
    for name, value in given.items():
        if not isinstance(value, str) or not known[name].form.fullmatch(value):
            raise Invalid(
                f"{name} of provider_metadata is malformed.",
                f"Send one such as {known[name].example!r}.",
            )
    _refuse_incomplete(provider, given)
    if provider == "VERTEX_AI":
        given.setdefault(LABEL, given["project_id"])
    return {"kind": kind, **{name: given[name] for name in known if name in given}}


def _refuse_incomplete(provider: str, given: Mapping[str, Any]) -> None:
    if provider == "VERTEX_AI":
        missing = [name for name in ("project_id", "location") if name not in given]
    else:
        missing = [] if "role_arn" in given or set(given) == {"region"} else ["role_arn"]
    if missing:
        raise Invalid(
            f"The provider_metadata of {provider} lacks {' and '.join(missing)}.", f"It has {_FIELDS[provider]}."
        )


def address(provider: str, base_url: str | None, metadata: Mapping[str, str] | None) -> str | None:
    """The address of the models: `base_url`, else the cloud's own for the place.

    None for Bedrock without a region, which only the machine's AWS configuration tells, and for a provider that has to
    be given an address. A Vertex address without a path gets the path of the project.

    Raises:
        Invalid: `base_url` names another region, project or location than the metadata.
    """
    if metadata is None or provider not in _KINDS:
        return base_url
    if provider == "VERTEX_AI":
        return _of_vertex(base_url, metadata["project_id"], metadata["location"])
    region = metadata.get("region")
    if base_url is None:
        return None if region is None else of_bedrock(region)
    named = REGION_OF_A_HOST.search(urlsplit(base_url).hostname or "")
    if region is not None and named is not None and named[1] != region:
        raise Invalid(
            f"base_url is in the region {named[1]}, and provider_metadata names {region}.", "Send one of the two."
        )
    return base_url


def of_bedrock(region: str) -> str:
    """The address of Bedrock in a region."""
    return f"https://bedrock-runtime.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def _of_vertex(base_url: str | None, project: str, location: str) -> str:
    path = f"/v1/projects/{project}/locations/{location}/endpoints/openapi"
    if base_url is None:
        host = "aiplatform" if location == "global" else f"{location}-aiplatform"
        return f"https://{host}.googleapis.com{path}"
    bare = base_url.rstrip("/")
    if not urlsplit(bare).path:
        return bare + path
    if not bare.endswith(path.removeprefix("/v1")):
        raise Invalid(
            "base_url has a path that does not name the project and the location of provider_metadata.",
            "Send base_url without a path, or leave one of the two out.",
        )
    return base_url


def aws_place(metadata: Mapping[str, str] | None) -> AwsPlace:
    """The role and the region in the metadata of an integration of Bedrock."""
    told = metadata or {}
    return AwsPlace(told.get("role_arn"), told.get("external_id"), told.get("region"))
