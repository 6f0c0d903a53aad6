"""A sweep from Python: the same jobs, runs and keys as on the command line, and the results as a frame.

Like `nnsweep.cli.main`, this module ties the packages together; it knows neither a command line nor a terminal.
"""

import contextlib
import logging
import os
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from nnsweep.jobs.display import Display
    from nnsweep.jobs.multirun import HydraRequest
    from nnsweep.jobs.outcome import SweepResult
    from nnsweep.results.runs import Runs


_lock = threading.Lock()  # Hydra's state, the environment and signals are those of the process


def sweep(
    overrides: str | Sequence[str] = (),
    *,
    experiment: str | None = None,
    uri: str | None = None,
    config_dir: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    progress: bool | None = None,
    **settings: Any,
) -> "Runs":
    """Run a grid of jobs, and return their results; what has been run before, from wherever, is not run again.

    It is ``python -m nnsweep`` with the same overrides: the same jobs have the same keys, so that a sweep from a
    notebook fills the command line's table, and the other way round.

    Parameters
    ----------
    overrides : str or sequence of str
        As on the command line, such as ``["arch=shallow,wide", "seed=range(0,5)"]``.
    experiment : str, optional
        MLflow's experiment, as for `nnsweep.load_results`: where runs are recorded (``tracking.experiment``). A preset
        of the command line is chosen by an override, ``"experiment=notebook"``.
    uri : str, optional
        The store (``tracking.uri``); ``MLFLOW_TRACKING_URI`` or ``sqlite:///mlflow.db`` if not given.
    config_dir : path, optional
        A folder with configurations of your own, as ``--config-dir`` has it.
    folder : path, optional
        Where the folder ``multirun`` is made, and an SQLite store lies whose address is relative; the working folder
        if not given.
    dry_run : bool
        Run nothing and change nothing; return the plan.
    progress : bool, optional
        Whether to show how far the sweep is. By default a notebook and a terminal show a bar, and a script writes a
        line on standard error now and then if the sweep takes long; True prints the plan, too, and writes a line every
        few seconds. The frame is the answer: no table is printed.
    **settings
        Any other key of the configuration, with ``__`` for a dot: ``trainer__epochs=5``. A list, a tuple or a range is
        several values to sweep over, as in ``arch=["shallow", "wide"]`` or ``seed=range(5)``; for a setting that takes
        a list, a flat one is its value, as in ``arch__hidden_layer_sizes=[20, 20]``. They win over `overrides`.

    Returns
    -------
    Runs
        A pandas frame, one row a run, the best first: what `nnsweep.load_results` gives of this sweep, those of earlier
        sweeps whose results it has taken over included, and jobs that failed or diverged with their state and reason.
        Its ``attrs`` have ``sweep`` (the sweep's id), ``experiment`` and ``store`` (without passwords), and ``notes``
        if some jobs went without a setting that only others of the grid have.
        With `dry_run`, one row a job in the order of the grid: ``action`` (``run``, ``reuse`` or ``wait``) is what
        would be done, ``state`` that of an earlier run or ``new``.

    Raises
    ------
    ConfigError
        If the configuration is wrong; with all problems, before anything is run or made.
    DataError
        If the data cannot be used, likewise.
    StoreError
        If the store cannot be used, or does not have everything at the end; what waits then is told with the command
        that sends it.
    KeyboardInterrupt
        If the user interrupts: when the epoch has ended, and with all runs closed. The same call goes on.

    Warns
    -----
    UserWarning
        If jobs did not finish.

    Notes
    -----
    Sweeps of one process run one after the other, also from several threads. From another thread than the main one a
    sweep cannot be interrupted.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import nnsweep
    >>> with TemporaryDirectory() as folder:
    ...     runs = nnsweep.sweep(["arch=linear,shallow"], data="iris", seed=range(2), trainer__epochs=2, folder=folder)
    >>> sorted(runs["arch"]), set(runs["state"])
    (['linear', 'linear', 'shallow', 'shallow'], {'finished'})
    """
    from nnsweep.files import expand_home
    from nnsweep.jobs.arguments import read_command_line
    from nnsweep.jobs.conf_tree import conf_dir
    from nnsweep.jobs.multirun import HydraRequest
    from nnsweep.jobs.overrides import check_overrides, make_override, make_overrides

    for name, given in (("config_dir", config_dir), ("folder", folder)):
        if not isinstance(given, str | os.PathLike | None):
            raise TypeError(f"{name} is of the type {type(given).__name__}; pass the path of a folder")
    with guard_process():
        words = [*check_overrides(overrides), *make_overrides(settings)]
        words += [] if uri is None else [make_override("tracking.uri", uri)]
        words += ["dry_run=true"] if dry_run else []
        words += [] if config_dir is None else ["--config-dir", os.fspath(config_dir)]
        line = read_command_line(words)
        place = None if folder is None else Path(expand_home(folder)).absolute()
        request = HydraRequest(
            overrides=line.overrides, conf=conf_dir(), own=line.own, folder=place, experiment=experiment
        )
        result = _run_request(request, progress=progress)
        return _frame_plan(result) if result.plan else _load_results(result)


@contextlib.contextmanager
def guard_process() -> Iterator[None]:
    """Do one thing at a time to the process, and leave its environment, its printing and its errors as a caller knows.

    Raises
    ------
    UserError
        For whatever the user can mend, with nothing secret in it.
    """
    from nnsweep import streams
    from nnsweep.jobs import worker
    from nnsweep.jobs.environment import keep_store_address
    from nnsweep.tracking.backend import forget_backends

    with _lock, _translate_errors(), streams.keep_printing(), keep_store_address():
        worker.load_dataset.cache_clear()  # files may be others than at the last call
        forget_backends()
        yield


def _run_request(request: "HydraRequest", *, progress: bool | None) -> "SweepResult":
    from nnsweep.jobs.hydra_job import VERSION_BASE, run_job
    from nnsweep.jobs.multirun import compose_sweep

    display = make_display(progress)

    def sweep_jobs(sweeper: Any, arguments: list[str]) -> "SweepResult":
        result: SweepResult = sweeper.run(arguments, display)
        return result

    def run() -> "SweepResult":
        result = compose_sweep(request, run_job, sweep_jobs, **VERSION_BASE)
        assert result is not None
        return result

    return run_interruptibly(run)


def make_display(progress: bool | None) -> "Display":
    """Make what shows a sweep from Python: its progress as the caller wants it, and no table."""
    from nnsweep.jobs.display import Display

    if not isinstance(progress, bool | None):
        raise TypeError(f"progress is of the type {type(progress).__name__}; pass True, False or None")
    shown = {None: "bar", True: "lines", False: None}[progress]
    return Display(plan=progress is True, progress=shown, table=False)


def run_interruptibly(run: "Callable[[], SweepResult]") -> "SweepResult":
    """Run a sweep, and let what interrupts it do to the process what it would have done.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts, with all runs closed.
    """
    from nnsweep.jobs import interrupt

    try:
        with _restore_logging(), interrupt.obey_signals():
            result = run()
            if result.interruption:
                raise result.interruption
            return result
    except interrupt.Interrupted as interrupted:
        if interrupted.number != signal.SIGINT:
            signal.raise_signal(interrupted.number)  # the runs are closed: it does now what it would have done
        raise KeyboardInterrupt("the sweep was interrupted; the same call goes on") from None


@contextlib.contextmanager
def _restore_logging() -> Iterator[None]:
    """Leave the root logger as it was: launchers give it to their jobs."""
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Let whatever the user can mend be an error of ours, in which nothing is secret."""
    from nnsweep.errors import ConfigError, UserError, machines
    from nnsweep.jobs.problems import explain_error
    from nnsweep.text import mask_secrets

    try:
        yield
    except Exception as error:
        own = error if isinstance(error, UserError) else machines(error)
        problems = own.problems if own else explain_error(error)
        if problems is None:
            raise
        raise (type(own) if own else ConfigError)(*map(mask_secrets, problems)) from None


def _load_results(result: "SweepResult") -> "Runs":
    """Read the runs of a sweep; jobs that never became a run are known from the sweep alone."""
    from nnsweep.api.load import find_experiment, read_records
    from nnsweep.errors import StoreError
    from nnsweep.results.frame import frame
    from nnsweep.results.selection import rank_runs

    if result.problem:
        raise StoreError(result.problem)
    recorded = read_records(find_experiment(result.experiment, result.uri), result.sweep)
    runs = rank_runs(frame([*recorded, *(record for record in result.records if not record.run_id)]))
    if unfinished := Counter(state for state in runs["state"] if state != "finished"):
        states = ", ".join(f"{count} {state}" for state, count in unfinished.items())
        warnings.warn(f"{unfinished.total()} of {len(runs)} jobs did not finish: {states}", stacklevel=3)
    return _add_origin(runs, result)


def _frame_plan(result: "SweepResult") -> "Runs":
    """Lay the plan out as a frame, a row for each job."""
    from nnsweep.jobs import names
    from nnsweep.jobs.worker import load_dataset
    from nnsweep.results.frame import frame
    from nnsweep.tracking.record import RunRecord

    records = []
    for number, choice in result.plan.items():
        task, earlier = result.tasks[number], choice.record
        record = RunRecord(
            run_id=earlier.run_id if earlier and choice.action == "reuse" else "",
            name=task.place.name,
            state=choice.why,
            reason=choice.holder or ", ".join(choice.changed),
            settings=names.flatten_settings(task.job, task.place.chosen),
            metrics=names.measure_sizes(task.job, load_dataset(task.job.data)),
            sweep=earlier.sweep if earlier and choice.action == "reuse" else "",
            job=number,
        )
        records.append(record)
    plan = frame(records)
    plan.insert(1, "action", [choice.action for choice in result.plan.values()])
    return _add_origin(plan, result)


def _add_origin(runs: "pd.DataFrame", result: "SweepResult") -> "Runs":
    """Say in a frame's attributes which sweep it is of."""
    from nnsweep.results.runs import Runs
    from nnsweep.text import mask_secrets

    runs.attrs |= {"sweep": result.sweep, "experiment": result.experiment, "store": mask_secrets(result.uri)}
    runs.attrs |= {"notes": [*result.notes]} if result.notes else {}
    return Runs.of(runs)
