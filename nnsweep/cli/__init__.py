"""The program: its commands, what the Tab key offers, and the doctor."""
