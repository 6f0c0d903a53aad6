"""A working folder that is removed while a sweep trains in it."""

import shutil
import time

from tests.outside import QUICK, begin, begin_python, ended, wait_until

SWEEP = ("data=digits", "arch=shallow", "trainer.epochs=150", "seed=range(0,8)", "sweep.max_stack_memory=1MB", QUICK)


def test_a_removed_folder_is_told_without_vain_advice(tmp_path, ready_store_file):
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(ready_store_file, folder / "mlflow.db")
    sweep = begin(folder, *SWEEP, "sweep.workers=1", "tracking.patience=1")
    wait_until(lambda: any(folder.glob("multirun/*/*/record.json")), "the first result")
    for _ in range(20):  # something may be made in it meanwhile
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)
    said = ended(sweep)
    assert said.code == 5
    (line,) = said.err.splitlines()
    assert line.startswith(f"nnsweep: error: what the sweep wrote to {folder}/multirun/")
    assert line.endswith("start it in a folder that stays")
    assert "Use the best" not in said.out
    assert "nnsweep sync" not in said.out + said.err


def test_a_command_in_a_folder_that_is_gone_says_so(tmp_path):
    gone = f"import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); {MAIN}"
    said = ended(begin_python(tmp_path, "-c", gone))
    assert (said.code, said.out) == (5, "")
    assert said.err.startswith("nnsweep: error: the working folder is gone; go to one that stays")


MAIN = "import sys; from nnsweep.cli.main import main; sys.exit(main(['export', 'study']))"
