"""How many operations a work needs, whoever does it: multiplications and additions of its matrix products."""

from itertools import pairwise

from works import Training

from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.mlp.arrays import Features


def operations(training: Training) -> float:
    """Count the operations of all networks: training, and accuracies of every epoch.

    A sample passes each layer once forward and once for the gradient by its weights, and all but the first once for
    the gradient by its inputs. The first layer of a sparse sample needs the stored features alone.
    """
    data = load(**training.data)
    return training.copies * sum(_of_network(data, sizes, training.epochs) for sizes in training.architectures)


def _of_network(data: Dataset, hidden_layer_sizes: tuple[int, ...], epochs: int) -> float:
    sizes = (*hidden_layer_sizes, data.n_classes)
    later = sum(fan_in * fan_out for fan_in, fan_out in pairwise(sizes))
    seen = 0.0
    for name, part in data.parts.items():
        first = _stored(part.X) * sizes[0]
        of_all = later * part.n_samples
        seen += epochs * (4 * first + 6 * of_all) if name == "train" else (epochs + 1) * 2 * (first + of_all)
    return seen


def _stored(X: Features) -> int:
    return int(X.size if hasattr(X, "nnz") else X.shape[0] * X.shape[1])
