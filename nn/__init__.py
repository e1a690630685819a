"""Neural networks of scalar Values."""
