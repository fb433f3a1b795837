"""Recurrence: cells, and the loop over time as one primitive.

=========  ==========================================================
``cells``  one step of an RNN, LSTM or GRU, and its derivative
``loop``   a cell over time, forwards and backwards
=========  ==========================================================
"""
