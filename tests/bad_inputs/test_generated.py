"""Inputs that nobody would think of, made at random: whatever they are, they are taken or refused in lines.

Each case has a number and is the same whenever it is made. A few of each sort are tried by default, all of them with
``-m soak``.
"""

import gzip
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from nnsweep.api.verify import verify_table
from nnsweep.cli.main import main
from nnsweep.data.load import load
from nnsweep.jobs.problems import explain_error

MOST, IN_PIECES = 2000, 250
COLOURS = ("red", "blue", "None", "ünï", "?", "", "1.5", "a b", "x,y", '"')
WORDS = (
    *("arch", "data", "optimizer", "schedule", "trainer", "hydra", "sweep", "tracking", "activation", "init", "seed"),
    *("learning_rate", "0", "-1", "1e999", "nan", "null", "true", "iris", "deep", "linear", "a.b", "[1,2]", "{a: 1}"),
    *("${seed}", "${", "}", "[", "]", "(", ")", "'", '"', "\\", "=", ":", ",", "@", "~", "+", "++", "/", "#", "%", " "),
    *("range(0,3)", "choice(1,2)", "glob(*)", "shuffle(1,2)", "interval(0,1)", "\t", "\n", "\0", "ä", "💥", "\udcff"),
    *(
        "hidden_layer_sizes",
        "name",
        "_target_",
        "_self_",
        "defaults",
        "launcher",
        "sweeper",
        "epochs",
        "??? ",
        "999" * 9,
    ),
)
LAUNCHERS = ("stacked", "basic", "joblib", "ray", "submitit_local", "submitit_slurm", "nosuch", "null", "", "1", "a/b")
KEYS = (
    "name",
    "hidden_layer_sizes",
    "depth",
    "width",
    "a.b",
    "a",
    "defaults",
    "_target_",
    "",
    "0",
    "null",
    "on",
    "x y",
)


def case(sort: str, number: int) -> random.Random:
    return random.Random(f"{sort} {number}")


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Damage bytes in a few places: cut out, doubled, changed, put in, cut off."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(content) + 1)
        end = min(len(content), start + draw.choice((1, 1, 2, 8, 89, 400)))
        piece = content[start:end]
        change: Callable[[], bytes] = draw.choice(
            (
                lambda piece=piece: b"",
                lambda piece=piece: piece + piece,
                lambda piece=piece: bytes(draw.randrange(256) for _ in piece),
                lambda piece=piece: draw.randbytes(draw.choice((1, 3, 50))) + piece,
                lambda piece=piece: piece[::-1],
                lambda piece=piece: draw.choice((b"null", b"-1", b"1e999", b"[]", b"{}", b'"', b"\n", b",", b"\0")),
            )
        )
        content = content[:start] + change() + content[end if draw.random() < 0.95 else len(content) :]
    return content


def table_file(draw: random.Random) -> tuple[str, bytes]:
    """Make a table of some format, damaged in its cells or in its bytes."""
    frame = pd.DataFrame(
        {
            "age": [draw.choice((i, i, i, -i, 1.5 * i)) for i in range(30)],
            "colour": [draw.choice(COLOURS[: draw.randint(2, len(COLOURS))]) for _ in range(30)],
            "y": ["ab"[i % 2] for i in range(30)],
        }
    )
    suffix = draw.choice((".csv", ".tsv", ".txt", ".parquet", ".feather", ".arff", ".jsonl", ".json"))
    content = io.BytesIO()
    if suffix == ".parquet":
        frame.to_parquet(content)
    elif suffix == ".feather":
        frame.to_feather(content, compression=draw.choice(("lz4", "zstd", "uncompressed")))
    elif suffix == ".arff":
        rows = "".join(f"{row.age},'{row.colour}',{row.y}\n" for row in frame.itertuples())
        head = "@relation r\n@attribute age numeric\n@attribute colour string\n@attribute y {a,b}\n@data\n"
        content.write((head + rows).encode())
    elif suffix in (".jsonl", ".json"):
        content.write(frame.to_json(orient="records", lines=True).encode())
    else:
        content.write(frame.to_csv(index=False, sep="\t" if suffix == ".tsv" else ",").encode())
    made = content.getvalue()
    if draw.random() < 0.8:
        made = mutated(made, draw)
    if draw.random() < 0.3:
        made, suffix = gzip.compress(made, 1), suffix + ".gz"
        made = mutated(made, draw) if draw.random() < 0.5 else made
    return f"cats{suffix}", made


def override(draw: random.Random) -> list[str]:
    """Make a command line of one to four overrides, some of them very long."""

    def text(most: int) -> str:
        return "".join(draw.choice(WORDS) for _ in range(draw.randint(0, most)))

    def value() -> str:
        long = draw.choice("aä0 [") * draw.choice((300, 5000, 66_000)) if draw.random() < 0.15 else ""
        return text(3) + long

    made = []
    for _ in range(draw.randint(1, 3)):
        key = ".".join(draw.choice(WORDS) for _ in range(draw.randint(1, 3)))
        made.append(draw.choice(("", "", "+", "++", "~")) + key + draw.choice(("=", "=", "=", "", ":")) + value())
    if draw.random() < 0.5:
        names = ",".join(draw.choice(LAUNCHERS) for _ in range(draw.randint(1, 3)))
        made.append(
            f"hydra{draw.choice('/.')}launcher={draw.choice(('[{}]', '{}', '({})', '{{{}: 1}}')).format(names)}"
        )
    draw.shuffle(made)
    return [*draw.choice(([], ["-m"])), *made, "dry_run=true", "data=iris"]


def tree(draw: random.Random, depth: int = 0) -> object:
    """Make a value of YAML, usually settings."""
    kind = draw.random() + (0.35 if depth > 2 else 0)
    if kind < (0.95 if depth == 0 else 0.3):
        return {draw.choice((*KEYS, 1, None, 1.5, True)): tree(draw, depth + 1) for _ in range(draw.randint(0, 4))}
    if kind < 0.97 and depth and draw.random() < 0.4:
        return [tree(draw, depth + 1) for _ in range(draw.randint(0, 4))]
    return draw.choice((3, 0, -1, 1.5, float("nan"), None, True, "linear", "wide", "", "${seed}", "???", "a" * 9000))


def complaint(run: Callable[[], object]) -> str:
    """Run something; say what came out if it is neither taken nor refused in lines."""
    try:
        run()
    except Exception as error:
        told = explain_error(error)
        if told is None:
            return f"{type(error).__name__}: {error}"[:300]
        return "" if told and all(told) else "refused without a word"
    return ""


def pieces(sort: str, quick: int) -> pytest.MarkDecorator:
    """Try the first few numbers by default, and all, in pieces, as a soak test."""
    every = [(sort, start, start + IN_PIECES) for start in range(0, MOST, IN_PIECES)]
    marked = [pytest.param(*piece, marks=pytest.mark.soak) for piece in every]
    return pytest.mark.parametrize(("sort", "first", "last"), [(sort, 0, quick), *marked])


@pytest.fixture(scope="module")
def exported(new_study) -> Path:
    """Give a folder with a store and tables that were exported from it."""
    with new_study("exported") as folder:
        assert main(["arch=linear", "seed=0,1", "data=iris", "trainer.epochs=2", "tracking.pictures=false"]) == 0
        for suffix in ("csv", "parquet", "json", "html", "md", "tex"):
            assert main(["export", "nnsweep", "-o", f"table.{suffix}"]) == 0
    return folder


@pieces("table", 150)
def test_any_table_is_read_or_refused(sort, first, last, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNSWEEP_CACHE", os.devnull)
    wrong = {}
    for number in range(first, last):
        draw = case(sort, number)
        name, content = table_file(draw)
        Path(name).write_bytes(content)
        asked = {"path": name, "target": "y", "val_fraction": 0.2, "missing": draw.choice((None, "mean", "drop"))}
        if said := complaint(lambda asked=asked: load("table", **asked)):
            wrong[number, name] = said
    assert wrong == {}


@pieces("exported", 60)
def test_any_exported_table_is_compared_or_refused(sort, first, last, exported, monkeypatch, tmp_path):
    monkeypatch.chdir(exported)
    wrong = {}
    for number in range(first, last):
        draw = case(sort, number)
        suffix = draw.choice(("csv", "parquet", "parquet", "json", "html", "md", "tex"))
        table, manifest = tmp_path / f"t.{suffix}", tmp_path / f"t.{suffix}.manifest.json"
        content, beside = (exported / f"table.{suffix}{more}" for more in ("", ".manifest.json"))
        table.write_bytes(mutated(content.read_bytes(), draw) if number % 2 else content.read_bytes())
        manifest.write_bytes(beside.read_bytes() if number % 2 else damaged_manifest(beside.read_bytes(), draw))
        if said := complaint(lambda table=table: verify_table(table)):
            wrong[number, suffix] = said
    assert wrong == {}


def damaged_manifest(content: bytes, draw: random.Random) -> bytes:
    """Damage the bytes of a manifest, or values in it."""
    if draw.random() < 0.5:
        return mutated(content, draw)
    read = json.loads(content)
    for _ in range(draw.randint(1, 3)):
        inner = draw.choice((read, read, read["asked"] if isinstance(read.get("asked"), dict) else read))
        name = draw.choice([*inner])
        inner[name] = draw.choice((None, 0, -1, "", "x'", [], {}, [None], ["test_accuracy"], True, 1e999, {"a": []}))
    return json.dumps(read).encode()


@pieces("override", 25)
def test_any_command_line_is_planned_or_refused(sort, first, last, study, monkeypatch, capfd):
    wrong = {}
    for number in range(first, last):
        monkeypatch.setattr("sys.argv", ["nnsweep"])
        given = override(case(sort, number))
        code = main(given)
        said = capfd.readouterr().err
        if code == 1 or "Traceback" in said:
            wrong[number] = (given, said[-300:])
    assert wrong == {}


@pieces("tree", 15)
def test_any_user_configuration_is_planned_or_refused(sort, first, last, study, monkeypatch, capfd):
    file = study / "mine" / "arch" / "odd.yaml"
    file.parent.mkdir(parents=True)
    wrong = {}
    for number in range(first, last):
        monkeypatch.setattr("sys.argv", ["nnsweep"])
        file.write_text(yaml.safe_dump(tree(case(sort, number))))
        code = main(["--config-dir", "mine", "arch=odd", "data=iris", "dry_run=true"])
        said = capfd.readouterr().err
        if code == 1 or "Traceback" in said:
            wrong[number] = (file.read_text()[:300], said[-300:])
    assert wrong == {}
