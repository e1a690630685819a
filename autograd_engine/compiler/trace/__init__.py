"""Running a function on numbers that only record."""
