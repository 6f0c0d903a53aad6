import pytest

from nnsweep.data.names import require_known
from nnsweep.errors import DataError


def test_a_known_name_is_itself():
    assert require_known("data.name", "iris", ["digits", "iris"]) == "iris"


def test_unknown_name_is_refused_with_the_nearest_and_all_names():
    with pytest.raises(DataError, match=r"data\.name='igits' .*did you mean 'digits'\? Known: digits, iris"):
        require_known("data.name", "igits", ["digits", "iris"])


def test_a_name_like_none_of_them_gets_the_list_alone():
    with pytest.raises(DataError, match=r"^data\.name='zzz' does not exist; known: digits, iris$"):
        require_known("data.name", "zzz", ["digits", "iris"])
