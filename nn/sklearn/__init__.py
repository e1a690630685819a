"""Estimators for scikit-learn: networks as `MLPClassifier` and `MLPRegressor`, any function as `FunctionRegressor`.

They take their place in pipelines, grid searches and cross-validation. A network is an `nn.MLP`, trained by `nn.fit`;
a function is fitted by `nn.least_squares`.
"""

from nn.extras import extra

with extra("train"):
    from nn.sklearn.function_regressor import FunctionRegressor, affine, affine_start
    from nn.sklearn.perceptrons import MLPClassifier, MLPRegressor

__all__ = ["FunctionRegressor", "MLPClassifier", "MLPRegressor", "affine", "affine_start"]
