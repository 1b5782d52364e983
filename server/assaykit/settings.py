"""The settings of a start, read once from environment variables.

An AX key in the environment never selects a production space by itself: the backend is AX only if `ASSAYKIT_BACKEND`
or a command-line option says so.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from assaykit.errors import Invalid, Unauthorized, quote

BackendName = Literal["local", "ax"]

PROJECT_FOLDER_VARIABLES = ("CLAUDE_PROJECT_DIR", "CURSOR_PROJECT_DIR", "WORKSPACE_FOLDER")
"""Variables in which hosts pass the folder that the user works in."""

PLUGIN_FOLDER_VARIABLES = ("CLAUDE_PLUGIN_ROOT", "PLUGIN_ROOT", "CURSOR_PLUGIN_ROOT")
"""Variables in which hosts pass the plugin's own folder. Files of the user do not belong there."""

DEFAULT_AX_HOST = "api.arize.com"

AX_REGIONS = ("ca-central-1a", "eu-west-1a", "us-central-1a", "us-east-1b")
"""Source: the `arize` SDK 8.61."""

_AX_PLACES = (("ARIZE_REGION",), ("ARIZE_SINGLE_HOST", "ARIZE_SINGLE_PORT"), ("ARIZE_BASE_DOMAIN",))
"""Three ways to give the whole address of AX. The SDK accepts one of them at most; each overrides ARIZE_API_HOST."""

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_PORT = re.compile(r":\d+$")
_LAST_PORT = 65535

MOST_AT_ONCE = 500
_DIGITS = 3
_DIGITS_OF_RATE = 6
_DIGITS_OF_CALLS = 9
_AMOUNT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")

_YES, _NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Settings:
    """The configuration of one start. `environment` is kept for provider keys, which are read when needed.

    The engine applies `concurrency`, the limit of simultaneous judge calls to one integration, and `calls_a_second`,
    the limit of new calls per second to it; None if that limit is not known.
    With `read_only` the engine in this process leaves all runs and continuous tasks to other processes.
    `structured` adds the data of each reply as structuredContent, for programs. Hosts then show a model only the data.
    `space` applies to calls that name no space. `ax_space` is the value of ARIZE_SPACE_ID. It may have been set for
    AX, so the embedded engine ignores it unless the engine has that space.
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
    calls_a_second: float | None = None
    toolsets: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    read_only: bool = False
    structured: bool = False
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    ask_above_calls: int = 200
    """Calls to models that one tool call may cause without a question to the user."""
    ask_above_dollars: float = 1.0
    """US dollars by list prices that one tool call may cost without a question to the user."""
    period_s: float | None = None
    """Seconds between two looks of a continuous task for new spans. No variable sets it; None is the default."""
    deadline_s: float | None = None
    """Seconds for one call to AX as a whole. No variable sets it; None is the default."""
    answer_s: float = 300.0
    """Seconds that a question to the user stays open. No variable sets it."""

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        backend: str | None = None,
        toolsets: str | None = None,
        tools: str | None = None,
        read_only: bool = False,
        structured: bool = False,
    ) -> "Settings":
        """Read the variables. The arguments are command-line options and override them; a switch is on if either is.

        Raises:
            Invalid: a variable holds an invalid value; the message names the variable.
        """

        def get(name: str) -> str | None:
            return environment.get(name, "").strip() or None

        chosen = backend or get("ASSAYKIT_BACKEND") or "local"
        if chosen not in get_args(BackendName):
            raise Invalid(
                f"ASSAYKIT_BACKEND is {chosen!r}, which is not a backend.",
                "Set it to 'local' (the embedded engine, the default) or 'ax' (Arize AX).",
            )
        return cls(
            backend=cast("BackendName", chosen),
            home=_expanded("ASSAYKIT_HOME", get("ASSAYKIT_HOME") or "~/.assaykit"),
            space=get("ASSAYKIT_SPACE") or (get("ARIZE_SPACE_ID") if chosen == "ax" else None),
            ax_space=get("ARIZE_SPACE_ID"),
            folders=_folders(environment),
            engine_key=get("ASSAYKIT_ENGINE_KEY"),
            ax_key=get("ARIZE_API_KEY"),
            ax_url=_ax_url(get) if chosen == "ax" else cls.ax_url,
            concurrency=_counted("ASSAYKIT_CONCURRENCY", get("ASSAYKIT_CONCURRENCY")),
            calls_a_second=_rate("ASSAYKIT_CALLS_PER_MINUTE", get("ASSAYKIT_CALLS_PER_MINUTE")),
            ask_above_calls=_whole("ASSAYKIT_ASK_ABOVE_CALLS", get("ASSAYKIT_ASK_ABOVE_CALLS"), cls.ask_above_calls),
            ask_above_dollars=_dollars("ASSAYKIT_ASK_ABOVE_DOLLARS", get("ASSAYKIT_ASK_ABOVE_DOLLARS")),
            log_level=(get("ASSAYKIT_LOG") or "warning").lower(),
            toolsets=_listed(toolsets or get("ASSAYKIT_TOOLSETS")),
            tools=_listed(tools or get("ASSAYKIT_TOOLS")),
            read_only=read_only or _switched("ASSAYKIT_READ_ONLY", get("ASSAYKIT_READ_ONLY")),
            structured=structured or _switched("ASSAYKIT_STRUCTURED", get("ASSAYKIT_STRUCTURED")),
            environment=dict(environment),
        )

    def key_of_ax(self) -> str:
        """The key of Arize AX.

        Raises:
            Unauthorized: there is none, or it has a character that no header can carry.
        """
        if self.ax_key is None:
            raise Unauthorized(
                "The backend is Arize AX, but there is no key.",
                "Set ARIZE_API_KEY, or leave ASSAYKIT_BACKEND unset to use the embedded engine.",
            )
        if not (self.ax_key.isascii() and self.ax_key.isprintable()):
            raise Unauthorized(
                "The key in ARIZE_API_KEY has a character that no header can carry.", "Copy the key once more."
            )
        return self.ax_key


def _folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    named = [part for part in environment.get("ASSAYKIT_FILES", "").split(os.pathsep) if part.strip()]
    hosts = [environment[name] for name in PROJECT_FOLDER_VARIABLES if environment.get(name)]
    folders = [_expanded("ASSAYKIT_FILES", part) for part in (*named, *hosts)]
    own = [Path(environment[name]) for name in PLUGIN_FOLDER_VARIABLES if environment.get(name)]
    try:
        launched = [] if Path.cwd() in own else [Path.cwd()]
    except FileNotFoundError:
        launched = []  # somebody deleted the folder
    return tuple(dict.fromkeys([*folders, *launched]))


def _expanded(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise Invalid(
            f"{quote(text)!r} begins with a home folder that the system does not know.",
            f"Set {name} to a whole path, such as /srv/assaykit.",
        ) from error


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
        raise Invalid(f"{name} is {text!r}, which is not a whole number from 1 to {MOST_AT_ONCE}.", "Set it to 16.")
    return int(number)


def _whole(name: str, text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not (text.isdecimal() and text.isascii() and len(text) <= _DIGITS_OF_CALLS):
        raise Invalid(
            f"{name} is {text[:40]!r}, which is not a whole number from 0 to 999999999.", f"Set it to {usual}."
        )
    return int(text)


def _dollars(name: str, text: str | None) -> float:
    if text is None:
        return Settings.ask_above_dollars
    if not _AMOUNT.fullmatch(text):
        raise Invalid(f"{name} is {text[:40]!r}, which is not an amount of US dollars such as 0.5.", "Set it to 1.")
    return float(text)


def _rate(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    if not (text.isdecimal() and len(text) <= _DIGITS_OF_RATE and int(text) > 0):
        raise Invalid(
            f"{name} is {text!r}, which is not a whole number from 1 to 999999.", "Set it to 500, or unset it."
        )
    return int(text) / 60


def _ax_url(get: Callable[[str], str | None]) -> str:
    """The base URL of AX, from the SDK's variables and by the SDK's rules.

    Raises:
        Invalid: a variable is invalid, or two of them each give the whole address.
    """
    said = [name for names in _AX_PLACES for name in names[:1] if any(map(get, names))]
    if len(said) > 1:
        raise Invalid(f"{' and '.join(said)} both say where Arize AX is.", "Set one of them.")
    scheme = (get("ARIZE_API_SCHEME") or "https").lower()
    if scheme not in {"http", "https"}:
        raise Invalid(f"ARIZE_API_SCHEME is {scheme!r}.", "Set it to 'https', or to 'http' for loopback.")
    region = get("ARIZE_REGION")
    if region is not None and region not in AX_REGIONS:
        known = ", ".join(AX_REGIONS)
        raise Invalid(f"ARIZE_REGION is {region!r}, which is not a region of Arize AX.", f"Use {known}.")
    host = get("ARIZE_API_HOST") or DEFAULT_AX_HOST
    if region is not None:
        host = f"api.{region}.arize.com"
    elif (domain := get("ARIZE_BASE_DOMAIN")) is not None:
        host = f"api.{domain}"
    host = (get("ARIZE_SINGLE_HOST") or host).rstrip("/")
    if not _HOST.fullmatch(host):
        # The message does not repeat the value: it may hold a key before an @.
        raise Invalid(
            "The host of Arize AX is not a valid host name.",
            "Give ARIZE_API_HOST as a bare name like 'api.arize.com', without https://.",
        )
    port = _port("ARIZE_API_PORT", get) or _port("ARIZE_SINGLE_PORT", get)
    return f"{scheme}://{host}" if port is None else f"{scheme}://{_PORT.sub('', host)}:{port}"


def _port(name: str, get: Callable[[str], str | None]) -> int | None:
    text = get(name) or "0"
    if not text.isdecimal() or len(text) > len(str(_LAST_PORT)) or int(text) > _LAST_PORT:
        raise Invalid(f"{name} is {text[:40]!r}, which is not a port.", "Set it to a number from 1 to 65535.")
    return int(text) or None
