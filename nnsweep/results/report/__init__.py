"""The report of a study: the answer in words with its uncertainty, the tables and pictures it rests on, in a file.

What is said (`findings`) is apart from how it looks (`html`, `markdown`, `latex`).
"""
