"""The long proofs of the contract kit, run by `nox -s stores`: every seeded store, and storms."""
