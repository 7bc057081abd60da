"""Reports made from records: JUnit, a summary to read, a table for the terminal."""
