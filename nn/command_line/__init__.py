"""The command `autograd-engine`.

`main.py` is the entry point and the exit codes, `commands.py` the list of commands, each of which has a file of its
own. `options.py`, `output.py` and `assignments.py` are what several commands share; `networks.py`, `predictor.py`,
`report.py` and `results.py` serve `train` and `predict`.
"""
