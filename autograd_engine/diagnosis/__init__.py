"""Why a value or a gradient is NaN, infinite, zero or huge, and what to write instead.

The reading order: origins (which `check_gradients` asks, too), as_python, rewrites, matching, trials, causes,
value_paths, gradient_paths, why, debug. Each module imports only from those before it.
"""
