"""What leaves: a trained network with its preparation, as files that need nothing of nnsweep to be used."""
