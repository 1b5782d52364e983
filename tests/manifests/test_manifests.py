"""The manifests: what lies at the root is what the sources say, in the form that every host accepts."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from assaykit import __version__
from assaykit.settings import PROJECT_FOLDER_VARIABLES, Settings
from manifests import build

ROOT = build.ROOT
PATHS = list(build.outputs(ROOT))
EACH_MANIFEST = pytest.mark.parametrize("path", PATHS)
SOURCES = ["pyproject.toml", "manifests/manifest.toml", "server/assaykit/__init__.py"]

HOST_FOLDERS = {
    ".claude-plugin/plugin.json": {"CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA"},
    ".cursor-plugin/plugin.json": {"CURSOR_PLUGIN_ROOT"},
    "mcp.json": {"PLUGIN_ROOT", "PLUGIN_DATA"},
}
"""The names that each host replaces by folders of the plugin. Source: the hosts' plugin references."""

OF_UV = {"UV_PROJECT_ENVIRONMENT"}
"""What a manifest tells uv, which starts the server. It means nothing to the server."""


class Watched(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and the manifests, elsewhere."""
    for path in (*SOURCES, *PATHS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def content(path: str) -> dict[str, Any]:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def server(path: str) -> dict[str, Any]:
    return content(path)["mcpServers"]["assaykit"]


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8", newline="\n")


def test_the_manifests_are_what_the_sources_say() -> None:
    assert build.drifted(ROOT) == []


def test_a_new_version_without_new_manifests_is_found_out(copy: Path) -> None:
    assert build.drifted(copy) == []
    replace(copy / "server/assaykit/__init__.py", f'__version__ = "{__version__}"', '__version__ = "99.0.0"')
    assert build.drifted(copy) == [path for path in PATHS if path != "mcp.json"]
    build.write(copy)
    assert build.drifted(copy) == []
    assert json.loads((copy / "plugin.json").read_text(encoding="utf-8"))["version"] == "99.0.0"


@EACH_MANIFEST
def test_a_manifest_that_is_gone_edited_or_has_other_line_ends_is_found_out(path: str, copy: Path) -> None:
    text = (copy / path).read_bytes()
    (copy / path).write_bytes(text.replace(b"\n", b"\r\n"))
    assert build.drifted(copy) == [path]
    (copy / path).write_bytes(text.replace(b"assaykit", b"assay"))
    assert build.drifted(copy) == [path]
    (copy / path).unlink()
    assert build.drifted(copy) == [path]


@EACH_MANIFEST
def test_a_manifest_is_a_real_file_sorted_and_with_plain_line_ends(path: str) -> None:
    assert not (ROOT / path).is_symlink()
    assert not (ROOT / path).parent.is_symlink()
    raw = (ROOT / path).read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"}\n")
    assert raw.decode() == json.dumps(json.loads(raw), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_opening_the_repository_starts_no_server() -> None:
    # Hosts read these two as settings of the project that is open: every contributor would be asked to start it.
    assert not (ROOT / ".mcp.json").exists()
    assert not (ROOT / ".cursor/mcp.json").exists()


def test_one_version_one_name_and_one_description_go_everywhere() -> None:
    entry = content(".claude-plugin/marketplace.json")["plugins"][0]
    for manifest in (content("plugin.json"), content(".claude-plugin/plugin.json"), entry):
        assert manifest["name"] == "assaykit"
        assert manifest["version"] == __version__
        assert len(manifest["description"]) <= 100
        assert not {"homepage", "repository"} & manifest.keys()
    assert entry["source"] == "./"


@pytest.mark.parametrize("path", HOST_FOLDERS)
def test_the_server_starts_from_the_plugin_by_a_command_that_exists(path: str) -> None:
    started = server(path)
    assert started["command"] == "uv"
    assert started["args"][:2] == ["run", "--project"]
    assert re.fullmatch(r"\$\{\w*PLUGIN_ROOT\}", started["args"][2])
    script = started["args"][-1]
    assert f'\n{script} = "assaykit.cli:main"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@EACH_MANIFEST
def test_a_manifest_names_only_variables_that_somebody_reads(path: str) -> None:
    environment = Watched()
    Settings.from_environment(environment)
    known = environment.asked | set(PROJECT_FOLDER_VARIABLES) | OF_UV
    assert "ASSAYKIT_HOME" in known
    mapped = set(server(path).get("env", {})) if path in HOST_FOLDERS else set[str]()
    assert mapped <= known
    text = (ROOT / path).read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{([^}]*)\}", text)) == HOST_FOLDERS.get(path, set())


@EACH_MANIFEST
def test_no_variable_a_user_may_have_set_is_mapped(path: str) -> None:
    # A host fills a mapping that nobody answered with nothing, and so takes away an exported key.
    text = (ROOT / path).read_text(encoding="utf-8")
    assert "user_config" not in text
    assert "_KEY" not in text
