"""From a program to functions in this process.

`layout` is what a kernel and its caller agree on. `modules` writes a program as LLVM IR: `memory` decides where each
number is kept, `body` writes the straight lines with a `builder`, which looks up each operation in `lower` (and for
calls of functions in `calls` and `vector_math`), and `loops` writes what goes around them. `native` makes machine code
of the modules and keeps it on disk; `executable` runs it in memory of its own, and `entry` lets C do so.
"""
