"""From a program to a C99 file.

`export` has `to_c`, which traces the function and puts the file together. `functions` writes a program as C functions,
with the expressions in `forms`; `file` writes the comment at the top, the helpers and the self-test.
"""
