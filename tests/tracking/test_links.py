import json
from urllib.parse import parse_qs, urlsplit

import pytest

from nnsweep.tracking.store import Store
from nnsweep.tracking.ui import make_chart_link, make_compare_link, make_view_key


def asked(link: str) -> tuple[str, str, dict[str, str]]:
    """Take an address of the MLflow UI apart: the server, the page, and what is asked of it."""
    parts = urlsplit(link)
    page, _, query = parts.fragment.partition("?")
    return f"{parts.scheme}://{parts.netloc}", page, {name: value for name, (value,) in parse_qs(query).items()}


def test_the_chart_link_shows_one_sweeps_jobs():
    server, page, query = asked(
        make_chart_link(Store("sqlite:////study/mlflow.db", "study", "7"), "2026-01-01_10-00-00-ab")
    )
    assert (server, page) == ("http://127.0.0.1:5000", "/experiments/7/runs")
    assert query == {
        "compareRunsMode": "CHART",
        "workflowType": "machine_learning",
        "searchFilter": "tags.`nnsweep.kind` = 'job' AND tags.`nnsweep.sweep` = '2026-01-01_10-00-00-ab'",
    }


def test_chart_link_names_the_view_and_nothing_overriding_it():
    store = Store("sqlite:////study/mlflow.db", "study", "7")
    _, page, query = asked(make_chart_link(store, "a 'b'", ["r1"], has_view=True))
    assert page == "/experiments/7/runs"
    assert query == {
        "compareRunsMode": "CHART",
        "workflowType": "machine_learning",
        "viewStateShareKey": make_view_key("a 'b'"),
    }


def test_the_comparison_names_every_run():
    server, page, query = asked(make_compare_link(Store("sqlite:////study/mlflow.db", "study", "7"), ("r1", "r2")))
    assert (server, page) == ("http://127.0.0.1:5000", "/compare-runs")
    assert {name: json.loads(value) for name, value in query.items()} == {"runs": ["r1", "r2"], "experiments": ["7"]}


@pytest.mark.parametrize("uri", ["https://track.example.org/base", "https://track.example.org/base/"])
def test_links_lead_to_the_server_that_has_the_runs(uri: str):
    store = Store(uri, "study", "7")
    for link in (make_chart_link(store, "s"), make_compare_link(store, ["r"])):
        assert link.startswith("https://track.example.org/base/#/")


def test_links_lead_to_this_machine_for_a_database_store():
    assert make_chart_link(Store("postgresql://me:secret@host/db", "study", "7"), "s").startswith(
        "http://127.0.0.1:5000/#/"
    )


def test_links_have_no_blanks_or_quotes_that_stop_a_terminal():
    store = Store("sqlite:////study/mlflow.db", "study", "7")
    for link in (make_chart_link(store, "s"), make_compare_link(store, ["r1", "r2"])):
        assert not set(link) & set(" '\"`<>[]()")


def test_links_do_not_tell_credentials():
    store = Store("https://me:secret@track.example.org", "study", "7")
    for link in (make_chart_link(store, "s"), make_compare_link(store, ["r"])):
        assert "secret" not in link
