"""Kernels of one's own, for Metal and CUDA.

=============  ==========================================================================
``launch``     what a kernel is, the words in which it is written, and running it
``plain``      the kernels of the exercises, one element at a time
``rows``       what the wide kernels of rows have in common
``softmax``    softmax forwards and backwards
``norms``      layer norm and RMS norm, forwards and backwards
``moves``      transposition by tiles, sums of rows
``attention``  flash attention, forwards and backwards; ``attention_tensor`` and
               ``attention_tensor_pull`` the same for CUDA's tensor cores
``lstm``       an LSTM over all times
``adam``       Adam's update
``quantized``  a product with a quantized matrix
``functions``  all of them as functions of arrays, with derivatives
=============  ==========================================================================
"""
