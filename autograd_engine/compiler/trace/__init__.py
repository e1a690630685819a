"""Running a function once on symbols, which record what is done with them.

`traced` has the symbol for a number, `arrays` those for array arguments and for the results of vmap, and `errors` the
errors for functions that cannot be traced, which name the line of the user's code.
"""
