"""An ONNX graph that grows node by node."""

from typing import Any

import numpy as np


class Graph:
    """A graph that grows: each method adds nodes and returns the name of what comes out."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **settings: Any) -> str:
        """Add a node."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **settings))
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add a constant, in the network's precision if no other is named."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        array = np.asarray(value, dtype=self.dtype if dtype is None else dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def cast(self, name: str, dtype: Any) -> str:
        """Convert to a precision."""
        from onnx import helper

        return self.add("Cast", name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
