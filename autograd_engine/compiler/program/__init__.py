"""What a compiled function computes, as data: from a trace to a simplified program.

`program` defines what a program is: instructions, and the blocks and regions that say in which order and in which
loops they are executed. `traced_function` runs a function and lets `build` make a program of the trace: `build` passes
each node to `simplify`, which asks `rules` about every operation, and `regions` divides the result into loops over
samples and shared code. `listing` prints a program.
"""
