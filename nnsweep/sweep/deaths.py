"""Deaths of workers: which jobs are run again, and which one a worker has died of.

A job may have cost its worker only if it does so again when it is alone; its neighbours were innocent.
"""

from collections import Counter
from collections.abc import Sequence


class Deaths:
    """How often each job of a launch was with a worker that died."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def of(self, numbers: Sequence[int]) -> list[list[int]]:
        """Note that a worker has died which had some jobs; give what shall be run again, each part by itself.

        Parameters
        ----------
        numbers : sequence of int
            The jobs, one of which it may have died of.

        Returns
        -------
        list of list of int
            The two halves, or the only job if it was not with a dead worker before; nothing if it was.

        Examples
        --------
        >>> deaths = Deaths()
        >>> deaths.of([1, 2, 3]), deaths.of([1]), deaths.of([2, 3]), deaths.of([4])
        ([[1], [2, 3]], [], [[2], [3]], [[4]])
        """
        self._counts.update(numbers)
        if len(numbers) == 1 and self._counts[numbers[0]] > 1:
            return []
        half = len(numbers) // 2
        return [[*part] for part in (numbers[:half], numbers[half:]) if part]
