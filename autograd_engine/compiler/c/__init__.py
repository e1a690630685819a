"""From a program to a C99 file."""
