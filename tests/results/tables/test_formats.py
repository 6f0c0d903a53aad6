"""Every digit survives, nothing hostile does, and a file is there whole or not at all."""

import csv
import io
import json
import math
import struct
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame, plain
from nnsweep.results.tables.formats import FORMATS, write_table
from nnsweep.tracking.record import RunRecord

finite = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20)


def written(table, format, **options):
    buffer = io.BytesIO()
    write_table(table, buffer, format, **options)
    return buffer.getvalue()


def bits(values):
    return [struct.pack("<d", value) for value in values]


@given(finite)
def test_csv_gives_every_float_back(values):
    text = written(pd.DataFrame({"x": values}), "csv").decode()
    assert bits(float(cell) for cell in text.splitlines()[1:]) == bits(values)


@given(finite)
def test_json_gives_every_float_back(values):
    back = json.loads(written(pd.DataFrame({"x": values}), "json"))
    assert bits(row["x"] for row in back) == bits(values)


@given(finite, texts)
def test_parquet_gives_everything_back(values, names):
    size = min(len(values), len(names))
    table = pd.DataFrame({"x": values[:size], "name": pd.Series(names[:size], dtype="object")})
    back = pd.read_parquet(io.BytesIO(written(table, "parquet")))
    assert bits(back["x"]) == bits(values[:size])
    assert list(back["name"]) == names[:size]


@given(texts)
def test_csv_restores_every_text_after_removing_one_apostrophe(names):
    text = written(pd.DataFrame({"name": pd.Series(names, dtype="object")}), "csv").decode()
    cells = [row[0] if row else "" for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert [cell.removeprefix("'") for cell in cells] == names


@pytest.mark.parametrize("format", sorted(FORMATS.keys() - {"parquet"}))
def test_an_accuracy_is_written_digit_for_digit(format):
    assert b"0.5683665927568367" in written(pd.DataFrame({"a": [0.5683665927568367]}), format)


def test_numbers_are_no_formulas(runs):
    assert written(pd.DataFrame({"x": [-0.5, 1e-300]}), "csv") == b"x\n-0.5\n1e-300\n"


def test_csv_leaves_missing_cells_empty_and_writes_inf():
    table = pd.DataFrame({"x": [math.nan, math.inf, -math.inf], "n": pd.array([1, None, 3], dtype="Int64")})
    assert written(table, "csv") == b"x,n\n,1\ninf,\n-inf,3\n"


def test_json_is_valid_whatever_the_numbers():
    table = pd.DataFrame({"x": [math.nan, math.inf, 0.5], "ok": [True, False, True]})
    back = json.loads(written(table, "json"), parse_constant=pytest.fail)
    assert back == [{"x": None, "ok": True}, {"x": None, "ok": False}, {"x": 0.5, "ok": True}]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_takes_empty_and_hostile_tables(format, odd_runs):
    assert written(frame([]), format)
    assert written(odd_runs, format)


def test_csv_cells_are_inert(odd_runs):
    lines = csv.reader(io.StringIO(written(odd_runs, "csv").decode(), newline=""))
    header, *body = lines
    number = header.index("'=cmd|x")
    for row in body:
        assert row.pop(number) == "-0.5"
        assert not any(cell.strip().startswith(tuple("=+-@＝")) for cell in row)  # noqa: RUF001
        assert not any(cell.startswith(("\t", "\r")) for cell in row)


def test_markdown_tables_hold_nothing_but_text(odd_runs):
    tokens = MarkdownIt("commonmark").enable("table").parse(written(odd_runs, "markdown").decode())
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == (len(odd_runs) + 1) * len(odd_runs.columns)
    kinds = {child.type for cell in cells for child in cell.children or []}
    assert kinds <= {"text", "text_special"}


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def test_html_holds_only_the_elements_of_the_table(odd_runs):
    parser = Elements()
    parser.feed(written(odd_runs, "html", caption="<b>x</b>").decode())
    tags = [tag for tag, _ in parser.seen]
    assert tags.count("td") == len(odd_runs) * len(odd_runs.columns)
    structure = {"html", "head", "meta", "title", "style", "body", "table", "caption", "thead", "tbody"}
    assert set(tags) <= structure | {"tr", "th", "td"}
    assert all(set(attributes) <= {"class"} for tag, attributes in parser.seen if tag in ("td", "th"))


def test_latex_is_a_booktabs_table_with_one_line_a_run(odd_runs):
    lines = written(odd_runs, "latex").decode().splitlines()
    assert lines[1] == r"\begin{tabular}{lllrlllr}"
    body = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
    assert len(body) == len(odd_runs)
    assert all(line.count(" & ") >= len(odd_runs.columns) - 1 and line.endswith(r" \\") for line in body)


def test_latex_sets_negative_and_infinite_numbers_as_mathematics():
    text = written(pd.DataFrame({"x": [-0.5, math.inf, 2.0]}), "latex").decode()
    assert "$-0.5$" in text
    assert r"$\infty$" in text
    assert "\n2.0 " in text


@pytest.mark.parametrize("format", ["markdown", "html", "latex"])
def test_a_caption_tells_how_the_epoch_was_selected(format, runs):
    assert b"selected on the test set" in written(runs, format, caption="selected on the test set")


def test_the_table_of_a_small_sweep_in_markdown(runs):
    table = runs[["name", "seed", "test_accuracy"]]
    assert written(table, "markdown").decode() == (
        "| name | seed | test_accuracy |\n"
        "| --- | ---: | ---: |\n"
        "| 20-20-tanh-inv-s0 | 0 | 0.9722222222222222 |\n"
        "| 20-20-tanh-inv-s1 | 1 | 0.9611111111111111 |\n"
        "| 20-20-tanh-inv-s2 | 2 |  |\n"
    )


def test_parquet_takes_columns_of_mixed_types():
    mixed = frame(
        [RunRecord(run_id="a", name="a", state="finished", settings={"x": x}) for x in (1, "one", True, None)]
    )
    back = pd.read_parquet(io.BytesIO(written(mixed, "parquet")))
    assert plain(back["x"]) == ["1", "one", "True", None]


@pytest.mark.parametrize(("suffix", "format"), [(one.suffix, name) for name, one in FORMATS.items()])
def test_the_suffix_tells_the_format(tmp_path, runs, suffix, format):
    path = tmp_path / f"table{suffix.upper()}"
    write_table(runs, path)
    assert path.read_bytes() == written(runs, format)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("target", "format"), [("t.xlsx", None), ("t", None), ("t.csv", "exel"), ("", None), (".", "csv")]
)
def test_an_unknown_format_is_refused_in_one_line(tmp_path, monkeypatch, runs, target, format):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refusal:
        write_table(runs, target, format)
    assert len(str(refusal.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_mid_writing_leaves_the_old_file(tmp_path, monkeypatch, runs):
    path = tmp_path / "table.csv"
    write_table(runs, path)
    before = path.read_bytes()

    def failing(runs, caption):
        yield b"half"
        raise RuntimeError("planted")

    monkeypatch.setattr(FORMATS["csv"], "write", failing)
    with pytest.raises(RuntimeError, match="planted"):
        write_table(runs, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
