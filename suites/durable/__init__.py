"""Durable and resilient handles, application instances: what is granted, what is kept, what comes back."""
