"""The options that say which tools there are, as they are typed."""

import subprocess
from pathlib import Path

import pytest
from tests.e2e.pipes import SERVER, START_S, serving
from tests.e2e.processes import environment

pytestmark = pytest.mark.slow


async def names(home: Path, options: list[str], variables: dict[str, str]) -> set[str]:
    """The tools of a server that is started like this."""
    async with serving(home, [*SERVER, *options], deadline_s=START_S, **variables) as server:
        await server.initialize()
        listed = await server.ask("tools/list")
        await server.hang_up()
        assert await server.ended(within_s=START_S) == 0
    assert server.stderr() == ""
    return {tool["name"] for tool in listed["tools"]}


@pytest.mark.parametrize(
    ("options", "variables", "there", "absent"),
    [
        ([], {}, {"get_status", "delete_task", "annotate"}, "nothing"),
        (["--tools", "annotate", "--toolsets", "prompts"], {}, {"annotate", "list_prompts"}, "get_status"),
        ([], {"ASSAYKIT_TOOLSETS": "all", "ASSAYKIT_READ_ONLY": "1"}, {"get_status", "list_prompts"}, "create_task"),
        (["--read-only", "serve", "--toolsets", "prompts"], {}, {"list_prompts"}, "save_prompt"),
    ],
)
async def test_options_before_and_after_the_command_and_variables_select(
    tmp_path: Path, options: list[str], variables: dict[str, str], there: set[str], absent: str
) -> None:
    found = await names(tmp_path, options, variables)
    assert there <= found
    assert absent not in found


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--toolsets", "prompt"], 1, "assaykit: There is no toolset 'prompt'. Did you mean 'prompts'?"),
        (["serve", "--transport", "http", "--tools", "x"], 1, "assaykit: There is no tool 'x'."),
        (["--read-only", "--backend", "ax", "doctor"], 2, "--read-only, --backend belongs to serving, not to doctor."),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_starts(
    tmp_path: Path, options: list[str], status: int, said: str
) -> None:
    ended = subprocess.run(
        [*SERVER, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(tmp_path),
        check=False,
        encoding="utf-8",
        timeout=START_S,
    )
    assert (ended.returncode, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
