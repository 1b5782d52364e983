"""Annotation configs of the three types."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.annotation_configs.types import CategoricalAnnotationValueRequest, OptimizationDirection
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"


def values(**scores: float) -> list[CategoricalAnnotationValueRequest]:
    return [CategoricalAnnotationValueRequest(label=label, score=score) for label, score in scores.items()]


def life(calls: Ledger, _given: Given) -> None:
    configs = ArizeClient().annotation_configs
    words = calls.call(
        configs.create_categorical,
        name="verdict",
        space=SPACE,
        values=values(good=1, bad=0),
        optimization_direction=OptimizationDirection.MAXIMIZE,
    )
    calls.check("its values are kept", [(one.label, one.score) for one in words.values] == [("good", 1), ("bad", 0)])
    marks = calls.call(configs.create_continuous, name="grade", space=SPACE, minimum_score=0, maximum_score=10)
    notes = calls.call(configs.create_freeform, name="thought", space=SPACE)
    calls.check("id leads to it", calls.call(configs.get, annotation_config=marks.id) == marks)
    calls.check("name leads to it", calls.call(configs.get, annotation_config="thought", space=SPACE) == notes)
    calls.refused(ApiException, "409", configs.create_freeform, name="grade", space=SPACE)
    more = calls.call(configs.update_categorical, annotation_config=words.id, values=values(good=1, fair=0.5, bad=0))
    calls.check("a value is added", len(more.values) == 3)
    wider = calls.call(configs.update_continuous, annotation_config="grade", space=SPACE, maximum_score=20)
    calls.check("the range is changed", (wider.minimum_score, wider.maximum_score) == (0, 20))
    renamed = calls.call(configs.update_freeform, annotation_config=notes.id, name="idea")
    calls.check("it is renamed", renamed.name == "idea")
    pages = calls.pages("annotation_configs", configs.list, space=SPACE, limit=1)
    listed = {one.id if hasattr(one, "id") else one.actual_instance.id for one in pages}
    calls.check("all three are listed", {words.id, marks.id, notes.id} <= listed)
    calls.call(configs.delete, annotation_config="idea", space=SPACE)
    calls.refused(NotFoundError, "idea", configs.get, annotation_config="idea", space=SPACE)
    for one in (words, marks):
        calls.call(configs.delete, annotation_config=one.id)
        calls.refused(ApiException, "404", configs.get, annotation_config=one.id)


play(life)
