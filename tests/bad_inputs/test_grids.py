"""Grids that cannot be: lists, ranges, steps, rules, sizes, and folders that lead elsewhere."""

import pytest

LONG = "x" * 300
EPOCHS = "trainer.epochs=1,2,3"
BAD = [
    ("a range without its end", "seed=range(0,", "seed=range(0,: cannot be read"),
    ("a range without its bracket", "seed=range(0", "seed=range(0: cannot be read"),
    ("a range of words", "seed=range(a,b)", "seed=range(a,b)"),
    ("a range with a step of zero", "seed=range(0,5,0)", "seed=range(0,5,0): must have finite ends and a step"),
    ("a range that goes the other way", "seed=range(5,0)", "seed=range(5,0): has no values"),
    ("an empty range", "seed=range(3,3)", "seed=range(3,3): has no values"),
    ("a range to infinity", "seed=range(0,inf)", "seed=range(0,inf): must have finite ends"),
    ("a range to no number", "seed=range(0,nan)", "seed=range(0,nan): must have finite ends"),
    ("a range with a step that is no number", "seed=range(0,1,nan)", "seed=range(0,1,nan): must have finite ends"),
    ("a choice of nothing", "seed=choice()", "seed=choice()"),
    ("a choice without its bracket", "seed=choice(1", "seed=choice(1: cannot be read"),
    ("a comma too many", "seed=1,,2", "seed=1,,2"),
    ("a comma alone", "seed=,", "seed=,"),
    ("a comma at the end", "seed=1,", "seed=1,"),
    ("an unknown function", "seed=nosuch(1)", "seed=nosuch(1)"),
    ("a cast of a word", "seed=int(x),2", "seed=int(x),2"),
    ("a sorting of words and numbers", "seed=sort(1,x)", "seed=sort(1,x)"),
    ("an interval", "optimizer.learning_rate=interval(0,1)", "optimizer.learning_rate=interval(0,1): a grid has no"),
    ("a tagged interval", "seed=tag(a,interval(0,1))", "a grid has no intervals"),
    ("a pattern for a number", "seed=glob(*)", "seed=glob(*): has no values"),
    ("a pattern that nothing matches", "activation=glob(zzz*)", "activation=glob(zzz*): has no values"),
    ("a pattern that leaves out all", "activation=glob(*,exclude=*)", "has no values"),
    ("ten million points", f"seed=range({10**7})", ["10,000,000 jobs", "sweep.max_jobs=10000"], 2, None, 2.0),
    ("as many as 10**30 points", f"seed=range({10**30})", f"{10**30:,} jobs", 2, None, 2.0),
    (
        "a product of 10**30 points",
        [f"{key}=range({10**15})" for key in ("seed", "data.split_seed")],
        f"{10**30:,} jobs",
        2,
        None,
        2.0,
    ),
    ("steps too small to count", "seed=range(0,1,1e-30)", "jobs are more than sweep.max_jobs", 2, None, 2.0),
    ("one job more than allowed", ["seed=range(3)", "sweep.max_jobs=2"], "3 jobs are more than sweep.max_jobs=2"),
    ("grids that are too many together", ["sweep.grids=[{seed: '1,2'},{seed: '3,4'}]", "sweep.max_jobs=3"], "4 jobs"),
    ("a limit that is swept over", "sweep.max_jobs=1,2", "sweep.max_jobs=1,2: sweep holds for all jobs"),
    ("workers that are swept over", "sweep.workers=1,2", "sweep.workers=1,2: sweep holds for all jobs"),
    ("grids that are swept over", "sweep.grids=[a],[b]", "sweep.grids=[a],[b]: sweep holds for all jobs"),
    ("steps that are swept over", "sweep.zip=[[a,b]],[[c,d]]", "sweep holds for all jobs"),
    ("a limit within a grid", "sweep.grids=[{sweep.max_jobs: 5}]", "sweep.max_jobs=5: sweep holds for all jobs"),
    (
        "lists in step of unequal lengths",
        ["seed=0,1", EPOCHS, "sweep.zip=[[seed,trainer.epochs]]"],
        ["seed has 2", "trainer.epochs has 3"],
    ),
    ("a step of one key", ["seed=0,1", "sweep.zip=[[seed]]"], "sweep.zip.0: at least two keys"),
    ("a step of no key", ["seed=0,1", "sweep.zip=[[]]"], "sweep.zip.0: at least two keys"),
    (
        "a step with an unknown key",
        ["seed=0,1", "sweep.zip=[[seed,nosuch]]"],
        "sweep.zip: nosuch has no list of values",
    ),
    (
        "a step with a key without a list",
        ["seed=0,1", "sweep.zip=[[seed,trainer.epochs]]"],
        "sweep.zip: trainer.epochs",
    ),
    (
        "a key in two steps",
        ["seed=0,1", EPOCHS, "sweep.zip=[[seed,trainer.epochs],[seed,trainer.epochs]]"],
        "sweep.zip: seed is there 2 times",
    ),
    ("a key twice in one step", ["seed=0,1", "sweep.zip=[[seed,seed]]"], "sweep.zip: seed is there 2 times"),
    ("steps that are a number", "sweep.zip=5", "sweep.zip=5"),
    ("steps that are settings", "sweep.zip={a: 1}", "sweep.zip={a: 1}"),
    ("steps of numbers", "sweep.zip=[[1,2]]", ["sweep.zip.0.0=1", "sweep.zip.0.1=2"]),
    ("a grid that is a number", "sweep.grids=[5]", "sweep.grids.0=5"),
    ("grids that are a number", "sweep.grids=5", "sweep.grids=5"),
    ("a grid with a list for values", "sweep.grids=[{seed: [1,2]}]", "sweep.grids.0: write values as on the command"),
    ("a grid with an unknown key", "sweep.grids=[{nosuch: 5}]", "nosuch: there is no such key"),
    ("a grid with half a range", "sweep.grids=[{seed: 'range(0'}]", "seed=range(0"),
    ("a grid with an unknown choice", "sweep.grids=[{arch: nosuch}]", "arch=nosuch: there is no such choice"),
    ("a rule that is half one", "sweep.exclude=depth >", "sweep.exclude: rule 'depth >'"),
    (
        "a rule with an unknown name",
        "sweep.exclude=dpth > 3",
        ["sweep.exclude", "unknown name 'dpth'; did you mean 'depth'"],
    ),
    ("a rule that compares number and text", "sweep.exclude=depth > 'x'", "sweep.exclude: rule"),
    ("a rule that imports", "sweep.exclude=__import__('os')", "`__import__('os')` is not allowed"),
    ("a rule that is a statement", "sweep.exclude=import os", "sweep.exclude: rule 'import os'"),
    ("a rule that calculates", "sweep.exclude=depth + 1 > 2", "`depth + 1` is not allowed"),
    ("a rule with a function", "sweep.exclude=len(arch) > 2", "`len(arch)` is not allowed"),
    ("a rule of dunder names", "sweep.exclude=arch.__class__ == 1", "rule 'arch.__class__ == 1'"),
    ("a rule that is too long", f"sweep.exclude={'x' * 3000}", "3000 characters long"),
    ("a rule that is nested too deeply", f"sweep.exclude={'not ' * 40}depth", "nested too deeply"),
    ("a rule with a NUL", "sweep.exclude=1<2\0", "sweep.exclude: rule '1<2\\x00'"),
    ("a rule with half a character", "sweep.exclude='a\udcff'", "sweep.exclude=a\\udcff: holds half a character"),
    ("a rule that is a number", "sweep.exclude=5", "sweep.exclude=5"),
    ("a rule that is settings", "sweep.exclude={a: 1}", "sweep.exclude={a: 1}"),
    ("rules, one of them wrong", "sweep.exclude=['depth > 3','wdth > 3']", "unknown name 'wdth'"),
    ("rules that leave no job", ["seed=0,1", "sweep.exclude=seed >= 0"], "sweep.exclude: leaves none of 2 jobs"),
    ("a wrong job in the middle", "optimizer.learning_rate=0.1,0,0.2", "optimizer.learning_rate=0: must be > 0"),
    ("a wrong job behind a rule", ["seed=0,-1", "sweep.exclude=seed > 5"], "seed=-1: must be >= 0"),
    ("wrong choices beside right ones", "arch=wide,shalow,deep", "arch=shalow: there is no such choice"),
    ("two stores", "tracking.uri=sqlite:///a.db,sqlite:///b.db", "tracking must be the same for all jobs"),
    ("two experiments", "tracking.experiment=a,b", "tracking must be the same for all jobs"),
    (
        "job folders outside",
        "hydra.sweep.subdir=../../x",
        "hydra.sweep.subdir=../../x: must give each job its own folder",
    ),
    ("job folders beside the sweep", "hydra.sweep.subdir=../x", "hydra.sweep.subdir=../x: must give"),
    ("job folders that return and leave", "hydra.sweep.subdir=a/../../x", "hydra.sweep.subdir=a/../../x: must give"),
    ("job folders at an absolute place", "hydra.sweep.subdir=/x", "hydra.sweep.subdir=/x: must give"),
    ("job folders above", "hydra.sweep.subdir=..", "hydra.sweep.subdir=..: must give"),
    ("job folders that are the sweep's", "hydra.sweep.subdir=.", "hydra.sweep.subdir=.: must give"),
    ("job folders without a name", "hydra.sweep.subdir=''", "hydra.sweep.subdir=: must give"),
    ("one folder for two jobs", ["seed=0,1", "hydra.sweep.subdir=a"], "hydra.sweep.subdir=a: must give"),
    ("job folders with a NUL", "hydra.sweep.subdir='a\0b'", "hydra.sweep.subdir=a\\x00b: no folder can have this name"),
    ("job folders with too long a name", f"hydra.sweep.subdir={LONG}", "hydra.sweep.subdir=xxx"),
    ("job folders with half a character", "hydra.sweep.subdir='a\ud800b'", "hydra.sweep.subdir=a\\ud800b: no folder"),
    ("Hydra's folder outside", "hydra.output_subdir=../../x", "hydra.output_subdir=../../x: must be a folder inside"),
    (
        "Hydra's folder beside the job's",
        "hydra.output_subdir=../x",
        "hydra.output_subdir=../x: must be a folder inside",
    ),
    (
        "Hydra's folder at an absolute place",
        "hydra.output_subdir=/x",
        "hydra.output_subdir=/x: must be a folder inside",
    ),
    ("Hydra's folder above", "hydra.output_subdir=..", "hydra.output_subdir=..: must be a folder inside"),
    ("Hydra's folder with a NUL", "hydra.output_subdir='a\0b'", "hydra.output_subdir=a\\x00b: no folder"),
    ("Hydra's folder with too long a name", f"hydra.output_subdir={LONG}", "hydra.output_subdir=xxx"),
    ("the sweep's folder with a NUL", "hydra.sweep.dir='a\0b'", "hydra.sweep.dir=a\\x00b: no folder"),
    ("the sweep's folder with too long a name", f"hydra.sweep.dir={LONG}", "hydra.sweep.dir=xxx"),
    ("the sweep's folder without a name", "hydra.sweep.dir=''", "hydra.sweep.dir=: must name a folder"),
    (
        "the sweep's folder is a file",
        "hydra.sweep.dir=file",
        ["hydra.sweep.dir=", "/file: cannot be written"],
        2,
        {"file": ""},
    ),
    ("the sweep's folder below a device", "hydra.sweep.dir=/dev/null/x", "hydra.sweep.dir=/dev/null/x: cannot be"),
    ("a log outside", "hydra.job.name=../x", "hydra.job.name=../x: no file can have this name"),
    ("a log with a NUL", "hydra.job.name='a\0b'", "hydra.job.name=a\\x00b: no file can have this name"),
    ("a log with too long a name", f"hydra.job.name={'x' * 252}", "hydra.job.name=xxx"),
]
LONGEST = [f"hydra.sweep.subdir={'x' * 255}", f"hydra.output_subdir={'x' * 255}", f"hydra.job.name={'x' * 251}"]


def test_a_bad_grid_is_refused(bad, refused):
    refused(bad)


def test_all_problems_of_27_jobs_are_told_at_once_each_once(refused, bad_input):
    command = ["arch=wide,shalow,deep", "seed=0,-1,2", "trainer.dropout=0.1,1,x"]
    told = ["arch=shalow", "seed=-1: must be", "trainer.dropout=1: must be", "trainer.dropout=x: must be"]
    assert len(refused(bad_input("three wrong keys", command, told))) == 4


def test_hundreds_of_wrong_jobs_are_all_told_and_quickly(refused, bad_input):
    lines = refused(bad_input("all wrong", "seed=range(-300,0)", ["seed=-1:", "seed=-300:"]))
    assert len(lines) == 300


@pytest.mark.parametrize("name", LONGEST, ids=lambda name: name[:20])
def test_the_longest_names_are_taken(name, nnsweep):
    assert nnsweep("data=iris", "trainer.epochs=1", "tracking.pictures=false", name).code == 0
