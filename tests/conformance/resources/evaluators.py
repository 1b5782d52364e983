"""Evaluators: judges by template and checks by code."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.ai_integrations.types import AiIntegrationProvider
from arize.evaluators.types import (
    CodeConfigRequest,
    EvaluatorLlmConfigRequest,
    ManagedCodeConfigRequest,
    ManagedCodeEvaluator,
    OptimizationDirection,
    StaticParamDefaultValue,
    StaticParamRequest,
    StaticParamType,
    TemplateConfigInput,
)
from arize.prompts.types import InvocationParamsRequest, ProviderParamsRequest
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"


def judge(integration: str, name: str = "taste") -> TemplateConfigInput:
    return TemplateConfigInput(
        name=name,
        template="Is {answer} good or bad?",
        include_explanations=True,
        use_function_calling=True,
        classification_choices={"good": 1, "bad": 0},
        direction=OptimizationDirection.MAXIMIZE,
        llm_config=EvaluatorLlmConfigRequest(
            ai_integration_id=integration,
            model_name="m-1",
            invocation_parameters=InvocationParamsRequest(temperature=0),
            provider_parameters=ProviderParamsRequest(),
        ),
    )


def templates(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    integration = calls.call(
        client.ai_integrations.create,
        name="of evaluators",
        provider=AiIntegrationProvider.OPEN_AI,
        base_url=given["model"],
        api_key="env:MODEL_KEY",
    )
    wanted = {"space": SPACE, "commit_message": "First.", "template_config": judge(integration.id)}
    made = calls.call(client.evaluators.create_template_evaluator, name="taste", description="Is it good?", **wanted)
    calls.check("its first version is with it", made.version.template_config.template == "Is {answer} good or bad?")
    calls.check("id leads to it", calls.call(client.evaluators.get, evaluator=made.id) == made)
    by_name = calls.call(client.evaluators.get, evaluator="taste", space=SPACE, version_id=made.version.id)
    calls.check("name and version lead to it", by_name == made)
    calls.refused(ApiException, "409", client.evaluators.create_template_evaluator, name="taste", **wanted)
    changed = calls.call(client.evaluators.update, evaluator="taste", space=SPACE, name="flavour", description=None)
    calls.check("it is changed", (changed.name, changed.description) == ("flavour", None))
    calls.call(client.evaluators.delete, evaluator="flavour", space=SPACE)
    calls.refused(NotFoundError, "flavour", client.evaluators.get, evaluator="flavour", space=SPACE)
    calls.refused(ApiException, "404", client.evaluators.get, evaluator=made.id)


def code(calls: Ledger, _given: Given) -> None:
    client = ArizeClient()
    words = StaticParamRequest(
        name="keywords", type=StaticParamType.STRING_ARRAY, default_value=StaticParamDefaultValue(["yes", "no"])
    )
    any_word = ManagedCodeConfigRequest(
        type="MANAGED",
        name="says_yes_or_no",
        managed_evaluator=ManagedCodeEvaluator.CONTAINS_ANY_KEYWORD,
        variables=["output"],
        static_params=[words],
    )
    made = calls.call(
        client.evaluators.create_code_evaluator,
        name="says yes or no",
        space=SPACE,
        commit_message="First.",
        # Without its wrapper the SDK sends null in its place.
        code_config=CodeConfigRequest(any_word),
    )
    calls.check("it is of type CODE", made.type == "CODE")
    calls.check("its parameter is kept", made.version.code_config.static_params[0].name == "keywords")
    parseable = {"type": "MANAGED", "name": "json", "managed_evaluator": "JSON_PARSEABLE", "variables": ["output"]}
    plain = calls.call(
        client.evaluators.create_code_evaluator,
        name="is JSON",
        space=SPACE,
        commit_message="First.",
        code_config=parseable,
    )
    pages = calls.pages("evaluators", client.evaluators.list, space=SPACE, limit=1)
    calls.check("both are listed", {made.id, plain.id} <= {one.id for one in pages})
    found = calls.call(client.evaluators.list, name="IS json", space=SPACE)
    calls.check("a part of the name finds it", [one.id for one in found.evaluators] == [plain.id])


play(templates, code)
