"""Choices that do not exist, values that do not fit together, imports, and Hydra's own settings."""

import importlib.util

import pytest

LONG = "x" * 300
UNKNOWN_CHOICES = [
    (f"{group}: a choice that does not exist", f"{group}={wrong}", [f"{group}={wrong}: there is no such choice", right])
    for group, wrong, right in [
        ("arch", "shalow", "did you mean 'shallow'?"),
        ("activation", "leaky-relu", "did you mean 'leaky_relu'?"),
        ("schedule", "cosin", "did you mean 'cosine'?"),
        ("optimizer", "adamm", "did you mean 'adam"),
        ("init", "he", "known: glorot_normal"),
        ("data", "mnist", "breast_cancer"),
        ("trainer", "mini_batch", "did you mean 'minibatch'?"),
        ("experiment", "notebok", "did you mean 'notebook'?"),
        ("hydra/launcher", "stackd", "did you mean 'stacked'?"),
        ("hydra/sweeper", "grd", "did you mean 'grid'?"),
        ("hydra/job_logging", "fil", "did you mean 'file'?"),
    ]
]
ODD_CHOICES = [
    ("arch: null", "arch=null", "arch=null"),
    ("arch: empty", "arch=", "arch=: there is no such choice"),
    ("arch: empty list", "arch=[]", "a grid is written arch=a,b"),
    ("arch: settings in its place", "arch={a: 1}", "arch.a: there is no such key"),
    ("arch: a number", "arch=5", "arch=5"),
    (
        "activation: a path out of its group",
        "activation=../optimizer/adam",
        "activation.name=adam: there is no such name",
    ),
    ("activation: an absolute path", "activation=/etc/passwd", "passwd: there is no such choice"),
    ("init: deleted", "~init", "init: is missing"),
    ("a group added twice", "+arch=wide", "arch"),
    ("a group deleted by a wrong name", "~arch=wide", "arch"),
]
IMPORTS = [
    (f"an import: {line}", [*chosen, line], [told, "a configuration names parts and never imports them"])
    for line, told, *chosen in [
        ("+_target_=os.system", "_target_=os.system"),
        ("_target_=os.system", "_target_"),
        ("+activation._target_=os.system", "activation._target_=os.system"),
        ("activation._target_=os.system", "activation._target_"),
        ("+activation={_target_:os.system}", "activation._target_=os.system"),
        ("+arch._target_=nnsweep.mlp.network.Network", "arch._target_=nnsweep.mlp.network.Network"),
        ("+optimizer._target_=builtins.eval", "optimizer._target_=builtins.eval"),
        ("+schedule._target_=logging.os.system", "schedule._target_=logging.os.system"),
        ("+schedule.pieces.0._target_=os.system", "schedule.pieces.0._target_", "schedule=warmup_cosine"),
        ("+init._target_=subprocess.run", "init._target_=subprocess.run"),
        ("+trainer._target_=os.execv", "trainer._target_=os.execv"),
        ("+tracking._target_=os.system", "tracking._target_=os.system"),
        ("+sweep._target_=os.system", "sweep._target_=os.system"),
        ("+data._target_=pickle.loads", "data._target_=pickle.loads"),
        ("data.categories=[{_target_:os.system}]", "data.categories.0._target_", "data=newsgroups"),
        ("seed={_target_:os.system}", "seed._target_=os.system"),
        ("output_activation={_target_:os.system}", "output_activation._target_=os.system"),
        ("++arch={_target_:os.system,name:x}", "arch._target_=os.system"),
        ("sweep.grids=[{+_target_:os.system}]", "_target_=os.system"),
    ]
]
HYDRAS = [
    ("launcher: an import", "hydra.launcher._target_=os.system", "os.system: is no plugin of Hydra's"),
    ("sweeper: an import", "hydra.sweeper._target_=os.system", "os.system: is no plugin of Hydra's"),
    ("callback: an import", "+hydra.callbacks.mine._target_=os.system", "'os.system' is blocklisted"),
    ("callback: nothing to import", "+hydra.callbacks.mine._target_=no.such.thing", "no.such.thing"),
    ("launcher: not installed", "hydra/launcher=ray", "pip install 'nnsweep[ray]'"),
    (
        "launcher: a list",
        "hydra/launcher=[joblib,basic]",
        "a sweep has one launcher; choose one, as in hydra/launcher=basic",
    ),
    ("mode: unknown", "hydra.mode=RUNN", "hydra.mode=RUNN"),
    ("all of hydra: null", "hydra=null", "hydra=null"),
    ("all of hydra: deleted", "~hydra", "hydra"),
    ("hydra.job: a number", "hydra.job=5", "hydra.job=5"),
    ("hydra.sweep: null", "hydra.sweep=null", "hydra.sweep=null"),
    ("hydra.sweep.dir: null", "hydra.sweep.dir=null", "hydra.sweep.dir=null"),
    ("hydra.sweep.subdir: null", "hydra.sweep.subdir=null", "hydra.sweep.subdir=null"),
    ("hydra.job.name: null", "hydra.job.name=null", "hydra.job.name=null"),
    ("hydra: unknown key", "hydra.swep.dir=x", "hydra.swep"),
    ("hydra.env: unknown key", "hydra.env.x=1", "hydra.env.x"),
    ("RUN mode with a list", ["hydra.mode=RUN", "seed=0,1"], "seed=0,1"),
    ("RUN mode with a wrong value", ["hydra.mode=RUN", "seed=-1"], "seed=-1: must be >= 0"),
    ("RUN mode with a wrong store", ["hydra.mode=RUN", "tracking.uri=x"], "tracking.uri=x"),
    ("another sweeper with a wrong value", ["hydra/sweeper=basic", "seed=-1"], "seed=-1: must be >= 0"),
    ("another sweeper with a plan", ["hydra/sweeper=basic", "dry_run=true"], "dry_run=true: only the grid sweeper"),
    ("another launcher with a wrong value", ["hydra/launcher=basic", "seed=-1"], "seed=-1: must be >= 0"),
    ("a search path that is not there", "hydra.searchpath=[file:///dev/null/x]", "/dev/null/x"),
    ("the sweeper's own grid: unknown key", "+hydra.sweeper.params.nosuch=1", "nosuch"),
    ("the sweeper's own grid: wrong value", "+hydra.sweeper.params.seed='0,-1'", "seed=-1"),
]
TOGETHER = [
    ("patience without validation", ["trainer.patience=2", "data.val_fraction=0"], "trainer.patience=2 needs"),
    (
        "warm-up longer than training",
        ["schedule=linear_warmup", "schedule.warmup_epochs=41"],
        "schedule.warmup_epochs=41",
    ),
    ("boundaries that fall", ["schedule=multistep", "schedule.boundaries=[3,2]"], ["schedule", "[3, 2]"]),
    ("too many boundaries", ["schedule=warmup_cosine", "schedule.boundaries=[1,2]"], ["schedule", "got 2"]),
    ("too few boundaries", ["schedule=warmup_cosine", "schedule.boundaries=[]"], ["schedule", "got 0"]),
    ("both forms of layers", ["arch=uniform", "+arch.hidden_layer_sizes=[1]"], "arch: give either"),
    ("depth without width", ["arch=uniform", "arch.width=null"], "arch: give either"),
    ("no form of layers", "arch.hidden_layer_sizes=null", "arch: give either"),
    ("a value that must be given", "arch=custom", "arch.hidden_layer_sizes: must be given"),
    ("a key that another choice has", "schedule.gamma=1", "schedule.gamma: there is no such key"),
    ("depth of a listed architecture", "arch.depth=3", "arch.depth: there is no such key"),
    ("a network deeper than memory", ["arch=uniform", f"arch.depth={10**11}"], "arch.depth"),
    ("a layer wider than memory", f"arch.hidden_layer_sizes=[{10**15}]", "arch.hidden_layer_sizes"),
]
INTERPOLATIONS = [
    ("a loop of two keys", ["seed=${trainer.epochs}", "trainer.epochs=${seed}"], "seed"),
    ("a loop through a group", "arch.name=${arch}", "arch.name"),
    ("a key that is not there", "seed=${nosuch}", "seed"),
    ("an interpolation below a number", "seed=${trainer.epochs.x}", "seed"),
    ("an unknown resolver", "seed=${nosuch:1}", "seed: Unsupported interpolation type nosuch"),
    ("an environment variable that is not set", "tracking.uri=${oc.env:NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE"),
    ("an unclosed brace", "seed=${", "seed=${: cannot be read"),
    ("Hydra's runtime where there is none", "seed=${hydra:nosuch}", "seed"),
]
WRITTEN = [
    ("no value", "seed=", "seed="),
    ("only a sign of equality", "=5", "=5"),
    ("spaces around it", "seed = 5", "seed"),
    ("a full-width sign of equality", "seed\N{FULLWIDTH EQUALS SIGN}5", "seed"),
    ("an unclosed quote", "seed='5", "seed='5: cannot be read"),
    ("unclosed settings", "arch={a: 1", "arch={a: 1: cannot be read"),
    ("unquoted letters beyond ASCII", "seed=\N{LATIN SMALL LETTER E WITH ACUTE}", "seed="),
    ("a byte that is no text", "seed=a\udcff", "seed=a\\udcff"),
    ("a control character", "seed=\x1b[2J", "seed=\\x1b"),
    ("a line end", "seed=1\nnnsweep: error: forged", "seed"),
    ("adding a key that is there", "+seed=1", "seed"),
    ("deleting a key that is not there", "~nothing", "nothing"),
    ("deleting a key that is needed", "~seed", "seed: is missing"),
    ("deleting a group of settings", "~tracking", "tracking: is missing"),
    ("changing a key that is not there", "trainer.momentum=1", "trainer.momentum: there is no such key"),
    ("adding a key that nobody reads", "+trainer.momentum=1", "trainer.momentum=1: there is no such key"),
    ("a key below a number", "seed.x=1", "seed"),
    ("an index into a list that is too short", "arch.hidden_layer_sizes.7=1", "hidden_layer_sizes"),
    ("settings for a number", "++seed={x: 1}", "seed={'x': 1}"),
    ("a list for settings", "tracking=[1]", "tracking"),
    ("a number for settings", "tracking=5", "tracking=5: must be settings"),
    ("null for settings", "trainer=null", "trainer"),
    ("a number for the sweep's settings", "sweep=5", "sweep=5: must be settings"),
    ("null for the sweep's settings", "sweep=null", "sweep=null: must be settings"),
    ("a list for the sweep's settings", "sweep=[1]", "sweep=[1]"),
    ("an unknown key of the sweep", "+sweep.max_job=1", ["sweep.max_job", "did you mean 'max_jobs'?"]),
    ("a name within settings that is a number", "+trainer={5: 1}", "trainer.5"),
    ("a very long value", f"seed={LONG}", "seed=xxx"),
]
BAD = [*UNKNOWN_CHOICES, *ODD_CHOICES, *IMPORTS, *HYDRAS, *TOGETHER, *INTERPOLATIONS, *WRITTEN]


def test_bad_configuration_is_refused(bad, refused):
    if bad.name == "launcher: not installed" and importlib.util.find_spec("ray"):
        pytest.skip("ray is installed here")
    refused(bad)
