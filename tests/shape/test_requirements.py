"""Every requirement ends below a version that nobody has seen yet."""

import tomllib
from collections.abc import Iterator

from tests.shape.tree import ROOT


def requirements() -> Iterator[str]:
    """The requirements of the build, of the package and of its extras."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    yield from settings["build-system"]["requires"]
    yield from settings["project"]["dependencies"]
    for extra in settings["project"]["optional-dependencies"].values():
        yield from extra


def test_every_requirement_has_an_upper_bound() -> None:
    listed = list(requirements())
    assert len(listed) > 20
    unbounded = [one for one in listed if "<" not in one and "==" not in one]
    assert not unbounded, f"name the next major version, as in 'mcp>=2.3,<3': {unbounded}"
