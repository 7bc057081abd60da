"""The compatibility report: which behaviours hold on which server, in one file that needs no network."""
