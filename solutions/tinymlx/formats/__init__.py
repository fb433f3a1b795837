"""Files with weights, byte by byte.

=================  ======================================================================
``safetensors``    a header in JSON, then numbers
``gguf``           what llama.cpp and its relatives read
``blocks``         weights in blocks of 32: ``Q8_0`` and ``Q4_0`` of GGUF
``pieces``         pieces of files, read with care
=================  ======================================================================
"""
