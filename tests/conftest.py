"""Settings of hypothesis: the same examples in every run, no deadlines, since machines are noisy.

`pytest --hypothesis-profile=thorough` looks longer, and elsewhere each time.
"""

from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("project")
