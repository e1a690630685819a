"""Training: `fit` and what it is made of.

`fit.py` is the loop over epochs; `samples.py` checks the data, and `steps.py` makes a step on Values. `compiled.py`
makes the same step as native code: `symbolic_copy.py`, `recordings.py`, `random_draws.py` and `random_sources.py`
serve that, `epochs.py` makes many steps in one call, and `spread.py` spreads them over processes. The other files are
what `fit` can do besides: clipping, early stopping, checkpoints, measuring accuracy, and showing progress.
"""

from nn.training.fit import evaluate, fit
from nn.training.history import History

__all__ = ["History", "evaluate", "fit"]
