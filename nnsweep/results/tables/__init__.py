"""Tables: how a frame is shown and written, what it was made of, and whether it is still the same."""
