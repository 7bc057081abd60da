"""FSCTL_QUERY_NETWORK_INTERFACE_INFO: what a server says of its network interfaces, and to whom."""
