"""PyTorch's answers, one module for each chapter, one function for each probe."""
