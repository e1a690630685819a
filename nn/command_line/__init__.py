"""The command `autograd-engine`."""
