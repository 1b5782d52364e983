"""The keys of integrations that this process has not used yet, for the striking out of text.

Another process may have kept a key, and a provider, a backend or the user's code may repeat it to this process first.
`key_watch` looks at the file of keys. Variables and the keyring are asked before the first call of a model and before
the user's code runs, so that no start waits for a keyring.
"""

from collections.abc import Mapping
from math import inf

import anyio

from assaykit import redaction
from assaykit.engine import os_keyring, raw_keys
from assaykit.engine.store.database import Database
from assaykit.engine.store.definitions import integrations

AGAIN_S = 600.0
"""Seconds until a keyring is asked again for an entry that it did not give, or that its owner may change."""


class KnownKeys:
    """The keys of one store in variables and in the keyring."""

    def __init__(self, database: Database, environment: Mapping[str, str]) -> None:
        self._database = database
        self._environment = environment
        self._asking = anyio.Lock()
        self._due: dict[str, float] = {}
        """From a keyring entry to the time of its next question."""

    async def learn(self) -> None:
        """Strike the keys out of text from now on. The keyring has `os_keyring.DEADLINE_S` to answer.

        A key in a keyring that is locked or absent stays unknown. The keyring is asked again after `AGAIN_S`.

        Raises:
            Unavailable: the store cannot be read.
        """
        references = await self._database.read(integrations.key_references)
        variables = [one.removeprefix("env:") for one in references if one.startswith("env:")]
        redaction.learn(self._environment.get(name, "") for name in variables)
        entries = {name: one for one in references if (name := raw_keys.entry_of(one)) is not None}
        if not entries:
            return
        # A second caller must not go on before the first one has an answer.
        async with self._asking:
            now = anyio.current_time()
            wanted = [name for name in entries if self._due.get(name, 0.0) <= now]
            found: Mapping[str, str] = await os_keyring.get_some(wanted) if wanted else {}
            for name in wanted:
                is_kept = raw_keys.is_kept(entries[name])
                self._due[name] = inf if is_kept and name in found else anyio.current_time() + AGAIN_S
                if name in found:
                    redaction.learn([raw_keys.key_in(found[name]) or ""] if is_kept else [found[name]])
