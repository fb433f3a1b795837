"""The appendices that are made from what is there: A1, every public name."""
