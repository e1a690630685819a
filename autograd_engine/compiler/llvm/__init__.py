"""From a program to machine code: straight lines, the loops around them, modules, the linked kernel."""
