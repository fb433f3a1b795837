"""``tinymlx serve``: the model over HTTP. What computes is the reader's; this is what surrounds it.

==============  =========================================================================
``wire``        what clients send and what they get, as OpenAI's clients know it
``worker``      the engine in a thread of its own, and the streams of its answers
``app``         the paths, limits, time-outs, metrics
``page.html``   the demo page
==============  =========================================================================
"""
