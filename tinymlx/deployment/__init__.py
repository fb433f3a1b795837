"""What a network needs before it leaves home.

=================  ======================================================================
``ready``          normalizations folded into the layers before them, dropout gone
``exporting``      a function in a file, its weights inside or as inputs; checked
``contract``       what an app must know: pixels, order of channels, classes, softmax
``precision``      which stage loses what float16 cannot hold
``stateful``       one step of a language model, its cache in a fixed shape
``palettes``       weights as look-up tables of a few colours
``pruning``        the smallest weights are zero
=================  ======================================================================
"""
