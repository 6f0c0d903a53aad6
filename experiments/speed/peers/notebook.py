"""The notebook that nnsweep grew out of: its own functions and training loop, four architectures one after another.

The code is the notebook's, cell by cell; imports that nothing uses are left out, ``is 'tanh'`` is written ``==``,
and the comments are gone. Nothing is recorded but what it prints.

    SCIKIT_LEARN_DATA=FOLDER_WITH_20NEWSGROUPS python notebook.py
"""

# ruff: noqa: D103, NPY002, SIM113

import argparse
import copy
import itertools
import json
import time

import numpy as np
from sklearn.datasets import fetch_20newsgroups
from sklearn.feature_extraction.text import TfidfVectorizer

CATEGORIES = ["alt.atheism", "talk.religion.misc", "comp.graphics", "sci.space"]
ARCHITECTURES = [[20, 20], [8], [4, 6, 4], [4, 6, 6, 4]]

newsgroups_train = fetch_20newsgroups(subset="train", categories=CATEGORIES)
newsgroups_test = fetch_20newsgroups(subset="test", categories=CATEGORIES)
num_train = len(newsgroups_train.data)
num_test = len(newsgroups_test.data)
vectorizer = TfidfVectorizer(max_features=100)
X = vectorizer.fit_transform(newsgroups_train.data + newsgroups_test.data)
X_train = X[0:num_train, :]
X_test = X[num_train : num_train + num_test, :]
Y_train = newsgroups_train.target
Y_test = newsgroups_test.target
num_examples, nn_input_dim = X_train.shape
nn_output_dim = 4
epsilon = 0.05


def init_layer(input_dim, output_dim, actFunc):
    np.random.seed(0)
    W = np.random.randn(input_dim, output_dim) / np.sqrt(input_dim)
    b = np.zeros((1, output_dim))
    layer = {"W": W, "b": b, "actFunc": actFunc}
    return layer


def init_layers(nn_architecture):
    layers = []
    for l in nn_architecture:  # noqa: E741
        layer = init_layer(l["input_dim"], l["output_dim"], l["actFunc"])
        layers.append(layer)
    return layers


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(0, z)


def softmax(Z):
    exp_scores = np.exp(Z)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return probs


def sigmoid_backward(dA, Z):
    sig = sigmoid(Z)
    return dA * sig * (1 - sig)


def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def tanh_backward(dA, Z):
    t = np.tanh(Z)
    res = 1 - t * t
    return res * dA


def loss(Z, y):
    probs = softmax(Z)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs)
    return 1.0 / num_examples * data_loss


def single_layer_forward_prop(X, layer):
    Z = X.dot(layer["W"]) + layer["b"]
    if layer["actFunc"] == "relu":
        actFunction = relu
    elif layer["actFunc"] == "sigmoid":
        actFunction = sigmoid
    else:
        actFunction = np.tanh
    return actFunction(Z), Z


def full_layers_forward_prop(X, layers):
    memory_forward = []
    Z_out = X
    memo_forward = {"Z_out": X}
    memory_forward.append(memo_forward)
    layers_now = 0
    for layer in layers:
        Z_out, Z_hide = single_layer_forward_prop(Z_out, layer)
        memo_forward = {"Z_out": Z_out, "Z_hide": Z_hide}
        memory_forward.append(memo_forward)
        layers_now += 1
    return Z_out, memory_forward


def single_layer_backward_prop(memo_forward_now, memo_forward_pre, dA_now, layer):
    X_pre = memo_forward_pre["Z_out"]
    Z_now = memo_forward_now["Z_hide"]
    back_dim = X_pre.shape[0]
    if layer["actFunc"] == "sigmoid":
        actFuncBack = sigmoid_backward
    elif layer["actFunc"] == "relu":
        actFuncBack = relu_backward
    else:
        actFuncBack = tanh_backward
    dZ_now = actFuncBack(dA_now, Z_now)
    dW_now = X_pre.T.dot(dZ_now) / back_dim
    db_now = np.sum(dZ_now, axis=0, keepdims=True) / back_dim
    W_now = copy.deepcopy(layer["W"])
    dA_pre = dZ_now.dot(W_now.T)
    return dA_pre, dW_now, db_now


def full_layers_backward_prop(Z_out, memory_forward, layers, X, y):
    probs = softmax(Z_out)
    probs[range(num_examples), y] -= 1
    dA_pre = probs
    memory_backward = []
    layers.reverse()
    memory_forward.reverse()
    length = len(layers)
    for idx in range(length):
        dA_pre, dW_now, db_now = single_layer_backward_prop(
            memory_forward[idx], memory_forward[idx + 1], dA_pre, layers[idx]
        )
        memo_backward = {"dW_now": dW_now, "db_now": db_now}
        memory_backward.append(memo_backward)
    return memory_backward


def update(layers, memory_backward, learning_rate):
    length = len(layers)
    for idx in range(length):
        layers[idx]["W"] -= learning_rate * memory_backward[idx]["dW_now"]
        layers[idx]["b"] -= learning_rate * memory_backward[idx]["db_now"]
    return layers


def predict(X, layers):
    Z_out, _memory_forward = full_layers_forward_prop(X, layers)
    probs = softmax(Z_out)
    return np.argmax(probs, axis=1)


def get_acc(X, layers):
    acc = np.mean(Y_test == predict(X, layers))
    return acc


def train(X, y, nn_architcture, epochs, base_lr):
    layers = init_layers(nn_architcture)
    cost_history = []
    accuracy_history = []
    best_acc = 0
    lr = base_lr
    power = 0.9998
    gamma = 0.05
    i_lr = 1
    for i in range(epochs):
        Z_out, memory_forward = full_layers_forward_prop(X, layers)
        cost = loss(Z_out, y)
        acc = get_acc(X_test, layers)
        cost_history.append(cost)
        accuracy_history.append(acc)
        if best_acc < acc:
            best_acc = acc
        if i % 100 == 0:
            print("acc: ", acc)
            print("learning_rate", lr)
        if i % 100 == 0:
            lr = lr * (1 + gamma * i_lr) ** (-power)
            i_lr += 1
        memory_backward = full_layers_backward_prop(Z_out, memory_forward, layers, X, y)
        layers = update(layers, memory_backward, lr)
        layers.reverse()
        memory_forward.reverse()
    return layers, cost_history, accuracy_history


def architecture(hidden_layer_sizes):
    sizes = [nn_input_dim, *hidden_layer_sizes, nn_output_dim]
    return [
        {"input_dim": input_dim, "output_dim": output_dim, "actFunc": "tanh"}
        for input_dim, output_dim in itertools.pairwise(sizes)
    ]


def main(epochs):
    started = time.perf_counter()
    accuracies = {}
    for hidden_layer_sizes in ARCHITECTURES:
        print("hidden layers:", hidden_layer_sizes)
        layers, _cost_history, _accuracy_history = train(
            X_train, Y_train, architecture(hidden_layer_sizes), epochs, epsilon
        )
        accuracies["-".join(map(str, hidden_layer_sizes))] = float(get_acc(X_test, layers))
    print(json.dumps({"training_seconds": time.perf_counter() - started, "accuracies": accuracies}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2000)
    main(parser.parse_args().epochs)
