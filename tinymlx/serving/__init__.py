"""Answering many at once.

=============  ==============================================================================
``pages``      keys and values in pages: who has which, and what attention gets of them
``engine``     requests that come and go while a batch is running
``chunks``     the same with prompts in parts, as a scheduler says
``requests``   what is asked for, and what comes back
``stops``      text that may still turn out to be a stop sequence waits
``streams``    text that can be shown, from the bytes of tokens
``events``     an answer in pieces, over one HTTP response
``scheduling`` which prompts and which answers get on in a step
``batching``   single questions in batches: when there are enough, or when one has waited
``latency``    what percentiles say, and how many are there at a time
=============  ==============================================================================
"""
