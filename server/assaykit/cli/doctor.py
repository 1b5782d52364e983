"""Checking the installation, the store and the keys."""

import logging
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import anyio
import click

from assaykit import __version__
from assaykit.api.connection import connection_to
from assaykit.backend import connect
from assaykit.errors import AssayError, explained
from assaykit.judge.providers.prices import Prices
from assaykit.judge.providers.registry import KEY_VARIABLES
from assaykit.names import Named
from assaykit.session import session
from assaykit.settings import Settings
from assaykit.toolsets import selected
from assaykit.wire.local import StoreCheck
from assaykit.wire.spaces import SpacePage

SECRET_VARIABLES = ("ARIZE_API_KEY", "ASSAYKIT_ENGINE_KEY", *KEY_VARIABLES)

OLDEST_SQLITE = (3, 35, 0)
"""RETURNING and upserts need it."""


class Check(NamedTuple):
    """The result of one check: its subject, whether all is well, the finding, and the remedy if all is not well."""

    what: str
    well: bool
    found: str
    remedy: str = ""


def run(settings: Settings) -> bool:
    """Print the result of every check. True if all are well."""
    findings = [*_findings(settings)]
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.well else click.style("FAIL", fg="red")
        click.echo(f"{mark} {finding.what}: {finding.found}")
        if not finding.well:
            click.echo(f"     {finding.remedy}")
    return all(finding.well for finding in findings)


def _findings(settings: Settings) -> Iterator[Check]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield Check("assaykit", well=True, found=f"{__version__} on Python {python}")
    yield Check(
        "SQLite",
        well=sqlite3.sqlite_version_info >= OLDEST_SQLITE,
        found=sqlite3.sqlite_version,
        remedy="Use a Python with SQLite 3.35 or newer.",
    )
    yield _tools(settings)
    yield _log(settings)
    yield _backend(settings)
    if settings.backend == "local":
        yield _store(settings)
        yield _prices(settings)
    yield _folders(settings)
    present = [name for name in SECRET_VARIABLES if settings.environment.get(name, "").strip()]
    yield Check("keys in the environment", well=True, found=", ".join(present) or "none (code evaluators need none)")


def _tools(settings: Settings) -> Check:
    try:
        shown = selected(settings)
    except AssayError as error:
        return Check("tools", well=False, found=error.message, remedy=f"ASSAYKIT_TOOLSETS or _TOOLS: {error.next}")
    return Check("tools", well=True, found=f"{len(shown.tools)} shown")


def _log(settings: Settings) -> Check:
    levels = [name.lower() for name in logging.getLevelNamesMapping()]
    well = settings.log_level in levels
    found = settings.log_level if well else f"ASSAYKIT_LOG is {settings.log_level!r}, so the level is warning"
    return Check("log level", well, found, "Set ASSAYKIT_LOG to debug, info, warning or error.")


def _prices(settings: Settings) -> Check:
    try:
        own = Prices(settings.home).own()
    except AssayError as error:
        return Check("price list", well=False, found=error.message, remedy=error.next)
    return Check("price list", well=True, found=f"{len(own)} price(s) of your own" if own else "that of genai-prices")


def _folders(settings: Settings) -> Check:
    gone = [str(folder) for folder in settings.folders if not folder.is_dir()]
    found = f"no folder at {', '.join(gone)}" if gone else ", ".join(str(folder) for folder in settings.folders)
    return Check("files are read from", not gone, found, "Correct ASSAYKIT_FILES, or create the folder.")


def _backend(settings: Settings) -> Check:
    what = f"Arize AX at {settings.ax_url.partition('://')[2]}" if settings.backend == "ax" else "embedded engine"
    try:
        spaces, chosen = anyio.run(_spaces, settings)
    except (AssayError, BaseExceptionGroup) as raised:
        errors = explained(raised)
        if not errors:
            raise
        return Check(what, well=False, found=f"{errors[0].message}{_connection(settings)}", remedy=errors[0].next)
    where = "" if chosen is None else f"; calls go to space {chosen.name!r}"
    return Check(what, well=True, found=f"answers; {len(spaces.spaces)} space(s){where}{_connection(settings)}")


def _connection(settings: Settings) -> str:
    """The state of the connection to AX as the end of a finding. The embedded engine has none."""
    return f" ({connection_to(settings.ax_url).told()})" if settings.backend == "ax" else ""


def _store(settings: Settings) -> Check:
    where = str(settings.home)
    try:
        found = anyio.run(_checked, settings)
    except (AssayError, BaseExceptionGroup) as raised:
        errors = explained(raised)
        if not errors:
            raise
        return Check("store", well=False, found=f"{where}: {errors[0].message}", remedy=errors[0].next)
    if found.damaged:
        return Check(
            "store",
            well=False,
            found=f"{where}: {found.damaged} damaged, as {'; '.join(found.examples)}",
            remedy="Score damaged verdicts again with override_evaluations, and send or upload other rows again. "
            "If the file itself is damaged, restore a copy.",
        )
    told = f"{where}, {found.verdicts} verdict(s) and {found.rows} other row(s) as they were written"
    if found.rows_without_checksum:
        told += f"; {found.rows_without_checksum} row(s) of an older version cannot be checked"
    return Check("store", well=True, found=told)


async def _checked(settings: Settings) -> StoreCheck:
    async with connect(_reading(settings)) as api:
        return await api.get("/x/check", StoreCheck)


def _reading(settings: Settings) -> Settings:
    """The settings of a check, which takes over no run: that could call a model."""
    return replace(settings, read_only=True)


async def _spaces(settings: Settings) -> tuple[SpacePage, Named | None]:
    """The spaces, and the one that the settings name."""
    async with connect(_reading(settings)) as api:
        spaces = await api.get("/v2/spaces", SpacePage)
        chosen = await session(api, settings).space(None) if settings.space else None
        return spaces, chosen
