"""Where time and memory go, and how to spend less of both.

================  =============================================================================
``profiler``      a table and a trace file: which operation took how long, and made how much
``recompute``     which blocks of a network to compute again, under a bound of memory
``bucketing``     lengths to which sequences are padded, so that shapes repeat
``prefetching``   batches that a thread makes while the step before is computed
================  =============================================================================
"""
