"""The five works as data: who does each, by which command, what is compared with what, and what was hoped for.

A contender runs in a fresh folder with a ready store in it. `{python}` and `{here}` in a command stand for the
interpreter and this folder.
"""

from dataclasses import dataclass, field
from typing import Literal

Value = Literal["seconds", "training_seconds", "seconds_per_job"]

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")}
NNSWEEP = "{python} -m nnsweep tracking.pictures=false"
GRID = "arch=uniform arch.depth=1,2,3 arch.width=32,64,128 schedule=constant"
SEEDS = (1, 2, 4, 8, 16, 32, 64)
MANY = 1000
PEER_MANY = 100
PEER_TREES = (  # what the peer of work d composes, by which script, with which further overrides
    (
        "our configuration",
        "hydra_tree.py",
        " hydra/sweeper=basic hydra/launcher=basic trainer.epochs=1 schedule=constant",
    ),
    ("one small file", "hydra_basic.py", ""),
)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A command that does a work.

    Attributes
    ----------
    name : str
        Unique in its work.
    command : str
        Its words, with spaces between them.
    jobs : int
        How many networks it trains.
    environment : dict
        Variables besides those of whoever measures.
    tracked : bool
        Whether each job must be a finished run in the store afterwards.
    """

    name: str
    command: str
    jobs: int
    environment: dict[str, str] = field(default_factory=dict)
    tracked: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What of ours is compared with what of theirs.

    Attributes
    ----------
    text : str
        In words.
    ours, theirs : str, tuple of str
        Contenders; of several of theirs, the fastest counts.
    value : {"seconds", "training_seconds", "seconds_per_job"}
        The whole process from start to exit; what the contender itself says of its training; or, for a job, our whole
        process shared by its jobs against what each further job costs them (`theirs` names few jobs, then many), so
        that their start does not count.
    target : float
        How many times as fast as they we hope to be.
    at_most : float or None
        The most that ours may be, in seconds.
    dtype : {"float32", "float64"} or None
        Whose matrix rate is the limit; None where arithmetic is not.
    cores : int
        On how many cores we may calculate.
    """

    text: str
    ours: str
    theirs: tuple[str, ...]
    value: Value = "seconds"
    target: float
    at_most: float | None = None
    dtype: Literal["float32", "float64"] | None = "float32"
    cores: int = 2


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is trained, for the count of its operations.

    Attributes
    ----------
    data : dict
        Arguments of `nnsweep.data.load.load`.
    architectures : tuple of tuple of int
        Hidden layer sizes, one network each.
    copies : int
        How many networks of each.
    epochs : int
        How often every sample is learned from.
    """

    data: dict[str, object]
    architectures: tuple[tuple[int, ...], ...]
    copies: int
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """One of the five works."""

    text: str
    contenders: tuple[Contender, ...]
    comparisons: tuple[Comparison, ...] = ()
    training: Training | None = None


def _ours(name: str, settings: str, jobs: int) -> Contender:
    return Contender(name=name, command=f"{NNSWEEP} {settings}", jobs=jobs, tracked=True)


def _peer(name: str, command: str, jobs: int, *, one_thread: bool = True, tracked: bool = False) -> Contender:
    return Contender(
        name=name,
        command=f"{{python}} {{here}}/{command}",
        jobs=jobs,
        environment=ONE_THREAD if one_thread else {},
        tracked=tracked,
    )


WORKS = {
    "a": Work(
        text="the notebook's four architectures, 2000 full-batch epochs",
        contenders=(
            _ours("nnsweep float64", "experiment=notebook", 4),
            _ours("nnsweep float32", "experiment=notebook trainer.dtype=float32", 4),
            _peer("notebook, BLAS threads as they come", "peers/notebook.py", 4, one_thread=False),
            _peer("notebook, one BLAS thread", "peers/notebook.py", 4),
        ),
        comparisons=tuple(
            Comparison(
                text=f"{dtype} against the notebook",
                ours=f"nnsweep {dtype}",
                theirs=("notebook, BLAS threads as they come", "notebook, one BLAS thread"),
                target=target,
                dtype=dtype,
            )
            for dtype, target in (("float64", 3.5), ("float32", 5))
        ),
        training=Training(
            data={"name": "newsgroups", "max_features": 100, "val_fraction": 0.0, "vectorizer_fit": "train_and_test"},
            architectures=((20, 20), (8,), (4, 6, 4), (4, 6, 6, 4)),
            copies=1,
            epochs=2000,
        ),
    ),
    "b": Work(
        text="digits, minibatches of 32, 3 depths x 3 widths x 10 seeds, 40 epochs, float32",
        contenders=(
            _ours("nnsweep", f"{GRID} seed=range(0,10)", 90),
            _peer("scikit-learn, joblib, accuracies at every epoch", "peers/sklearn_joblib.py", 90),
            _peer("scikit-learn, joblib, fit alone", "peers/sklearn_joblib.py --fit", 90),
            _peer("PyTorch eager", "peers/torch_eager.py", 90),
            _peer("JAX and MLflow, one process", "peers/jax_vmap.py mlflow --processes 1", 90, tracked=True),
            _peer("JAX and MLflow, two processes", "peers/jax_vmap.py mlflow --processes 2", 90, tracked=True),
            _peer("nnsweep, training alone", "ours_training.py --core 0", 90),
            _peer("JAX, training alone", "peers/jax_vmap.py train --core 0", 90),
        ),
        comparisons=(
            Comparison(
                text="against scikit-learn over joblib, 2 processes",
                ours="nnsweep",
                theirs=("scikit-learn, joblib, accuracies at every epoch",),
                target=5,
            ),
            Comparison(
                text="against scikit-learn's fit alone, 2 processes",
                ours="nnsweep",
                theirs=("scikit-learn, joblib, fit alone",),
                target=5,
            ),
            Comparison(text="against PyTorch eager, 2 processes", ours="nnsweep", theirs=("PyTorch eager",), target=7),
            Comparison(
                text="against a JAX script with the same in MLflow",
                ours="nnsweep",
                theirs=("JAX and MLflow, one process", "JAX and MLflow, two processes"),
                target=4,
            ),
            Comparison(
                text="training alone against compiled JAX, one core",
                ours="nnsweep, training alone",
                theirs=("JAX, training alone",),
                value="training_seconds",
                target=1.1,
                cores=1,
            ),
        ),
        training=Training(
            data={"name": "digits", "val_fraction": 0.1},
            architectures=tuple((width,) * depth for depth in (1, 2, 3) for width in (32, 64, 128)),
            copies=10,
            epochs=40,
        ),
    ),
    "c": Work(
        text="newsgroups, 20,000 features, 8 seeds, 30 full-batch epochs, float32",
        contenders=(
            _ours(
                "nnsweep",
                "data=newsgroups data.max_features=20000 trainer=full_batch trainer.epochs=30 seed=range(0,8)",
                8,
            ),
            _peer("training alone, CSR first layer", "ours_first_layer.py csr --core 0", 8),
            _peer("training alone, dense first layer", "ours_first_layer.py dense --core 0", 8),
        ),
        comparisons=(
            Comparison(
                text="training alone against a dense first layer, one core",
                ours="training alone, CSR first layer",
                theirs=("training alone, dense first layer",),
                value="training_seconds",
                target=10,
                cores=1,
            ),
        ),
        training=Training(
            data={"name": "newsgroups", "val_fraction": 0.1, "max_features": 20000},
            architectures=((32,),),
            copies=8,
            epochs=30,
        ),
    ),
    "d": Work(
        text=f"{MANY} one-epoch jobs: overhead alone",
        contenders=(
            _ours("nnsweep", f"trainer.epochs=1 schedule=constant seed=range(0,{MANY})", MANY),
            *(
                _peer(
                    f"Hydra basic launcher, {of}, {jobs} {'job' if jobs == 1 else 'jobs'}",
                    f"peers/{script} -m seed=range(0,{jobs}){more}",
                    jobs,
                    tracked=True,
                )
                for of, script, more in PEER_TREES
                for jobs in (1, PEER_MANY)
            ),
        ),
        comparisons=tuple(
            Comparison(
                text=f"per job, against Hydra's basic launcher with log_metric, {of}",
                ours="nnsweep",
                theirs=(f"Hydra basic launcher, {of}, 1 job", f"Hydra basic launcher, {of}, {PEER_MANY} jobs"),
                value="seconds_per_job",
                target=40,
                at_most=0.006,
                dtype=None,
            )
            for of, _, _ in PEER_TREES
        ),
    ),
    "e": Work(
        text="(b) at 1, 2, 4, ... 64 seeds: growth",
        contenders=tuple(_ours(f"{seeds} seeds", f"{GRID} seed=range(0,{seeds})", 9 * seeds) for seeds in SEEDS),
    ),
}
