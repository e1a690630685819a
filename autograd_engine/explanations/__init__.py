"""The chain rule of the user's own code, in words and numbers: explanations, formulas, steps, exercises.

The reading order: symbols, notation, names, chain_rule, statements, wording, explain, formula, steps, mistakes, tasks,
exercise. Each module imports only from those before it.
"""
