"""The ClientGuid: where it decides who somebody is, and whether a server agrees with itself about that."""
