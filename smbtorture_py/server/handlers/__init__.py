"""One module per command; the table of them is `server.dispatch.HANDLERS`."""
