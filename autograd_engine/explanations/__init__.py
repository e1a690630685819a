"""The chain rule of the user's own code, in words and numbers: explanations, formulas, steps, exercises.

The reading order: symbols, notation, mathml, names, results, chain_rule, tidy, statements, wording, explain, formula,
steps, mistakes, tasks, exercise. Each module imports only from those before it.
"""
