"""Projects in the store."""

from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import spaces
from assaykit.engine.store.keys import next_id
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import evals, experiments, log_events, projects, spans
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import annotations
from assaykit.errors import Conflict, Invalid, NotFound
from assaykit.wire.bodies import composed
from assaykit.wire.projects import CreateProjectRequest, Project, ProjectPage, ProjectType

_OF_EXPERIMENTS = sa.exists().where(experiments.c.traces_project_id == projects.c.id)
_KIND = sa.case((_OF_EXPERIMENTS, "EXPERIMENT"), else_="APPLICATION")
_WITH_KIND = sa.select(projects, _KIND.label("kind"))
_BY_ID = _WITH_KIND.where(projects.c.id == sa.bindparam("key"))
"""Built once: that takes longer than to execute it."""


def create(connection: sa.Connection, wanted: CreateProjectRequest, clock: Clock) -> Project:
    """A new, empty project.

    Raises:
        NotFound: there is no such space.
        Conflict: the space has a project of this name.
    """
    spaces.get(connection, wanted.space_id)
    if _named(connection, wanted.space_id, wanted.name) is not None:
        raise Conflict(f"This space has a project named {wanted.name!r} already.", "Use it, or choose another name.")
    return _insert(connection, wanted.space_id, wanted.name, clock)


def find_or_create(connection: sa.Connection, space_id: str, name: str, clock: Clock) -> Project:
    """The project of this name, for arriving spans; created if it does not exist."""
    row = _named(connection, space_id, name)
    return _insert(connection, space_id, composed(name), clock) if row is None else _project(row)


def find(connection: sa.Connection, space_id: str, name: str) -> Project | None:
    """The project of this name, if there is one."""
    row = _named(connection, space_id, name)
    return None if row is None else _project(row)


def page(
    connection: sa.Connection,
    *,
    space_id: str | None,
    space_name: str | None,
    name: str | None,
    at: PageRequest,
    kind: ProjectType | None = None,
) -> ProjectPage:
    """Projects, newest first; of one kind when it is given."""
    query = _WITH_KIND.where(spaces.within(projects, space_id, space_name))
    if name:
        query = query.where(named_like(projects.c.name, name))
    if kind is not None:
        query = query.where(sa.literal(kind) == _KIND)
    rows, pagination = by_arrival(connection, query, projects.c.n, at)
    return ProjectPage(projects=[_project(row) for row in rows], pagination=pagination)


def count(connection: sa.Connection) -> int:
    """The number of projects in the store."""
    return connection.execute(sa.select(sa.func.count()).select_from(projects)).scalar_one()


def get(connection: sa.Connection, project_id: str) -> Project:
    """One project.

    Raises:
        NotFound: there is none with this id.
    """
    row = connection.execute(_BY_ID, {"key": project_id}).first()
    if row is None:
        raise NotFound(f"There is no project with the id {project_id!r}.", "GET /v2/projects lists them.")
    return _project(row)


def rename(connection: sa.Connection, project_id: str, name: str) -> Project:
    """Give a project another name; later spans under the old name create a new project.

    Raises:
        NotFound: there is none with this id.
        Invalid: the space has a project of this name. (AX has no 409 for it here.)
    """
    project = get(connection, project_id)
    if name != project.name and _named(connection, project.space_id or "", name) is not None:
        raise Invalid(f"This space has a project named {name!r} already.", "Choose another name.")
    connection.execute(projects.update().where(projects.c.id == project_id).values(name=name))
    return get(connection, project_id)


def delete(connection: sa.Connection, project_id: str) -> None:
    """Remove a project with its spans, verdicts and tasks. Experiments whose spans it held name no project then.

    Raises:
        NotFound: there is none with this id.
    """
    get(connection, project_id)
    connection.execute(evals.delete().where(evals.c.scope_id == project_id))
    annotations.forget_scopes(connection, [project_id])
    own = sa.select(spans.c.span_id).where(spans.c.project_id == project_id)
    connection.execute(log_events.delete().where(log_events.c.span_id.in_(own)))
    connection.execute(spans.delete().where(spans.c.project_id == project_id))
    named = experiments.update().where(experiments.c.traces_project_id == project_id)
    connection.execute(named.values(traces_project_id=None))
    connection.execute(projects.delete().where(projects.c.id == project_id))


def _named(connection: sa.Connection, space_id: str, name: str) -> sa.Row[Any] | None:
    """The project of this name, or else of the same name in Unicode's form NFC."""
    named = _WITH_KIND.where(projects.c.space_id == space_id, projects.c.name.in_({name, composed(name)}))
    return connection.execute(named.order_by(projects.c.name != name)).first()


def _insert(connection: sa.Connection, space_id: str, name: str, clock: Clock) -> Project:
    # AX calls a project a Model in ids, as the SDK's examples show.
    project_id = next_id(connection, "Model", clock)
    values = {"id": project_id, "space_id": space_id, "name": name, "created_ns": clock.now_ns()}
    connection.execute(projects.insert().values(values))
    return get(connection, project_id)


def _project(row: sa.Row[Any]) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        space_id=row.space_id,
        created_at=moment(row.created_ns),
        project_type=row.kind,
    )
