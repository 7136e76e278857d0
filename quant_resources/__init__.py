import feature_store  # noqa: F401 -- pins the numeric platform before anything loads NumPy (ADR 15)
