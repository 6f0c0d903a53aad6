"""nnsweep answers which depth, width, activation and learning-rate schedule to use, and how sure we are.

A study is a few calls: ``runs = nnsweep.sweep(["arch=shallow,wide", "seed=range(0,5)"])``, or
``nnsweep.load_results("study")`` of a finished one, then `compare`, `effects` and pictures of it. What is named in
``__init__.pyi`` is imported when it is first used, so that importing the package costs nothing.

The rooms of the package are described in ``docs/architecture.md``.
"""

import lazy_loader

__version__ = "1.0.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
