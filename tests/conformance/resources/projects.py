"""Projects."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"


def life(calls: Ledger, _given: Given) -> None:
    projects = ArizeClient().projects
    made = calls.call(projects.create, name="checkout", space=SPACE)
    calls.check("its name is the one given", made.name == "checkout")
    calls.check("id leads to it", calls.call(projects.get, project=made.id) == made)
    calls.check("name leads to it", calls.call(projects.get, project="checkout", space=SPACE) == made)
    calls.refused(ApiException, "checkout", projects.create, name="checkout", space=SPACE)
    renamed = calls.call(projects.update, project=made.id, name="basket")
    calls.check("it is renamed", (renamed.id, renamed.name) == (made.id, "basket"))
    calls.refused(NotFoundError, "checkout", projects.get, project="checkout", space=SPACE)
    calls.call(projects.delete, project="basket", space=SPACE)
    calls.refused(ApiException, "404", projects.get, project=made.id)


def lists(calls: Ledger, given: Given) -> None:
    projects = ArizeClient().projects
    space = calls.call(ArizeClient().spaces.get, space=SPACE)
    for name in ("leaf one", "leaf two", "leaf three"):
        calls.call(projects.create, name=name, space=space.id)
    names = [one.name for one in calls.pages("projects", projects.list, name="LEAF", space=SPACE, limit=1)]
    calls.check("three pages of one project each", sorted(names) == ["leaf one", "leaf three", "leaf two"])
    every = calls.call(projects.list, space=space.id)
    calls.check("a list without a name has all", {*names, given["project"]} <= {one.name for one in every.projects})


play(life, lists)
