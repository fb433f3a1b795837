"""Throughput: candidates raced against each other in one run on one device."""
