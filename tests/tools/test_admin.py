from tests.caller import Caller

from assaykit import __version__


async def test_a_fresh_installation_has_the_default_space_and_says_what_to_do_first(ax: Caller) -> None:
    status = await ax.ask("get_status")
    assert status["version"] == __version__
    assert status["spaces"] == ["default"]
    assert status["integrations"] == []
    assert status["store"]["spans"] == 0
    assert "assaykit demo" in await ax.read("get_status")
