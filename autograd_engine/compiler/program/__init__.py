"""What a compiled function computes, as data: from a trace to a simplified program.

`program` says what a program is: instructions, and blocks and regions that say in which order and in which loops they
are executed. `traced_function` runs a function and has `build` make a program of the trace: it hands each node to
`simplify`, which asks `rules` about every operation, and `regions` divides the result into loops over samples and
shared code. `listing` prints a program.
"""
