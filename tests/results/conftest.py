"""Records, frames and histories as a small sweep leaves them."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from nnsweep.mlp.evaluation import evaluate_classes
from nnsweep.results.frame import frame
from nnsweep.tracking.record import Evaluation, RunRecord

PAYLOADS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "   =1+1",
    "\u00a0=1",
    "\u200b=1",
    "＝1+1",  # noqa: RUF001
    "=HYPERLINK('http://evil')",
    "'=1",
    "'",
    'say "no", twice',
    "a|b",
    "a`b`",
    "[link](javascript:alert(1))",
    "![x](http://evil/x.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "&lt;b&gt;",
    "http://evil www.evil.com me@evil.com",
    r"\input{/etc/passwd}",
    r"\write18{rm}",
    "$x^2$ & 50% #1 _a_ {b} ~c",
    r"\\[1cm]",
    "[red]text[/red]",
    "\x1b[2J",
    "two\nlines\r\nor three",
    "nul\x00",
    "\u202egnp.exe",
    "\ud800",
    "*bold* **more**",
    "trailing\\",
    " spaced ",
    "",
]


def record(job: int = 0, *, state: str = "finished", reason: str = "", **metrics: float) -> RunRecord:
    return RunRecord(
        run_id=f"id{job}",
        name=f"20-20-tanh-inv-s{job}",
        state=state,
        reason=reason,
        settings={"arch": "wide", "seed": job, "trainer.epochs": 100},
        metrics=metrics,
        sweep="s1",
        job=job,
    )


@pytest.fixture
def records() -> list[RunRecord]:
    return [
        record(0, best_val_accuracy=0.95, test_accuracy=0.9722222222222222, best_epoch=40.0, duration_seconds=1.25),
        record(1, best_val_accuracy=0.97, test_accuracy=0.9611111111111111, best_epoch=60.0, duration_seconds=1.5),
        record(2, state="diverged", reason="the cost is not finite at epoch 12", duration_seconds=0.25),
    ]


@pytest.fixture
def runs(records: list[RunRecord]) -> pd.DataFrame:
    return frame(records)


@pytest.fixture
def odd_runs() -> pd.DataFrame:
    """A frame in which names, settings' names, settings and reasons are hostile."""
    return frame(
        [
            RunRecord(run_id=str(row), name=text, state="failed", reason=text, settings={"note": text, "=cmd|x": -0.5})
            for row, text in enumerate(PAYLOADS)
        ]
    )


@pytest.fixture
def history() -> pd.DataFrame:
    epochs = np.arange(11)
    accuracy = np.where(epochs % 5 == 0, 1 - 1 / (epochs + 2), np.nan)
    return pd.DataFrame(
        {"epoch": epochs, "learning_rate": 0.1, "train_cost": 1 / (epochs + 1), "test_accuracy": accuracy}
    )


@pytest.fixture
def evaluated() -> Callable[..., tuple[pd.DataFrame, dict[str, Evaluation]]]:
    """Give a function that makes the runs of two configurations, of which ``20`` is the better, with evaluations."""

    def make(
        names: Sequence[str] = ("no", "yes"), *, n: int = 200, seeds: int = 3, temperature: float = 1.0
    ) -> tuple[pd.DataFrame, dict[str, Evaluation]]:
        records, evaluations, k = [], {}, len(names)
        for layers, sharpness in (("20", 2.0), ("8", 1.0)):
            for seed in range(seeds):
                random, run_id = np.random.default_rng(seed), f"{layers}/{seed}"
                y = np.arange(n) % k
                outputs = sharpness * np.eye(k)[y] + random.normal(size=(n, k))
                confusion, reliability = evaluate_classes(outputs, y, temperature)
                facts = {"task": "classification", "epoch": 3, "test_digest": "", "names": tuple(names)}
                evaluations[run_id] = Evaluation(
                    confusion=confusion, reliability=reliability, temperature=temperature, **facts
                )
                records.append(
                    RunRecord(
                        run_id=run_id,
                        name=f"{layers}-s{seed}",
                        state="finished",
                        settings={"hidden_layer_sizes": layers, "seed": seed, "data": "digits"},
                        metrics={"test_accuracy": confusion.trace() / n, "best_val_accuracy": confusion.trace() / n},
                        job=len(records),
                    )
                )
        return frame(records), evaluations

    return make


@pytest.fixture
def evaluated_numbers() -> Callable[..., tuple[pd.DataFrame, dict[str, Evaluation]]]:
    """Give a function that makes three runs of one configuration that predicts numbers or labels."""

    def make(names: Sequence[str] = ("y",), **arrays: object) -> tuple[pd.DataFrame, dict[str, Evaluation]]:
        records, evaluations = [], {}
        for seed in range(3):
            random = np.random.default_rng(seed)
            targets = 100 + 10 * random.normal(size=(200, len(names)))
            facts = {"task": "regression", "epoch": 3, "test_digest": "", "names": tuple(names)}
            drawn = arrays or {"targets": targets, "errors": 5 + random.normal(size=targets.shape)}
            evaluations[str(seed)] = Evaluation(**facts | drawn)
            records.append(
                RunRecord(
                    run_id=str(seed),
                    name=f"20-s{seed}",
                    state="finished",
                    settings={"hidden_layer_sizes": "20", "seed": seed, "data": "diabetes"},
                    metrics={"test_rmse": 5.0 + seed, "test_accuracy": 0.5},
                    job=seed,
                )
            )
        return frame(records), evaluations

    return make
