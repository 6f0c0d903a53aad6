import inspect
import subprocess
import sys

import pytest

from nnsweep.data.load import DATA_SETS, OWN, load
from nnsweep.errors import DataError
from nnsweep.mlp.choices import interval, settings

TABLES = sorted(set(DATA_SETS) - {"newsgroups", *OWN})
REQUIRED = {"table": {"path"}, "text": {"path"}, "openml": {"dataset"}}


@pytest.mark.parametrize("name", TABLES)
def test_a_data_set_answers_to_its_name(name):
    data = load(name, val_fraction=0.1, test_fraction=0.3, split_seed=5)
    assert data.name == name
    assert data.digest == DATA_SETS[name](val_fraction=0.1, test_fraction=0.3, split_seed=5).digest


def test_no_reader_is_imported_before_a_table_is_read():
    code = "import sys, nnsweep.data.load; print(*(name for name in sys.modules if 'data.reading' in name))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


@pytest.mark.parametrize("first", ["load", "downloads", "user_data"])
def test_data_sets_have_one_order_whatever_is_imported_first(first):
    code = f"import nnsweep.data.{first}; from nnsweep.data.load import DATA_SETS; print(*DATA_SETS)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert names[0] == "digits"
    assert names == [*DATA_SETS] == [*DATA_SETS.signatures]


@pytest.mark.parametrize("name", TABLES)
def test_no_validation_fraction_no_validation_part(name):
    assert load(name, val_fraction=0).val is None


@pytest.mark.parametrize("name", DATA_SETS)
def test_numbers_have_ranges_and_optional_settings_have_defaults(name):
    known = settings(DATA_SETS[name])
    required = {setting for setting, (_, default) in known.items() if default is inspect.Parameter.empty}
    assert required == REQUIRED.get(name, set())
    for annotation, default in known.values():
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert default in interval(annotation)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(DataError, match=r"data\.name='brest_cancer'.*'breast_cancer'"):
        load("brest_cancer", val_fraction=0)


def test_an_unknown_setting_is_answered_with_the_nearest():
    with pytest.raises(DataError, match="'split_sed' does not exist; did you mean 'split_seed'"):
        load("iris", val_fraction=0, split_sed=1)


def test_reading_the_settings_does_not_import_scikit_learn():
    code = "import sys, nnsweep.data.load; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
