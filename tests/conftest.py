"""Settings of hypothesis: the same examples in every run, no deadlines, since machines are noisy.

`pytest --hypothesis-profile=thorough` looks longer, and elsewhere each time.
"""

from hypothesis import settings

from tests.browser import browser as browser
from tests.browser import page as page

settings.register_profile("project", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("project")
