"""scikit-learn's view of the trainer: a classifier, and searches whose many fits are trained as stacks."""
