"""What other suites print, as records of ours: one report and one gate for all of a vendor's suites."""
