"""What touches the machine: files, the system's compiler, memory by address. Given to the reader."""
