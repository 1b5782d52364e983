"""Integrations of Bedrock and Vertex AI with a role, a region or a project, against stand-ins on loopback."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.engine.door import Body
from tests.engine.rest import Rest, opened
from tests.judge.test_models import endpoint
from tests.loopback import OnLoopback, Served
from tests.odd_provider import OddProvider, Reply, completion

from assaykit.errors import Unsupported
from assaykit.judge.providers import cloud_places, cloud_signatures
from assaykit.wire.evaluators import TemplateConfig

PATH = "/v2/ai-integrations"
ROLE, OTHER = "arn:aws:iam::123456789012:role/judges", "arn:aws:iam::210987654321:role/team/other"
AWS = {"kind": "AWS", "role_arn": ROLE, "external_id": "team-7"}
GCP = {"kind": "GCP", "project_id": "my-project-1", "location": "europe-west4", "project_access_label": "Judges"}
READY = {
    "output": {"message": {"role": "assistant", "content": [{"text": "ready"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 1},
}
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser>
<Arn>arn:aws:sts::123456789012:assumed-role/judges/assaykit</Arn><AssumedRoleId>A:assaykit</AssumedRoleId>
</AssumedRoleUser><Credentials><AccessKeyId>ASIA{n}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>token-{n}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
DENIED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"""


class TokenService(OnLoopback):
    """AWS's service of temporary credentials: those of call n are called ASIAn."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], str]] = []
        """The form and the signature's scope of each call."""
        self.denies = False
        self._served = Served(Starlette(routes=[Route("/", self._answer, methods=["POST"])]))

    @property
    def address(self) -> str:
        """The endpoint."""
        return self._served.address

    async def _answer(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.asked.append((form, request.headers["authorization"].partition(",")[0]))
        if self.denies:
            return Response(DENIED, 403, {"content-type": "text/xml"})
        return Response(ASSUMED.format(n=len(self.asked)), 200, {"content-type": "text/xml"})


@pytest.fixture(scope="module")
def bedrock() -> Iterator[OddProvider]:
    with OddProvider(Reply(READY)) as provider:
        yield provider


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TokenService]:
    """The service, and credentials and a region of AWS in the variables that its tools read."""
    with TokenService() as service:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "aws-secret-example",
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_STS": service.address,
        }.items():
            monkeypatch.setenv(name, value)
        forget()
        yield service
    forget()


def forget() -> None:
    """Forget the credentials of the process."""
    cloud_signatures.aws_session.cache_clear()
    cloud_signatures.assumed.cache_clear()


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home) as rest:
        yield rest


def integration(provider: str, **fields: Any) -> Body:
    return {"name": "cloud", "provider": provider, "model_names": ["m-1"]} | fields


async def made_at(rest: Rest, server: OddProvider, provider: str, **fields: Any) -> str:
    server.play(Reply(READY if provider == "AWS_BEDROCK" else completion("ready")))
    return (await rest.create(PATH, integration(provider, base_url=server.address, **fields)))["id"]


async def checked(rest: Rest, one: str) -> Body:
    return await rest.ask("POST", f"/x/ai-integrations/{one}/check", {})


async def test_a_role_is_assumed_and_can_change_without_a_key(
    rest: Rest, bedrock: OddProvider, sts: TokenService
) -> None:
    one = await made_at(rest, bedrock, "AWS_BEDROCK", provider_metadata=AWS | {"region": "eu-west-3"})
    for _ in range(2):
        assert (await checked(rest, one))["ok"]
    [(form, scope)] = sts.asked
    assert (form["Action"], form["RoleArn"], form["ExternalId"]) == ("AssumeRole", ROLE, "team-7")
    assert scope.endswith("/eu-west-3/sts/aws4_request")
    assert "Credential=AKIDEXAMPLE/" in scope
    signed = bedrock.asked[-1].headers
    assert "Credential=ASIA1/" in signed["authorization"]
    assert "/eu-west-3/bedrock/aws4_request" in signed["authorization"]
    assert signed["x-amz-security-token"] == "token-1"
    told = await rest.ask("PATCH", f"{PATH}/{one}", {"provider_metadata": {"kind": "AWS", "role_arn": OTHER}})
    assert told["provider_metadata"] == {"kind": "AWS", "role_arn": OTHER}
    again = await checked(rest, one)
    assert (again["ok"], again["model"]) == (True, "m-1")
    assert (sts.asked[-1][0]["RoleArn"], "ExternalId" in sts.asked[-1][0]) == (OTHER, False)
    assert "/eu-central-1/bedrock/aws4_request" in bedrock.asked[-1].headers["authorization"]
    assert "provider_metadata" not in await rest.ask("PATCH", f"{PATH}/{one}", {"provider_metadata": None})
    assert (await checked(rest, one))["ok"]
    assert len(sts.asked) == 2
    assert "Credential=AKIDEXAMPLE/" in bedrock.asked[-1].headers["authorization"]


async def test_a_role_that_may_not_be_assumed_is_named_with_the_code_of_aws(
    rest: Rest, bedrock: OddProvider, sts: TokenService
) -> None:
    sts.denies = True
    one = await made_at(rest, bedrock, "AWS_BEDROCK", provider_metadata=AWS)
    found = await checked(rest, one)
    assert not found["ok"]
    assert f"does not let this machine assume {ROLE}: AccessDenied." in found["detail"]
    assert "aws-secret-example" not in found["detail"]
    assert bedrock.asked == []


async def test_a_project_of_vertex_is_the_path_of_the_call(
    rest: Rest, bedrock: OddProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_signatures, "google_credentials", lambda: _Token)
    one = await made_at(rest, bedrock, "VERTEX_AI", provider_metadata=GCP)
    moved = {"kind": "GCP", "project_id": "other-2", "location": "us-central1"}
    assert (await checked(rest, one))["ok"]
    told = await rest.ask("PATCH", f"{PATH}/{one}", {"provider_metadata": moved})
    assert told["provider_metadata"] == moved | {"project_access_label": "other-2"}
    assert (await checked(rest, one))["model"] == "judge-1"
    assert [asked.target for asked in bedrock.asked] == [
        f"/v1/projects/{project}/locations/{location}/endpoints/openapi/chat/completions"
        for project, location in (("my-project-1", "europe-west4"), ("other-2", "us-central1"))
    ]
    assert {asked.headers["authorization"] for asked in bedrock.asked} == {"Bearer ya29.example"}


class _Token:
    """Google credentials with a token."""

    valid, token = True, "ya29.example"


@pytest.mark.parametrize(
    ("provider", "base_url", "metadata", "address"),
    [
        ("AWS_BEDROCK", None, None, None),
        ("AWS_BEDROCK", None, AWS, None),
        ("AWS_BEDROCK", None, {"region": "us-gov-west-1"}, "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("AWS_BEDROCK", None, {"region": "cn-north-1"}, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("AWS_BEDROCK", "https://proxy.example.com", {"region": "eu-west-3"}, "https://proxy.example.com"),
        (
            "VERTEX_AI",
            None,
            GCP,
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project-1/locations/europe-west4/endpoints/openapi",
        ),
        (
            "VERTEX_AI",
            None,
            GCP | {"location": "global"},
            "https://aiplatform.googleapis.com/v1/projects/my-project-1/locations/global/endpoints/openapi",
        ),
        ("OPEN_AI", "https://gateway.example.com/v1", None, "https://gateway.example.com/v1"),
    ],
)
def test_a_place_has_an_address(
    provider: str, base_url: str | None, metadata: dict[str, str] | None, address: str | None
) -> None:
    assert cloud_places.address(provider, base_url, metadata) == address


def test_without_a_region_the_one_of_the_aws_configuration_is_called(
    sts: TokenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = endpoint("", "AWS_BEDROCK", key=None, base_url=None)
    assert cloud_signatures.located(asked).base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    forget()
    with pytest.raises(Unsupported, match="No AWS region is known"):
        cloud_signatures.located(asked)
    (tmp_path / "config").write_text("[default]\nregion = ap-south-1\n", encoding="utf-8")
    forget()
    assert cloud_signatures.located(asked).base_url == "https://bedrock-runtime.ap-south-1.amazonaws.com"


@pytest.mark.parametrize(
    ("provider", "fields", "sentence"),
    [
        ("CUSTOM", {"base_url": "https://a.example", "provider_metadata": AWS}, "CUSTOM has none."),
        ("OPEN_AI", {"provider_metadata": {}}, "OPEN_AI has none."),
        ("AWS_BEDROCK", {"provider_metadata": {}}, "has the kind AWS."),
        ("AWS_BEDROCK", {"provider_metadata": GCP}, "has the kind AWS."),
        ("VERTEX_AI", {"provider_metadata": AWS}, "has the kind GCP."),
        ("VERTEX_AI", {"provider_metadata": {"kind": ["GCP"]}}, "has the kind GCP."),
        ("AWS_BEDROCK", {"provider_metadata": AWS | {"role": "x"}}, "has no field 'role'."),
        ("VERTEX_AI", {"provider_metadata": GCP | {"role_arn": ROLE}}, "has no field 'role_arn'."),
        ("AWS_BEDROCK", {"provider_metadata": AWS | {"role_arn": "judges"}}, "role_arn of provider_metadata"),
        ("AWS_BEDROCK", {"provider_metadata": AWS | {"role_arn": 7}}, "role_arn of provider_metadata"),
        ("AWS_BEDROCK", {"provider_metadata": AWS | {"region": "eu-west-3.evil.example/"}}, "region of provider_meta"),
        ("VERTEX_AI", {"provider_metadata": GCP | {"location": "evil.example/"}}, "location of provider_metadata"),
        ("VERTEX_AI", {"provider_metadata": GCP | {"project_id": "../x"}}, "project_id of provider_metadata"),
        ("AWS_BEDROCK", {"provider_metadata": {"kind": "AWS", "external_id": "team-7"}}, "lacks role_arn."),
        ("AWS_BEDROCK", {"provider_metadata": {"kind": "AWS", "role_arn": None}}, "lacks role_arn."),
        ("VERTEX_AI", {"provider_metadata": {"kind": "GCP"}}, "lacks project_id and location."),
        ("VERTEX_AI", {}, "VERTEX_AI has no address of its own."),
        (
            "AWS_BEDROCK",
            {
                "base_url": "https://bedrock-runtime.eu-west-1.amazonaws.com",
                "provider_metadata": AWS | {"region": "eu-west-3"},
            },
            "base_url is in the region eu-west-1, and provider_metadata names eu-west-3.",
        ),
        (
            "VERTEX_AI",
            {"base_url": "https://x.example/v1/projects/other/locations/r/endpoints/openapi", "provider_metadata": GCP},
            "does not name the project and the location",
        ),
    ],
)
async def test_metadata_that_cannot_be_used_is_refused_in_a_sentence(
    rest: Rest, provider: str, fields: Body, sentence: str
) -> None:
    assert sentence in await rest.refused(422, "POST", PATH, integration(provider, **fields))
    assert (await rest.get(PATH))["ai_integrations"] == []


async def test_a_change_keeps_metadata_and_provider_in_step(rest: Rest) -> None:
    one = (await rest.create(PATH, integration("AWS_BEDROCK", provider_metadata=AWS)))["id"]
    assert "base_url" not in await rest.get(f"{PATH}/{one}")
    at = f"{PATH}/{one}"
    assert "kind GCP" in await rest.refused(422, "PATCH", at, {"provider": "VERTEX_AI"})
    assert "no address" in await rest.refused(422, "PATCH", at, {"provider": "VERTEX_AI", "provider_metadata": None})
    assert (await rest.get(at))["provider_metadata"] == AWS
    told = await rest.ask("PATCH", at, {"provider": "VERTEX_AI", "provider_metadata": GCP})
    assert (told["provider"], told["provider_metadata"]) == ("VERTEX_AI", GCP)
    moved = {"base_url": "https://proxy.example.com", "api_key": "env:UNUSED"}
    assert (await rest.ask("PATCH", at, moved))["base_url"] == "https://proxy.example.com"
    assert "base_url" not in await rest.ask("PATCH", at, {"base_url": None})  # no key is sent to a signed address


async def test_a_change_of_the_role_keeps_the_remembered_answers(rest: Rest) -> None:
    one = (await rest.create(PATH, integration("AWS_BEDROCK", provider_metadata=AWS)))["id"]
    judge = await rest.get(f"/v2/evaluators/{await rest.judge(one)}")
    config = TemplateConfig.model_validate(judge["version"]["template_config"])
    engine = rest.door.engine
    before = await engine.database.read(engine.models.identity, config)
    await rest.ask("PATCH", f"{PATH}/{one}", {"provider_metadata": {"kind": "AWS", "role_arn": OTHER}})
    assert await engine.database.read(engine.models.identity, config) == before


async def test_a_region_is_kept_from_an_sdk_that_refuses_unknown_fields(rest: Rest) -> None:
    await rest.create(PATH, integration("AWS_BEDROCK", provider_metadata={"kind": "aws", "region": "eu-west-3"}))
    old = (await rest.door.http.get(PATH, headers={"sdk-version": "8.39.0"})).json()["ai_integrations"][0]
    assert old["provider_metadata"] == {"kind": "aws", "role_arn": ""}
