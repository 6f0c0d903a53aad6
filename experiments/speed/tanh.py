"""Whether a tanh of NumPy operations would be quicker than NumPy's own, in float64.

The candidate looks up tanh at the nearest multiple of 1/128 and adds the rest by the addition theorem, with a
polynomial of degree 7 for tanh of less than 1/256: 19 passes over a tile that stays in cache. It is measured beside
`numpy.tanh` on tiles, with all of the processor's instructions and with some of them switched off, and its error
against 50 digits of mpmath.

    python experiments/speed/tanh.py
"""

import os
import subprocess
import sys
import time

import mpmath
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = 128  # of the table, in each unit
LAST = 20 * STEPS  # from there on tanh is 1 in float64
TILE = 8192
FEATURES = {  # what is switched off: NumPy's names
    "all instructions": "",
    "without AVX-512": "X86_V4 AVX512_ICL AVX512_SPR",
    "without AVX2": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
}


class TableTanh:
    """Tanh of arrays of one length, with room to compute in."""

    def __init__(self, length: int) -> None:
        self._table = np.array([float(mpmath.tanh(mpmath.mpf(step) / STEPS)) for step in range(-LAST, LAST + 1)])
        self._rest, self._near, self._square, self._small = np.empty((4, length))
        self._index = np.empty(length, np.intp)

    def __call__(self, x: Array, out: Array) -> Array:
        """Write tanh of `x` into `out`."""
        rest, near, square, small = self._rest, self._near, self._square, self._small
        np.multiply(x, STEPS, out=rest)
        np.rint(rest, out=near)
        rest -= near
        near += LAST
        np.copyto(self._index, near, casting="unsafe")
        np.take(self._table, self._index, out=near, mode="clip")
        rest /= STEPS
        np.multiply(rest, rest, out=square)
        np.multiply(square, -17 / 315, out=small)
        for coefficient in (2 / 15, -1 / 3):
            small += coefficient
            small *= square
        small *= rest
        small += rest
        np.multiply(near, near, out=square)
        np.subtract(1, square, out=square)
        square *= small
        small *= near
        small += 1
        square /= small
        return np.add(near, square, out=out)


def nanoseconds(function: object, x: Array, out: Array) -> float:
    """Time one value: the least of nine means, since what disturbs only adds."""
    assert callable(function)
    times = []
    for _ in range(9):
        started = time.perf_counter()
        for _ in range(300):
            function(x, out)
        times.append((time.perf_counter() - started) / 300)
    return min(times) / len(x) * 1e9


def units_in_the_last_place(values: Array, x: Array) -> float:
    """Give the largest error."""
    with mpmath.workdps(50):
        exact = [mpmath.tanh(mpmath.mpf(float(point))) for point in x]
        errors = [abs(mpmath.mpf(float(value)) - e) for value, e in zip(values, exact, strict=True)]
    return float(np.max(np.array(errors, float) / np.spacing(np.abs(values))))


def main() -> None:
    """Measure in this process, and print one row."""
    random = np.random.default_rng(0)
    x, out = random.normal(size=TILE), np.empty(TILE)
    candidate = TableTanh(TILE)
    wide = random.uniform(-25, 25, TILE) * random.random(TILE) ** 4
    errors = [units_in_the_last_place(function(wide, np.empty(TILE)), wide) for function in (np.tanh, candidate)]
    times = [nanoseconds(function, x, out) for function in (np.tanh, candidate)]
    print(*(f"{time:.1f} ns, {error:.2f} ulp" for time, error in zip(times, errors, strict=True)), sep=" | ")


if __name__ == "__main__":
    if "--once" in sys.argv:
        main()
    else:
        print("processor | numpy.tanh | table")
        for name, switched_off in FEATURES.items():
            environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": switched_off}
            print(name, end=" | ", flush=True)
            subprocess.run([sys.executable, __file__, "--once"], env=environment, check=True)
