"""Estimators that train a network, for the extra "torch"; torch is imported when one estimates."""
