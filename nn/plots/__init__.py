"""Pictures of training, of cost functions and of what was learned. Each function returns a matplotlib figure.

`progress.py` shows a training as it went, `functions.py` costs and activations, `predictions.py` what a network says;
`style.py` is the look that they share.

A figure stands for itself: it needs no display, leaves the state of `matplotlib.pyplot` alone and shows itself in a
notebook; save it with `savefig`. The colours are those of Okabe and Ito, which colour-blind people can tell apart
too.

>>> loss_curve({"train": [0.9, 0.4, 0.2], "test": [0.8, 0.5, 0.3]}).axes[0].get_xlabel()
'epoch'
"""

from nn.checks import Array
from nn.extras import extra

with extra("train"):
    from nn.plots.functions import activation_functions, cost_surface, descent_curve, heat_map
    from nn.plots.predictions import confusion_matrix, decision_boundary, images, predicted_against_true
    from nn.plots.progress import delta_histograms, learning_rates, loss_curve
    from nn.plots.style import COLOURS, Picture

__all__ = ["COLOURS", "Array", "Picture"]
__all__ += ["delta_histograms", "learning_rates", "loss_curve"]
__all__ += ["activation_functions", "cost_surface", "descent_curve", "heat_map"]
__all__ += ["confusion_matrix", "decision_boundary", "images", "predicted_against_true"]
