"""Whole networks, built of the layers of :mod:`tinymlx.nn`: one file for each family.

Those for pictures (chapter 7):

