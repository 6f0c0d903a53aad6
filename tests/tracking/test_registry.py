import pytest

from nnsweep.errors import ConfigError
from nnsweep.tracking import models
from nnsweep.tracking.connection import open_client


@pytest.fixture
def made(store, job):
    """Give a run, and a model of it."""

    def make():
        run_id = job()
        asked = open_client(store.uri)
        model = asked.create_logged_model(store.experiment_id, name="model", source_run_id=run_id)
        asked.finalize_logged_model(model.model_id, "READY")
        return run_id, model.model_id

    return make


def test_a_run_has_one_version_of_a_name_and_may_have_others(made, store):
    one, other = made(), made()
    told = [models.register_model(store, *each, name=name) for each in (one, other, one) for name in ("a", "b")]
    assert [each[:2] for each in told] == [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("a", "1"), ("b", "1")]
    assert [each.is_new for each in told] == 4 * [True] + 2 * [False]


def test_an_alias_points_at_the_version_that_was_registered_last(made, store):
    one, other = made(), made()
    for run_id, model_id in (one, other, one):
        models.register_model(store, run_id, model_id, name="a", alias="champion")
        assert open_client(store.uri).get_model_version_by_alias("a", "champion").run_id == run_id


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "a, b", "no\u00ebl", "100$", "a" * 200, "`x` = 'y'"])
def test_names_are_kept_as_they_are(name, made, store):
    models.check_model_names(name, None)
    run_id, model_id = made()
    models.register_model(store, run_id, model_id, name=name, description="d", tags={"nnsweep.key": "k"})
    again = models.register_model(store, run_id, model_id, name=name)
    assert again == (name, "1", False)
    version = open_client(store.uri).get_model_version(name, "1")
    place = open_client(store.uri).get_logged_model(model_id).artifact_location
    assert (version.description, version.tags, version.source) == ("d", {"nnsweep.key": "k"}, place)


@pytest.mark.parametrize("name", ["", "  ", "a/b", "a:b", "a\nb", "50%"])
def test_names_that_cannot_be_are_refused(name):
    with pytest.raises(ConfigError, match="choose another name"):
        models.check_model_names(name, None)


@pytest.mark.parametrize("alias", ["", "latest", "Latest", "v1", "V12", "a b", "a.b", "\u00e9!", 256 * "a"])
def test_aliases_that_mlflow_keeps_for_itself_are_refused(alias):
    with pytest.raises(ConfigError, match="choose another"):
        models.check_model_names("a", alias)
