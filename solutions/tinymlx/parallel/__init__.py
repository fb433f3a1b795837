"""One model, several processes. What they say to each other travels through ``mx.distributed``.

==================  ===========================================================================
``ring``            a sum over all processes, made of messages to a neighbour
``replicas``        each process has the whole model and a part of the batch
``sharded_state``   each process keeps a part of the optimizer's state
``pipeline``        each process has some of the layers
``scaling``         how long a step takes on more devices than there are
``lost``            what is said when a process has died
==================  ===========================================================================

Start a script in two processes of this machine with ``mlx.launch -n 2 script.py``.
"""
