"""The doctor: whether all that nnsweep needs is there, and fit for work; nothing is made, changed or sent anywhere."""
