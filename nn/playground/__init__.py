"""The playground: a page in the browser on which a small network is trained, taken apart and explained.

How to read this package: `settings.py` is everything a user can choose, `lessons.py` choices to learn from, `data.py`
the points, `engine.py` the network as functions of arrays, `session.py` what one open page does with them, `server.py`
how the page talks to it. `inspection.py`, `landscape.py` and `script.py` are views of a session; the page itself is in
`static/`.

Only `server.py` needs the extra `playground`.
"""
