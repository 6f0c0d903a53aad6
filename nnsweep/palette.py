"""The colours of curves, in our pictures and in the MLflow UI: colour-blind people can tell them apart.

Source: Okabe and Ito, Color universal design, 2008, without its yellow, which is faint on paper.
"""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
