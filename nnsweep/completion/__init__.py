"""Completion: what the shell offers when the Tab key is pressed.

A shell asks at every press, so nothing is imported that is slow; and whatever goes wrong there is no answer, and no
message.
"""
