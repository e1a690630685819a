"""What a compiled function computes, as data: from a trace to a simplified program."""
