"""The report of a study: the answer in words with its uncertainty, the tables and pictures it rests on, in a file.

`content` and the modules `section_*` decide what it says; `html`, `markdown` and `latex` decide how it looks.
"""
