"""What users get as a frame of runs: a pandas frame that a notebook shows as a short table with its map."""

import base64
import copy
import io
import pickle
import re

import pandas as pd
import pytest

from nnsweep.results.frame import frame
from nnsweep.results.runs import MOST_ROWS, Runs
from nnsweep.tracking.record import RunRecord

from .conftest import PAYLOADS

pytestmark = pytest.mark.quick


def make_runs(n_seeds: int = 3, *, reason: str = "") -> Runs:
    """Make the runs of a grid of depth and width, of which the last has failed if there is a reason."""
    records = [
        RunRecord(
            run_id=f"id{depth}{width}{seed}",
            name=f"{depth}x{width}-s{seed}",
            state="finished",
            settings={"arch": "uniform", "arch.depth": depth, "arch.width": width, "seed": seed, "trainer.epochs": 5},
            metrics={
                "depth": depth,
                "width": width,
                "best_val_accuracy": 0.9 - depth / 100 + seed / 1000,
                "test_accuracy": 0.8 + width / 1000,
            },
        )
        for depth in (1, 2)
        for width in (8, 16)
        for seed in range(n_seeds)
    ]
    if reason:
        records[-1] = RunRecord(**{**vars(records[-1]), "state": "failed", "reason": reason, "metrics": {}})
    runs = frame(records)
    runs.attrs |= {"experiment": "shapes"}
    return Runs.of(runs)


def read_cells(html: str) -> list[list[str]]:
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in re.findall(r"<tr>.*?</tr>", html)]


def test_a_notebook_shows_telling_columns_of_the_first_rows():
    shown = make_runs(5)._repr_html_()
    head, *rows = read_cells(shown)
    assert "<strong>20 runs of the experiment shapes</strong>" in shown
    assert {"name", "arch.<br>depth", "arch.<br>width", "seed", "test_<br>accuracy"} <= {*head}
    assert not {"state", "arch", "run_<br>id", "trainer.<br>epochs"} & {*head}
    assert len(rows) == MOST_ROWS
    assert rows[0][:2] == ["0", "1x8-s0"]
    assert "not shown: 10 runs and" in shown
    assert "chosen by validation accuracy: depth=1" in shown


def test_the_map_is_below_the_table():
    (image,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', make_runs()._repr_html_())
    drawn = base64.b64decode(image).decode()
    assert drawn.startswith("<?xml")
    assert "width" in drawn
    assert "<img" not in make_runs().query("width == 8")._repr_html_()  # one setting makes no map


def test_filtering_and_sorting_keep_what_the_user_did():
    runs = make_runs().sort_values("test_accuracy", ascending=False, kind="stable")
    chosen = runs[runs["depth"] == 2]
    assert type(chosen) is Runs
    assert [row[1] for row in read_cells(chosen._repr_html_())[1:]] == [*chosen["name"]]
    assert [row[0] for row in read_cells(chosen._repr_html_())[1:]] == [*map(str, chosen.index)]
    assert chosen.attrs == make_runs().attrs


def test_a_column_of_the_users_own_is_shown():
    runs = make_runs().assign(gap=lambda table: table["best_val_accuracy"] - table["test_accuracy"])
    assert "gap" in read_cells(runs._repr_html_())[0]
    assert "gap" in repr(runs)


def test_what_is_no_frame_of_runs_is_shown_as_pandas_does():
    for part in (make_runs()[["name", "seed"]], make_runs().T):
        assert repr(part) == repr(pd.DataFrame(part))
        assert part._repr_html_() == pd.DataFrame(part)._repr_html_()
        assert part._repr_markdown_() is None
    twice = pd.concat([make_runs(), make_runs()[["name"]]], axis="columns")
    assert repr(twice) == repr(pd.DataFrame(twice))


def test_it_is_pickled_copied_and_written_whole():
    runs = make_runs()
    for again in (pickle.loads(pickle.dumps(runs)), copy.deepcopy(runs), runs.copy()):
        assert type(again) is Runs
        assert again.attrs == runs.attrs
        pd.testing.assert_frame_equal(again, runs)
    buffer = io.BytesIO()
    runs.to_parquet(buffer)
    assert pd.read_parquet(buffer)["name"].tolist() == runs["name"].tolist()


def test_text_and_markdown_say_the_same_in_short():
    runs = make_runs(5, reason="no room")
    for text in (repr(runs), runs._repr_markdown_()):
        assert "20 runs of the experiment shapes" in text
        assert "2x16-s4 failed: no room" in text
        assert "not shown: 10 runs" in text
        assert len(text) < 3000


def test_many_failures_are_counted():
    failed = make_runs(5).assign(state="failed", reason=[f"no room for {job}" for job in range(20)])
    assert len(re.findall("failed: no room", failed._repr_html_())) == 5
    assert "6 further notes: see the columns state and reason" in failed._repr_html_()
    assert "and 19 others failed: no room" in failed.assign(reason="no room")._repr_html_()


@pytest.mark.parametrize("start", range(0, len(PAYLOADS), MOST_ROWS))
def test_names_of_users_are_shown_as_text(start):
    payloads = PAYLOADS[start : start + MOST_ROWS]
    runs = make_runs().iloc[: len(payloads)]
    runs = runs.assign(name=pd.Series(payloads, dtype=object), mine=pd.Series(payloads, dtype=object))
    shown = runs._repr_html_()
    assert len(read_cells(shown)) > len(payloads)
    assert {tag for tag in re.findall(r"<(\w+)", shown)} <= {
        "div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "small", "br", "img"
    }  # fmt: skip
    assert "\x1b" not in repr(runs)


def test_no_runs_are_shown_too():
    assert "0 runs" in make_runs().iloc[:0]._repr_html_()
    assert repr(make_runs().iloc[:0]).startswith("0 runs of the experiment shapes")


def test_a_plan_says_what_becomes_of_its_jobs():
    plan = make_runs().assign(action=["run"] * 10 + ["reuse"] * 2, test_accuracy=None)
    assert "action" in read_cells(plan._repr_html_())[0]
    assert "<strong>12 jobs of the experiment shapes: 10 to run, 2 to reuse</strong>" in plan._repr_html_()
    assert "without a finite test accuracy" not in plan._repr_html_()


def test_values_that_no_map_has_room_for_make_none():
    odd = pd.Series([[1, 2]] * len(make_runs()), dtype=object)
    assert "<img" not in make_runs().assign(depth=odd)._repr_html_()
    assert "12 runs" in make_runs().assign(state=odd)._repr_html_()
    assert repr(make_runs().rename(columns={"arch": 5})).startswith("   ")  # as pandas shows it
