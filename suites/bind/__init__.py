"""Binding connections to a session: what is refused, what channels share, what outlives the loss of one."""
