"""Cases, checks, the lab a case works in, and the catalogue of requirements."""
