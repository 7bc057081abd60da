"""Sessions: authentication, re-authentication, expiry, signing and sealing from set-up on, and their end."""
