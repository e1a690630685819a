"""Python's statements on numbers that are not known while a function is traced: `if`, `and`, `break`, `return`, ...

A function that branches on such a number is run again with its source rewritten (`rewrite`): each statement becomes a
call of an operator (`operators`). Where the condition is a plain bool, that does what Python does. Elsewhere both sides
run, each on what was there before (`contents`), and `where` chooses between what they leave behind (`choice`).
"""
