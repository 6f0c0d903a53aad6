"""The network and its trainer: NumPy and SciPy, and nothing else but the marks of annotated-types.

A whole stack of networks, with leading axis K, is trained as one computation; each gets the result that it would have
alone, bit for bit.

Examples
--------
Three small networks that differ in their seeds, on images of digits:

>>> from nnsweep.data.load import load
>>> from nnsweep.mlp.activations import identity, relu
>>> from nnsweep.mlp.history import collect
>>> from nnsweep.mlp.initializers import he_uniform
>>> from nnsweep.mlp.member import Member
>>> from nnsweep.mlp.network import Network
>>> from nnsweep.mlp.optimizers import OPTIMIZERS
>>> from nnsweep.mlp.schedules import cosine
>>> from nnsweep.mlp.train import Training, train
>>> network = Network(hidden_layer_sizes=(16,), activation=relu(), output_activation=identity())
>>> schedule = cosine(learning_rate=0.1, decay_epochs=10)
>>> own = {"initializer": he_uniform, "schedule": schedule, "learning_rate": 0.1, "hyperparameters": {"momentum": 0.9}}
>>> members = [Member(seed=seed, **own) for seed in range(3)]
>>> training = Training(optimizer=OPTIMIZERS["momentum"], epochs=10, batch_size=32, dtype="float32")
>>> trained = collect(train(load("digits", val_fraction=0.1), network, members, training))
>>> [bool(one.history()["test_accuracy"][one.best_epoch] > 0.9) for one in trained.values()]
[True, True, True]
"""
