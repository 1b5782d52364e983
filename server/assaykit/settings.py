"""Every environment variable the project reads, once.

A key that merely lies in the environment never switches a user to a production space: the backend is AX only when
`ASSAYKIT_BACKEND` says so.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from assaykit.errors import Invalid

BackendName = Literal["local", "ax"]

PROJECT_FOLDER_VARIABLES = ("CLAUDE_PROJECT_DIR", "CURSOR_PROJECT_DIR", "WORKSPACE_FOLDER")
"""Where hosts say which folder the user is working in."""

PLUGIN_FOLDER_VARIABLES = ("CLAUDE_PLUGIN_ROOT", "PLUGIN_ROOT", "CURSOR_PLUGIN_ROOT")
"""Where hosts say which folder is the plugin's own: a launch folder that is no place for a user's files."""

DEFAULT_AX_HOST = "api.arize.com"

MOST_AT_ONCE = 500
_DIGITS = 3

_YES, _NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Settings:
    """What a start was configured with. `environment` is kept for provider keys, which are read when needed.

    `concurrency` is how many judge calls may be under way at once to one integration; the engine's business.
    `space` is meant when a call names none. `ax_space` is what ARIZE_SPACE_ID says: on the embedded engine it counts
    when the engine knows that space, since it may have been set for AX.
    """

    backend: BackendName = "local"
    home: Path = field(default_factory=lambda: Path.home() / ".assaykit")
    space: str | None = None
    ax_space: str | None = None
    folders: tuple[Path, ...] = ()
    engine_key: str | None = field(default=None, repr=False)
    ax_key: str | None = field(default=None, repr=False)
    ax_url: str = f"https://{DEFAULT_AX_HOST}"
    log_level: str = "warning"
    concurrency: int = 16
    toolsets: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    read_only: bool = False
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    period_s: float | None = None
    """Time between two looks for what continuous tasks have to score. No variable sets it; the engine has a default."""

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        backend: str | None = None,
        toolsets: str | None = None,
        tools: str | None = None,
        read_only: bool = False,
    ) -> "Settings":
        """Read the variables. The arguments are command-line options, which win; read-only is what either one says.

        Raises:
            Invalid: a variable holds a value that makes no sense; the sentence names it.
        """

        def get(name: str) -> str | None:
            return environment.get(name, "").strip() or None

        chosen = backend or get("ASSAYKIT_BACKEND") or "local"
        if chosen not in get_args(BackendName):
            raise Invalid(
                f"ASSAYKIT_BACKEND is {chosen!r}, which is no backend.",
                "Set it to 'local' (the embedded engine, the default) or 'ax' (Arize AX).",
            )
        home = get("ASSAYKIT_HOME")
        return cls(
            backend=cast("BackendName", chosen),
            home=Path(home).expanduser() if home else Path.home() / ".assaykit",
            space=get("ASSAYKIT_SPACE") or (get("ARIZE_SPACE_ID") if chosen == "ax" else None),
            ax_space=get("ARIZE_SPACE_ID"),
            folders=_folders(environment),
            engine_key=get("ASSAYKIT_ENGINE_KEY"),
            ax_key=get("ARIZE_API_KEY"),
            ax_url=_ax_url(get("ARIZE_API_SCHEME"), get("ARIZE_API_HOST"), get("ARIZE_API_PORT")),
            concurrency=_counted("ASSAYKIT_CONCURRENCY", get("ASSAYKIT_CONCURRENCY")),
            log_level=(get("ASSAYKIT_LOG") or "warning").lower(),
            toolsets=_listed(toolsets or get("ASSAYKIT_TOOLSETS")),
            tools=_listed(tools or get("ASSAYKIT_TOOLS")),
            read_only=read_only or _switched("ASSAYKIT_READ_ONLY", get("ASSAYKIT_READ_ONLY")),
            environment=dict(environment),
        )


def _folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    named = [part for part in environment.get("ASSAYKIT_FILES", "").split(os.pathsep) if part.strip()]
    hosts = [environment[name] for name in PROJECT_FOLDER_VARIABLES if environment.get(name)]
    folders = [Path(part).expanduser() for part in (*named, *hosts)]
    own = [Path(environment[name]) for name in PLUGIN_FOLDER_VARIABLES if environment.get(name)]
    launched = [] if Path.cwd() in own else [Path.cwd()]
    return tuple(dict.fromkeys([*folders, *launched]))


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _switched(name: str, text: str | None) -> bool:
    word = (text or "no").lower()
    if word not in _YES | _NO:
        raise Invalid(f"{name} is {text!r}, which is neither yes nor no.", "Set it to 1 or 0.")
    return word in _YES


def _counted(name: str, text: str | None) -> int:
    number = text or "16"
    if not (number.isdecimal() and len(number) <= _DIGITS and 1 <= int(number) <= MOST_AT_ONCE):
        raise Invalid(f"{name} is {text!r}, which is no whole number from 1 to {MOST_AT_ONCE}.", "Set it to 16.")
    return int(number)


def _ax_url(scheme: str | None, host: str | None, port: str | None) -> str:
    address = f"{scheme or 'https'}://{host or DEFAULT_AX_HOST}"
    return f"{address}:{port}" if port not in {None, "0"} else address
