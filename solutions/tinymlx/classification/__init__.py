"""What a classifier of pictures needs around its network (chapter 16).

=====================  =================================================================
:mod:`.duplicates`     fingerprints of pictures, and groups of those that look alike
:mod:`.partition`      a split that keeps groups together and classes in proportion
:mod:`.budget`         parameters and operations of both families, the widest that fits
:mod:`.rates`          a search for the learning rate; which weights decay
:mod:`.distillation`   a small network that learns from the answers of a large one
:mod:`.temperature`    probabilities that mean what they say
:mod:`.comparison`     how sure a number of right answers is, and a difference of two
:mod:`.explanation`    what attention passed on, and what a covered square takes away
=====================  =================================================================
"""
