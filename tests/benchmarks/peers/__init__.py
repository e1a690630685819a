"""The same work in other systems, each in the form that is fastest for it, in double precision on one core."""
