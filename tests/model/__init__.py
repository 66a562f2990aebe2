"""The reference ledger, random histories, and the two played in lockstep."""
