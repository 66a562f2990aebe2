"""The use cases, their stores, the contract that proves a store, and the audit."""
