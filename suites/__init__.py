"""The suites: one folder for each area, one function for each case."""
