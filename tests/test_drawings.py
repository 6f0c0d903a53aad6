"""The pictures of the explanations are those that `python tools/drawings.py` draws, and the rooms are the real ones."""

import runpy
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.pages import ROOT
from tests.test_architecture import KNOWS, LEAVES

PATH = ROOT / "tools" / "drawings.py"

if not PATH.is_file():
    pytest.skip("this is not a checkout: there are no drawings", allow_module_level=True)


@pytest.fixture(scope="module")
def drawings() -> Iterator[SimpleNamespace]:
    """Give what the script defines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PATH.parent)
        yield SimpleNamespace(**runpy.run_path(str(PATH)))


def test_every_picture_is_the_one_that_is_drawn(drawings):
    drawn = {f"{name}.svg": str(draw()) for name, draw in drawings.DRAWINGS.items()}
    there = {path.name: path.read_text(encoding="utf-8") for path in drawings.PICTURES.glob("*.svg")}
    assert [name for name in drawn if there.get(name) != drawn[name]] == [], "run python tools/drawings.py"


def test_the_arrows_of_the_rooms_are_those_of_the_imports(drawings):
    def follow(room: str) -> set[str]:
        return {room}.union(*map(follow, drawings.ARROWS.get(room, ())))

    drawn = {room: follow(room) | {*drawings.LEADS_NO_FURTHER.get(room, ())} for room in drawings.ROOMS}
    assert drawn == {room: known - LEAVES for room, known in KNOWS.items()}
